"""What each knob does to a metric: main effects and two-way interactions, with intervals from repeats.

    log y = mean + knob_1[level] + ... + (knob_1, knob_2)[levels] + ... + block + noise

by least squares over the points' block-adjusted log means (`noise`). A main effect is the mean over all levels of the
other knobs, each counted once; an interaction is by how much a knob's effect differs between two levels of another. On
a full grid these are averages over the grid's points, whatever higher interactions there are, and an interval covers
its truth in 95 % of sweeps or more (`trust/search/effects.py` measures it).

On a part of a grid some pairs cannot be told from other terms: they are left out and named, and knobs are taken not to
interact there; so are all pairs where nothing was repeated and a model with them would leave nothing over. If the model
then leaves more over than repeats explain (F-test at 5 %), that larger spread is the noise of every interval. Sources:
Box, Hunter & Hunter, "Statistics for Experimenters", 2nd ed. 2005, chapters 5, 6 and 10; Holm, Scand. J. Statist. 6,
1979, for how many changes are looked at together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from loadkit.analysis import design
from loadkit.analysis.design import Floats, Levels, Term
from loadkit.analysis.noise import Contrast, Repeats, repeats, told

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Observation:
    """One trial: its point, that point's settings, its block of repeats and the metric (above 0)."""

    point: str
    settings: Mapping[str, Any]
    block: int
    value: float


@dataclass(frozen=True, slots=True)
class Change:
    """What going from the reference to a level (of each knob) does: the log of a ratio."""

    levels: Levels
    contrast: Contrast
    told: bool = False
    """Whether it can be told from noise, with all changes looked at together."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One knob, or two that interact: from the reference level of each to every other."""

    paths: tuple[str, ...]
    reference: Levels
    changes: tuple[Change, ...]
    typical: float
    """Geometric mean of the metric at the reference level, over the other knobs; of all points for a pair."""

    @property
    def largest(self) -> Change:
        """The change that stands out most: a told one before an untold one, then the largest."""
        return max(self.changes, key=lambda change: (change.told, abs(change.contrast.estimate)))

    @property
    def told(self) -> bool:
        """Whether any change can be told from noise."""
        return any(change.told for change in self.changes)


@dataclass(frozen=True, slots=True)
class Effects:
    """All effects on one metric, the largest first, and what the design could not tell."""

    mains: tuple[Effect, ...]
    interactions: tuple[Effect, ...]
    untold: tuple[tuple[str, ...], ...]
    """Knobs and pairs of knobs whose effects this design cannot tell from others."""
    points: int
    trials: int
    full: bool
    """Whether every point of the grid is there, so that effects are averages over the grid."""
    misfit: bool
    """Whether the model leaves more over than repeats explain, so that this larger spread was taken for the noise."""
    df: float
    """Degrees of freedom of the noise; 0 when it is not known."""


def effects(
    axes: Mapping[str, Sequence[Any]], base: Mapping[str, Any], observations: Sequence[Observation]
) -> Effects | None:
    """Return the effects of the axes, from the base's level of each (or its first); None when no level varies.

    Points with a setting that is no level of its axis add to what is known of the noise, and to nothing else.
    """
    settings = {seen.point: seen.settings for seen in observations}
    on = {point: all(row.get(path) in values for path, values in axes.items()) for point, row in settings.items()}
    grid = [row for point, row in settings.items() if on[point]]
    knobs = [term for path, values in axes.items() if grid and (term := design.knob(path, values, grid))]
    if not knobs:
        return None
    found = repeats(
        [seen.point for seen in observations],
        [seen.block for seen in observations],
        [float(np.log(seen.value)) for seen in observations],
    )
    model = _model(knobs, found, np.array([on[point] for point in found.points]))
    reference = {term.paths[0]: _reference(term, base) for term in knobs}
    made = {term.paths: model.effect(term, tuple(reference[path] for path in term.paths)) for term in model.terms}
    there = [effect for effect in made.values() if effect]
    singles, two = [e for e in there if len(e.paths) == 1], [e for e in there if len(e.paths) == 2]
    untold = (*model.untold, *(paths for paths, effect in made.items() if not effect))
    df = model.spread_df if model.spread_is_noise else found.total_df
    return Effects(
        _judged(singles), _judged(two), untold, len(grid), len(observations), model.full, model.misfit, df
    )  # fmt: skip


def _reference(term: Term, base: Mapping[str, Any]) -> Any:
    wanted, known = base.get(term.paths[0]), term.levels[0]
    return wanted if wanted in known else known[0]


@dataclass(frozen=True, slots=True)
class _Model:
    """The fitted model: its terms, and how coefficients are made of the points' log means."""

    terms: tuple[Term, ...]
    untold: tuple[tuple[str, ...], ...]
    found: Repeats
    inverse: Floats
    """Coefficients x points."""
    determined: Floats
    """Projection of coefficients onto what the design determines: a sum of them is, if it stays the same."""
    full: bool
    misfit: bool
    spread: float
    """Variance of a point's log mean by what the model leaves over."""
    spread_df: int

    @property
    def spread_is_noise(self) -> bool:
        """Whether intervals follow from what the model leaves over, for want of repeats or of fit."""
        return self.misfit or not self.found.total_df

    def effect(self, term: Term, reference: Levels) -> Effect | None:
        """Return a term's changes from the reference; None when the design does not determine them."""
        changes = []
        for levels in product(
            *([to for to in known if to != at] for known, at in zip(term.levels, reference, strict=True))
        ):
            coefficients = self._place(term, term.change(reference, levels))
            if not np.allclose(coefficients @ self.determined, coefficients, atol=1e-6):
                return None
            changes.append(Change(levels, self._contrast(coefficients @ self.inverse)))
        at_reference = self._place(term, design.code(term.levels[0], reference[0])) if len(reference) == 1 else 0.0
        typical = (at_reference + np.eye(len(self.inverse))[0]) @ self.inverse @ self.found.means
        return Effect(term.paths, reference, tuple(changes), float(np.exp(typical)))

    def _place(self, term: Term, weights: Floats) -> Floats:
        """Return weights of all coefficients: a term's own where they stand, 0 elsewhere."""
        start = 1 + sum(one.columns.shape[1] for one in self.terms[: self.terms.index(term)])
        placed = np.zeros(len(self.inverse))
        placed[start : start + len(weights)] = weights
        return placed

    def _contrast(self, by_point: Floats) -> Contrast:
        if self.spread_is_noise:
            return told(float(by_point @ self.found.means), self.spread * float(by_point @ by_point), self.spread_df)
        return self.found.contrast(by_point)


def _model(knobs: Sequence[Term], found: Repeats, inside: NDArray[np.bool_]) -> _Model:
    """Return the model of knobs and those pairs that can be told apart, fitted to the points inside the grid."""
    pairs = design.pairs(knobs)
    kept = design.apart(knobs, pairs)
    if not found.total_df and design.rank([*knobs, *kept]) == int(inside.sum()):
        kept = []  # without repeats something must be left over to judge noise by
    terms = (*knobs, *kept)
    columns = design.columns(terms)
    small = np.linalg.pinv(columns)
    inverse = np.zeros((columns.shape[1], len(inside)))
    inverse[:, inside] = small
    full = len(kept) == len(pairs) and len(columns) == prod(len(term.levels[0]) for term in knobs)
    residual = np.eye(len(columns)) - columns @ small
    free = len(columns) - design.rank(terms)
    spread = float((residual @ found.means[inside]) @ found.means[inside]) / free if free else 0.0
    misfit = bool(free) and not full and _misfit(found, residual @ found.weights[inside], spread, free)
    untold = tuple(pair.paths for pair in pairs if pair not in kept)
    return _Model(terms, untold, found, inverse, small @ columns, full, misfit, spread, free)


def _misfit(found: Repeats, residual: Floats, spread: float, free: int) -> bool:
    """Return whether residuals (points x trials) are larger than repeats explain: the F-test of lack of fit."""
    if not found.total_df or spread < 1e-18:
        return False
    expected = float((residual**2 @ found.variance[found.place]).sum()) / free
    return expected <= 0 or bool(stats.f.sf(spread / expected, free, found.total_df) < ALPHA)


def _judged(made: Sequence[Effect]) -> tuple[Effect, ...]:
    """Return the effects, largest first, each change judged beside all others of its kind (Holm)."""
    changes = [change for effect in made for change in effect.changes]
    held = iter(_holm([change.contrast.p for change in changes]))
    judged = [
        Effect(e.paths, e.reference, tuple(Change(c.levels, c.contrast, next(held)) for c in e.changes), e.typical)
        for e in made
    ]
    return tuple(sorted(judged, key=lambda effect: (not effect.told, -abs(effect.largest.contrast.estimate))))


def _holm(ps: Sequence[float]) -> list[bool]:
    """Return which of several tests hold when all are looked at together: in one of twenty sweeps any by chance."""
    held = [False] * len(ps)
    for rank, at in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        if ps[at] > ALPHA / (len(ps) - rank):
            break
        held[at] = True
    return held
