"""What can be said of two single results: how far their percentiles could have moved by their own seconds alone; pure.

Each result's percentile has the interval of `intervals`, and the two are independent. How far two runs of the same
thing differ is not in it, and nothing within a run can tell: such an interval is no ground for a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from loadkit.intervals import quantile_intervals
from loadkit.result import Track

Floats = NDArray[np.float64]
Around = tuple[Floats, Floats, Floats]
"""Middles with their low and high ends, as logs of seconds or of ratios; NaN where there is none."""


def log_ends(track: Track, qs: Sequence[float], level: float) -> tuple[Floats, Floats]:
    """Return the logs of both ends (seconds) of each quantile's interval; NaN where there is none, or it reaches 0."""
    ends = [told.ends or (np.nan, np.nan) for told in quantile_intervals(track, qs, level)]
    low, high = np.array(ends).T
    return logs(low), logs(high)


def logs(values: Floats) -> Floats:
    """Return logs; NaN of what is not above zero."""
    return np.log(np.where(values > 0, values, np.nan))


def ratio(one: Around, other: Around) -> Around:
    """Return the log of other / one and its ends, from the intervals of both at the same level.

    Each end is as far away as the two ends that push it there are together, by Pythagoras (Zou & Donner, Statistics in
    Medicine 27(10), 2008).
    """
    middle = other[0] - one[0]
    down = np.hypot(other[0] - other[1], one[2] - one[0])
    up = np.hypot(other[2] - other[0], one[0] - one[1])
    return middle, middle - down, middle + up
