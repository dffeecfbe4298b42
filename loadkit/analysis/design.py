"""The design of a sweep as columns of numbers: how levels are coded, and which pairs of knobs a model can hold.

Levels are coded to sum to zero over their knob (effect coding), so a knob's coefficients are deviations from the mean
over all its levels, each counted once, and a pair's are what is left when the means of both knobs are taken out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Levels = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One knob or a pair of knobs: the levels of each, and its columns of the design (a row a point)."""

    paths: tuple[str, ...]
    levels: tuple[Levels, ...]
    columns: Floats

    def change(self, reference: Levels, levels: Levels) -> Floats:
        """Return the weights of the columns for a difference of levels; for a pair, a difference of differences."""
        sides = zip(self.levels, levels, reference, strict=True)
        one, *other = [code(known, to) - code(known, at) for known, to, at in sides]
        return np.outer(one, other[0]).ravel() if other else one


def code(levels: Levels, value: Any) -> Floats:
    """Return the row that codes one level: all but the last have a column of their own, the last is -1 in each."""
    at = levels.index(value)
    return -np.ones(len(levels) - 1) if at == len(levels) - 1 else np.eye(len(levels) - 1)[at]


def knob(path: str, values: Sequence[Any], rows: Sequence[Mapping[str, Any]]) -> Term | None:
    """Return the term of one knob over the points' settings; None when fewer than two of its levels were measured."""
    seen = tuple(value for value in values if any(row[path] == value for row in rows))
    if len(seen) < 2:
        return None
    return Term((path,), (seen,), np.array([code(seen, row[path]) for row in rows]))


def pairs(knobs: Sequence[Term]) -> list[Term]:
    """Return the term of every pair of knobs: the products of their columns."""
    return [
        Term(
            (*one.paths, *other.paths),
            (*one.levels, *other.levels),
            (one.columns[:, :, None] * other.columns[:, None, :]).reshape(len(one.columns), -1),
        )
        for one, other in combinations(knobs, 2)
    ]


def columns(terms: Sequence[Term]) -> Floats:
    """Return the whole design: a column of ones, then each term's columns."""
    return np.hstack([np.ones((len(terms[0].columns), 1)), *(term.columns for term in terms)])


def apart(knobs: Sequence[Term], all_pairs: Sequence[Term]) -> list[Term]:
    """Return the pairs that can be told from every knob and every other pair: without one, rank is lost in full."""
    whole = rank([*knobs, *all_pairs])
    return [
        pair
        for pair in all_pairs
        if whole - rank([*knobs, *(other for other in all_pairs if other is not pair)]) == pair.columns.shape[1]
    ]


def rank(terms: Sequence[Term]) -> int:
    """Return how many independent columns terms have together."""
    return int(np.linalg.matrix_rank(columns(terms)))
