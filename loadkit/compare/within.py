"""What can be said of two single results: how far their percentiles could have moved by their own seconds alone; pure.

Each result's seconds are resampled in blocks, as `intervals` has it, and independently of the other's. How far two runs
of the same thing differ is not in it, and nothing within a run can tell: such an interval is no ground for a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from loadkit import intervals
from loadkit.result import Track

Floats = NDArray[np.float64]
DRAWS = 1000
"""Resamples, of which five lie beyond each end of a 99 % interval."""


def log_draws(track: Track, qs: Sequence[float], draws: int, stream: int) -> Floats | None:
    """Return draws x qs: the log (of seconds) of each quantile in each resample; NaN where it is zero.

    None with fewer than `intervals.FEWEST` seconds of data. `stream` as for `intervals.quantile_draws`.
    """
    if len(track.seconds) < intervals.FEWEST:
        return None
    found = intervals.quantile_draws(track, qs, draws, stream)
    return np.log(np.where(found > 0, found, np.nan))
