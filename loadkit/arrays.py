"""Small operations on whole arrays that numpy has only in a slower form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_NARROW = 1 << 20
"""Span of values that may be counted instead of sorted."""


def distinct(values: NDArray[np.int64]) -> list[int]:
    """Return the distinct values in order; in a time that grows with their number and span, where that is small.

    numpy sorts to find them: 3 ms for 60,000 values, in which nobody else gets the interpreter lock.
    """
    if not len(values):
        return []
    low, high = int(values.min()), int(values.max())
    if low == high:
        return [low]
    if high - low > _NARROW:
        found: list[int] = np.unique(values).tolist()
        return found
    counted: list[int] = (np.flatnonzero(np.bincount(values - low)) + low).tolist()
    return counted


def rising(values: NDArray[np.int64]) -> bool:
    """Return whether each value is greater than the one before."""
    return bool((values[1:] > values[:-1]).all())
