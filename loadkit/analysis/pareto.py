"""Which points no other point beats, and how much of the space they cover.

A point dominates another when it is no worse in any objective and better in one (Deb, "Multi-Objective Optimization
using Evolutionary Algorithms", 2001, definition 2.5). The hypervolume is what a front dominates up to a reference point
that is worse in every objective (Zitzler & Thiele, PPSN V, 1998), computed exactly by its points' exclusive volumes
(While, Bradstreet & Barone, "A Fast Way of Calculating Exact Hypervolumes", IEEE Trans. Evol. Comput. 16, 2012).
Everything here is minimised; a caller turns around what is to be high.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def front(values: Floats) -> NDArray[np.bool_]:
    """Return which rows (points x objectives, lower is better) no other row dominates; a row with a NaN is on no front.

    Rows that are equal are all on the front or none is.
    """
    known = ~np.isnan(values).any(axis=1)
    found = np.zeros(len(values), bool)
    rows = values[known]
    no_worse = (rows[:, None, :] <= rows[None, :, :]).all(axis=2)
    better = (rows[:, None, :] < rows[None, :, :]).any(axis=2)
    found[known] = ~(no_worse & better).any(axis=0)
    return found


def hypervolume(values: Floats, reference: Floats) -> float:
    """Return the volume that rows (lower is better) dominate below the reference; rows not below it add nothing."""
    inside = values[(values < reference).all(axis=1)] if len(values) else values
    return _volume(inside, np.asarray(reference, float))


def _volume(rows: Floats, reference: Floats) -> float:
    if not len(rows):
        return 0.0
    if rows.shape[1] == 1:
        return float(reference[0] - rows.min())
    kept = np.unique(rows[front(rows)], axis=0)
    if rows.shape[1] == 2:
        right = np.append(kept[1:, 0], reference[0])
        return float(((right - kept[:, 0]) * (reference[1] - kept[:, 1])).sum())
    return sum(_exclusive(kept[at], kept[at + 1 :], reference) for at in range(len(kept)))


def _exclusive(row: Floats, others: Floats, reference: Floats) -> float:
    """Return the volume that a row dominates and no other row does."""
    return float(np.prod(reference - row)) - _volume(np.maximum(others, row), reference)
