"""Where the level of a metric changed in a row of stored results; the only code that uses ruptures.

Candidates are the change points of penalised least squares on the logs (`ruptures.KernelCPD`, linear kernel; penalty
`PENALTY` * noise^2 * ln n, the noise by successive differences, which a step leaves alone). A candidate stays only if
the results between its neighbours, in any order, would seldom split as well (permutation test over the best split;
`ALPHA`, shared by all that are left). The least sure one is dropped first, and the rest are tested again. Of 1,500 rows
without a change, of 12 to 40 results and normal, exponential or t(3) noise, 0.3 to 1.6 % had one.

Results that drift slowly, or whose noise follows itself, are not exchangeable, and then a change is told too easily: a
trend is a hint, never a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from loadkit.errors import UsageError
from loadkit.gate.statistics import ALPHA, NOTHING

FEWEST = 10
"""Results under which no change is told: of nine, the best split is seldom rarer than 1 % whatever they are."""
SHORTEST = 3
"""Results on either side of a change: a new level is told by its third result."""
PENALTY = 4.0
PERMUTATIONS = 1999
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """One change of level."""

    at: int
    """Place of the first result of the new level, from 0."""
    change: float
    """From the level before to the level after (geometric means until the next step), as a share."""
    p: float
    """How often the same results in another order split as well."""


def require() -> None:
    """Raise UsageError naming the extra where ruptures is not installed; it is not imported yet."""
    if find_spec("ruptures") is None:
        raise UsageError("--history finds change points with ruptures: pip install 'loadkit[history]'")


def steps(values: Sequence[float]) -> list[Step]:
    """Return where the level of values above zero changed, in their order; none with fewer than `FEWEST`."""
    if len(values) < FEWEST:
        return []
    logs = np.log(np.asarray(values, float))
    edges = [0, *_candidates(logs), len(logs)]
    while len(edges) > 2:
        chances = [_chance(logs[start:end]) for start, end in zip(edges, edges[2:], strict=False)]
        worst = int(np.argmax(chances))
        if chances[worst] <= ALPHA / len(chances):
            return _steps(logs, edges, chances)
        edges.pop(worst + 1)
    return []


def _candidates(logs: Floats) -> list[int]:
    import ruptures

    noise = float(np.median(np.abs(np.diff(logs)))) / (0.6745 * math.sqrt(2))
    penalty = max(PENALTY * noise**2 * math.log(len(logs)), NOTHING)
    found: list[int] = ruptures.KernelCPD(kernel="linear", min_size=SHORTEST).fit(logs).predict(pen=penalty)
    return found[:-1]


def _chance(logs: Floats) -> float:
    """Return how often values in any order split as well as they do in theirs: the p-value of the best split."""
    rng = np.random.default_rng(len(logs))
    told = _best_split(logs[None, :])[0]
    mixed = _best_split(rng.permuted(np.tile(logs, (PERMUTATIONS, 1)), axis=1))
    return float((1 + np.count_nonzero(mixed >= told - NOTHING)) / (1 + PERMUTATIONS))


def _best_split(rows: Floats) -> Floats:
    """Return by how much the best split of each row lowers its sum of squares."""
    n = rows.shape[1]
    left = np.cumsum(rows - rows.mean(axis=1, keepdims=True), axis=1)[:, SHORTEST - 1 : n - SHORTEST]
    k = np.arange(SHORTEST, n - SHORTEST + 1)
    gains: Floats = (left**2 * n / (k * (n - k))).max(axis=1)
    return gains


def _steps(logs: Floats, edges: Sequence[int], chances: Sequence[float]) -> list[Step]:
    levels = [float(logs[start:end].mean()) for start, end in pairwise(edges)]
    return [
        Step(int(at), math.expm1(after - before), p)
        for at, before, after, p in zip(edges[1:-1], levels[:-1], levels[1:], chances, strict=True)
    ]
