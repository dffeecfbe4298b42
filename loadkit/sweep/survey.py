"""What the trials so far tell of the grid: the losses of each point, the front, and which axes matter."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev

from loadkit.sweep.goals import Goal, Losses, dominates, goals, losses, mean
from loadkit.sweep.lattice import Lattice
from loadkit.sweep.screening import Contrast, Design, Digits, active
from loadkit.sweep.spec import Record

NEGLIGIBLE = math.log(1.03)
"""An effect below 3 % on a goal is none."""
PLACES = 4
"""Places of the grid at which an axis must have done nothing before it stands still."""
SURE = 3.0
"""Standard errors that an effect must exceed too: with fewer, chance alone would keep most axes that do nothing."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The points that were tried, by their places."""

    goals: tuple[Goal, ...]
    tried: frozenset[Digits]
    """All of them, whatever became of their trials."""
    told: Mapping[Digits, Losses]
    """The losses of those that told all goals; the mean over repeats."""

    def front(self, among: Sequence[Digits]) -> list[Digits]:
        """Return those of some points that no other of them dominates; of points that are alike, the first."""
        first = {self.told[digits]: digits for digits in sorted(among, reverse=True) if digits in self.told}
        return [digits for own, digits in first.items() if not any(dominates(other, own) for other in first)]


def survey(objective: str, lattice: Lattice, done: Sequence[Record]) -> Survey:
    """Return what trials tell; one that was ended early tells what it measured until then."""
    wanted = goals(objective, done)
    several: dict[Digits, list[Losses]] = defaultdict(list)
    for record in done:
        if found := losses(wanted, record.metrics):
            several[lattice.named(record.point)].append(found)
    tried = frozenset(lattice.named(record.point) for record in done)
    return Survey(wanted, tried, {digits: mean(found) for digits, found in several.items()})


def noise(base: Digits, lattice: Lattice, wanted: Sequence[Goal], done: Sequence[Record]) -> list[float]:
    """Return for each goal the standard deviation of one trial's loss, from the base point's; 0 where fewer than 3."""
    repeats = [found for r in done if lattice.named(r.point) == base and (found := losses(wanted, r.metrics))]
    return [stdev(column) if len(column) >= 3 else 0.0 for column in zip(*repeats, strict=True)] or [0.0] * len(wanted)


def stuck(axis: int, found: Survey, spread: Sequence[float]) -> bool:
    """Return whether an axis moved no goal wherever two points differ in it alone, in at least so many places.

    These are elementary effects (Morris, Technometrics 33, 1991): they tell an axis that does nothing from one whose
    main effect is mixed with interactions of three others, as in a design of resolution IV.
    """
    lines: dict[Digits, list[Losses]] = defaultdict(list)
    for digits, own in found.told.items():
        lines[(*digits[:axis], -1, *digits[axis + 1 :])].append(own)
    several = [line for line in lines.values() if len(line) > 1]
    # The difference of two trials has a standard deviation of s sqrt(2).
    limits = [max(NEGLIGIBLE, SURE * math.sqrt(2) * one) for one in spread]
    moved = (
        max(column) - min(column) > limit
        for line in several
        for column, limit in zip(zip(*line, strict=True), limits, strict=True)
    )
    return len(several) >= PLACES and not any(moved)


def survivors(design: Design, found: Survey, spread: Sequence[float]) -> list[int]:
    """Return the axes that move some goal, by a design's trials; all of them where no one does or none is known.

    An effect counts where it exceeds 3 % and three of its standard errors: `2 s / sqrt(runs)` for a contrast of as many
    runs on both sides, `s` being one trial's standard deviation.
    """
    results = [found.told.get(run) for run in design.runs]
    known = [c for c in design.contrasts if all(v is not None for v in _values(c, results, len(found.goals)))]
    large = [_large(contrast, results, spread) for contrast in known]
    unknown = {effect[0] for c in design.contrasts if c not in known for effect in c.effects if len(effect) == 1}
    return sorted(active(known, large) | unknown)


def _values(contrast: Contrast, results: Sequence[Losses | None], goals: int) -> list[float | None]:
    return [contrast.value([row[goal] if row else None for row in results]) for goal in range(goals)]


def _large(contrast: Contrast, results: Sequence[Losses | None], spread: Sequence[float]) -> bool:
    values = _values(contrast, results, len(spread))
    limits = [max(NEGLIGIBLE, SURE * 2 * one / math.sqrt(contrast.runs)) for one in spread]
    return any(value is not None and abs(value) > limit for value, limit in zip(values, limits, strict=True))
