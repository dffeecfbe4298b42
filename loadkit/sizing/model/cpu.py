"""Cores that a broker's traffic keeps busy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from loadkit.sizing.interval import Interval

WRITE = 20e6
"""Bytes/s of write equivalents that a vCPU takes at 100 %: Google Managed Service for Kafka, plan-cluster-size."""
READ_COST = 0.25
"""Of a byte read in bytes written: "read bandwidth can be handled four times as efficiently", the same page."""
PRIOR_SPREAD = 2.0
"""The prior may be off by this factor either way (Netflix: 30 ms of CPU a MiB written is 35 MB/s a core)."""


def work(into: float, out: float) -> float:
    """Return write equivalents (bytes/s): what comes in and a quarter of what goes out (the same page)."""
    return into + READ_COST * out


@dataclass(frozen=True, slots=True)
class Cost:
    """Busy cores = idle + by_work x write equivalents."""

    idle: Interval
    by_work: Interval
    """Cores for each byte/s."""
    measured: bool
    source: str

    def cores(self, load: float) -> Interval:
        """Return the cores busy at a load in write equivalents."""
        return self.idle + self.by_work * load


def prior() -> Cost:
    """Return what is assumed where nothing was measured."""
    each = Interval(1 / WRITE / PRIOR_SPREAD, 1 / WRITE, PRIOR_SPREAD / WRITE)
    return Cost(Interval(0, 0, 0), each, False, "Google, plan-cluster-size: 20 MB/s of write equivalents a vCPU")


def fitted(points: Sequence[tuple[float, float]], source: str) -> Cost | None:
    """Return the cost by least squares over (write equivalents, busy cores) of brokers; None where they tell nothing.

    It takes four points over a factor of two or more, and a slope that is above 0 with 95 % certainty. Cruise Control
    fits the same way (linear regression model of CPU over bytes). Its ends are those of the 90 % interval.
    """
    x, y = (np.array(side, float) for side in zip(*points, strict=True)) if points else (np.zeros(0), np.zeros(0))
    if len(x) < 4 or x.min() <= 0 or x.max() < 2 * x.min():
        return None
    line = stats.linregress(x, y)
    t = float(stats.t.ppf(0.95, len(x) - 2))
    half = t * float(line.stderr)
    slope, idle = float(line.slope), float(line.intercept)
    if slope - half <= 0:
        return None
    wide = t * float(line.intercept_stderr)
    ends = Interval(max(idle - wide, 0.0), max(idle, 0.0), max(idle + wide, 0.0))
    return Cost(ends, Interval(slope - half, slope, slope + half), True, source)
