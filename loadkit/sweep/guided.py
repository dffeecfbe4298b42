"""A sweep that its budget does not pay for whole: screening first, then the axes that matter, where it pays.

1. Screening: a two-level design or one factor at a time, as one block with the base point throughout.
2. Axes that move no goal stand at the base's value from then on.
3. If what the others span fits what is left, all of it is tried, as a block. Otherwise each trial is chosen by what
   was measured, in turn a point that Optuna proposes and one next to the front: steps find the neighbours that a
   density over the whole grid passes over, proposals find the regions that steps do not reach.
4. At last the points of the front are repeated, as often as the sweep says; and if there is still time, the axes that
   stood still move too.

Every choice follows from the trials so far and the seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from loadkit.sweep import omitted, suggest
from loadkit.sweep.lattice import Lattice
from loadkit.sweep.order import BETWEEN, order
from loadkit.sweep.screening import Design, Digits, design, one_at_a_time
from loadkit.sweep.spec import Point, Record, Space, Step, Sweep
from loadkit.sweep.survey import Survey, noise, stuck, survey, survivors

SCREENING = 0.4
"""Largest share of the trials that screening may take."""
CONFIRMING = 0.25
"""Largest share of the trials that repeat the front."""
TRIES = 30
"""Proposals, and draws by chance, that are looked at for one that was not tried."""
LISTED = 2_000
"""Points of a grid up to which each of them that cannot work is named."""

Paid = Callable[[Sequence[Record]], int]
"""How many more trials the budget pays for."""


class Guided:
    """The strategy that chooses; `name` is `screening` where the budget pays for nothing more."""

    def __init__(self, sweep: Sweep, space: Space, paid: Paid) -> None:
        """Settle the screening; UsageError without Optuna, where trials are left for it."""
        self._sweep, self._space, self._paid = sweep, space, paid
        self.lattice = Lattice(sweep.axes)
        self.base = self.lattice.digits(space.base)
        trials = paid(())
        self.design = self._designed(max(1, int(SCREENING * trials)))
        runs = {self.base, *(self.design.runs if self.design else ())}
        points = [point for run in sorted(runs) if not (point := self.point(run)).invalid]
        self._screening = order(points, 1, sweep.seed)
        self.name = "guided" if trials > len(self._screening) else "screening"
        if self.name == "guided":
            suggest.require()
        self._last: tuple[list[Any], Sequence[Step]] | None = None

    def _designed(self, most: int) -> Design | None:
        """Return the best design that so many trials pay for, whose runs can all work; or one factor at a time."""
        found = design(self.lattice.sizes, self.lattice.ends(self.base), self.base, most)
        if found and any(self.point(run).invalid for run in found.runs):
            found = one_at_a_time(self.lattice.sizes, self.base)
        return found if found and len(found.runs) <= most else None

    def point(self, digits: Digits) -> Point:
        """Return a point by its places."""
        return self._space.point(self.lattice.number(digits))

    def points(self, done: Sequence[Record]) -> Sequence[Point]:
        """Return the points tried and known to come; of a grid that is not too large, those that cannot work too."""
        names = {*(record.point for record in done), *(step.point.id for step in self.steps(done))}
        numbers = {self.lattice.number(self.lattice.named(name)) for name in names}
        found = {number: self._space.point(number) for number in numbers}
        if (whole := self.lattice.within(range(len(self.base)))) <= LISTED:
            every = (self._space.point(number) for number in range(whole))
            found |= {number: point for number, point in enumerate(every) if point.invalid}
        return [found[number] for number in sorted(found)]

    def next(self, done: Sequence[Record]) -> Step | None:
        """Return the next trial; None when the budget is spent or nothing is left to try."""
        return next(iter(self.steps(done)), None)

    def steps(self, done: Sequence[Record]) -> Sequence[Step]:
        """Return the trials that are settled: the rest of a block, or the next one alone."""
        key = [(record.point, record.repeat, record.status, record.seconds) for record in done]
        if self._last is None or self._last[0] != key:
            self._last = key, self._settled(done)[: self._paid(done)]
        return self._last[1]

    def left(self, done: Sequence[Record]) -> int:
        """Return how many more trials the budget pays for, as long as there is something to try."""
        return self._paid(done) if self.steps(done) else 0

    def not_explored(self, done: Sequence[Record]) -> list[str]:
        """Return in sentences what was left out, and why."""
        found, screened = survey(self._sweep.objective, self.lattice, done), self._screened(done)
        whole, axes = self.lattice.within(range(len(self.base))), self.lattice.axes
        said = [omitted.of_grid(whole, len(found.tried), self._sweep.budget or 0.0, self._paid(done))]
        said += omitted.of_screening(self.design, axes, screened)
        if screened:
            said += omitted.of_axes(axes, self.live(done), self.point(self.base).settings, found.goals)
            said += omitted.of_goals(found.goals)
        return said + omitted.of_trials(done)

    def _screened(self, done: Sequence[Record]) -> bool:
        return len(done) >= len(self._screening)

    def _settled(self, done: Sequence[Record]) -> list[Step]:
        made = {(record.point, record.repeat) for record in done}
        block = [step for step in self._screening if (step.point.id, step.repeat) not in made]
        return block or self._control(done) or self._chosen(done)

    def _control(self, done: Sequence[Record]) -> list[Step]:
        """Return the base point where it is due again, by which drift is judged."""
        base = self.point(self.base)
        places = [place for place, record in enumerate(done) if record.point == base.id]
        since = len(done) - 1 - places[-1] if places else BETWEEN
        return [Step(base, len(places))] if since >= BETWEEN else []

    def _chosen(self, done: Sequence[Record]) -> list[Step]:
        found, left = survey(self._sweep.objective, self.lattice, done), self._paid(done)
        repeats = self._repeats(found, done)
        if left <= min(len(repeats), int(CONFIRMING * (len(done) + left))):
            return repeats
        for axes in (self.live(done), self._moving()):
            rest = self._rest(found, axes, left)
            if rest is None:
                picked = self._pick(found, axes, done)
                return [Step(self.point(picked), 0, block=False)] if picked else repeats
            if rest:
                random.Random(f"{self._sweep.seed}-rest").shuffle(rest)
                return [Step(self.point(digits), 0) for digits in rest]
        return repeats

    def live(self, done: Sequence[Record]) -> list[int]:
        """Return the axes that move after screening."""
        first = done[: len(self._screening)]
        found = survey(self._sweep.objective, self.lattice, first)
        axes = self._moving()
        if self.design and found.goals:
            axes = survivors(self.design, found, noise(self.base, self.lattice, found.goals, first)) or axes
        found = survey(self._sweep.objective, self.lattice, done)
        spread = noise(self.base, self.lattice, found.goals, done)
        return [axis for axis in axes if not stuck(axis, found, spread)] or axes

    def _moving(self) -> list[int]:
        return [axis for axis, size in enumerate(self.lattice.sizes) if size > 1]

    def _repeats(self, found: Survey, done: Sequence[Record]) -> list[Step]:
        """Return the missing repeats of the front, all of it once more before any a third time."""
        made = {(record.point, record.repeat) for record in done}
        points = [self.point(digits) for digits in sorted(self._front(found))]
        steps = [Step(point, repeat, block=False) for repeat in range(1, self._sweep.repeats) for point in points]
        return [step for step in steps if (step.point.id, step.repeat) not in made]

    def _front(self, found: Survey) -> set[Digits]:
        """Return the front of all points, and of the safe ones: only those may be named best."""
        told = list(found.told)
        return {*found.front(told), *found.front([digits for digits in told if self.point(digits).safe])}

    def _rest(self, found: Survey, axes: Sequence[int], left: int) -> list[Digits] | None:
        """Return all that the axes span and was not tried, where it can be; None where it is more than is left."""
        if self.lattice.within(axes) > 4 * (left + len(found.tried)):
            return None
        rest = [digits for digits in self.lattice.spanned(self.base, axes) if self._fresh(digits, found)]
        return rest if len(rest) + len(rest) // BETWEEN <= left else None

    def _fresh(self, digits: Digits, found: Survey) -> bool:
        return digits not in found.tried and not self.point(digits).invalid

    def _pick(self, found: Survey, axes: Sequence[int], done: Sequence[Record]) -> Digits | None:
        """Return the most promising point that was not tried."""
        chance = random.Random(f"{self._sweep.seed}-{len(done)}")
        turn = sum(not record.block for record in done)
        near = self._near(sorted(self._front(found)), axes, found) if turn % 2 else []
        return chance.choice(near) if near else self._proposed(found, axes, chance)

    def _near(self, points: Sequence[Digits], axes: Sequence[int], found: Survey) -> list[Digits]:
        """Return the points next to some that were not tried."""
        beside = {digits for point in points for digits in self.lattice.neighbours(point, axes)}
        return [digits for digits in sorted(beside) if self._fresh(digits, found)]

    def _proposed(self, found: Survey, axes: Sequence[int], chance: random.Random) -> Digits | None:
        """Return what Optuna proposes or, where that was tried, a point next to it; at last any."""
        seed = chance.getrandbits(31)
        proposed = suggest.proposals(self.lattice, self.base, axes, found.told, seed) if found.told else iter(())
        for digits in islice(proposed, TRIES):
            if self._fresh(digits, found):
                return digits
            if near := self._near([digits], axes, found):
                return chance.choice(near)
        drawn: Iterator[Digits] = (self.lattice.drawn(self.base, axes, chance) for _ in range(TRIES))
        every = self.lattice.spanned(self.base, axes)
        return next((digits for digits in chain(drawn, every) if self._fresh(digits, found)), None)
