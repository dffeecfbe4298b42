"""Whether the base point changed while a sweep ran: a line through the logs of its repeats against time.

The slope's t-test gives a false alarm in one of twenty sweeps that did not drift, for noise that is independent and
near lognormal. Its interval says what could have been missed: a sweep is only as comparable as that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from loadkit.analysis.noise import Contrast, told

FEWEST = 4
"""Repeats of the base without which no drift is looked for."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Drift:
    """The change of a metric from the base's first repeat to its last, and whether noise explains it."""

    change: Contrast
    repeats: int
    hours: float

    @property
    def found(self) -> bool:
        """Whether the base point drifted by more than noise explains."""
        return self.change.p < ALPHA


def drift(seconds: Sequence[float], values: Sequence[float]) -> Drift | None:
    """Return the drift over the times (s) at which the base's repeats began; None with too few of them."""
    t, y = np.asarray(seconds, float), np.asarray(values, float)
    known = y > 0
    t, y = t[known], np.log(y[known])
    if len(t) < FEWEST or np.ptp(t) <= 0:
        return None
    line = stats.linregress(t, y)
    span = float(np.ptp(t))
    variance = float(line.stderr) ** 2 * span**2
    return Drift(told(float(line.slope) * span, variance, len(t) - 2), len(t), span / 3600)
