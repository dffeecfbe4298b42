"""The order of a grid's trials: in blocks by repeat, shuffled by a seed, the base point throughout.

Every valid point is tried once in each block, so what drifts from block to block meets all points alike, and within a
block chance decides who comes early. The base point is the control of drift (as in response surface designs: Box &
Draper, centre points): it opens each block, comes again after every eighth other trial, and is the last of all.
Points of another target, another version of the embedded Kafka say, stay together within a block, because changing
over starts a cluster; which of them comes first is drawn anew in each block (a split-plot design).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from loadkit.sweep.spec import VERSION, Point, Record, Space, Step, Sweep, size

BETWEEN = 8
"""Other trials after which the base point comes again."""


class Grid:
    """The strategy that tries every point of the grid as often as the sweep says."""

    name = "grid"

    def __init__(self, sweep: Sweep, space: Space) -> None:
        """Judge every point, and settle the order."""
        self._points = [space.point(number) for number in range(size(sweep.axes))]
        valid = [point for point in self._points if not point.invalid]
        self._order = order(valid, sweep.repeats, sweep.seed)

    def points(self, done: Sequence[Record]) -> Sequence[Point]:
        """Return the whole grid."""
        return self._points

    def next(self, done: Sequence[Record]) -> Step | None:
        """Return the first step of the order that was not yet made."""
        return next(iter(self.steps(done)), None)

    def steps(self, done: Sequence[Record]) -> list[Step]:
        """Return every step that was not yet made."""
        made = {(record.point, record.repeat) for record in done}
        return [step for step in self._order if (step.point.id, step.repeat) not in made]

    def left(self, done: Sequence[Record]) -> int:
        """Return how many steps were not yet made."""
        return len(self.steps(done))

    def not_explored(self, done: Sequence[Record]) -> list[str]:
        """Return nothing: a grid is tried whole."""
        return []


def order(points: Sequence[Point], repeats: int, seed: int) -> list[Step]:
    """Return every trial of valid points in the order of time; the base point has more repeats than the others."""
    steps: list[Step] = []
    controls = 0
    for repeat in range(repeats):
        chance = random.Random(f"{seed}-{repeat}")
        for group in _groups(points, chance):
            base = next((point for point in group if point.base), None)
            others = [point for point in group if not point.base]
            chance.shuffle(others)
            for place, point in enumerate(others or [None]):
                if base and place % BETWEEN == 0:
                    steps.append(Step(base, controls))
                    controls += 1
                if point:
                    steps.append(Step(point, repeat))
    last = steps[-1].point if steps else None
    base = next((point for point in points if point.base), None)
    if last and base and not last.base and _group(last) == _group(base):
        steps.append(Step(base, controls))
    return steps


def _groups(points: Sequence[Point], chance: random.Random) -> list[list[Point]]:
    """Return the points by target, the targets in an order of chance."""
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(_group(point), []).append(point)
    groups = list(found.values())
    chance.shuffle(groups)
    return groups


def _group(point: Point) -> str:
    return str(point.settings.get(VERSION))
