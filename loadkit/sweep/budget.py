"""What a budget pays for: the grid, if it fits; otherwise a strategy that chooses. And which trials are given up.

Time is the clock's, everything around a trial included: as long as trials really took, or as modelled before the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from loadkit.errors import UsageError
from loadkit.sweep.goals import Metrics, goals, losses
from loadkit.sweep.guided import Guided
from loadkit.sweep.order import Grid
from loadkit.sweep.spec import MOST_POINTS, Record, Space, Step, Strategy, Sweep, size
from loadkit.units import format_duration

WORSE = math.log(2)
"""How far behind a trial is hopeless: twice as bad in some goal."""
AS_GOOD = 0.01
"""How much worse in the others the trial may be that shows it."""
EARLIEST = 1 / 3
"""Share of its measured phase after which a trial may be given up."""


@dataclass(frozen=True, slots=True)
class Budget:
    """So many seconds, and how long a trial takes before one was run."""

    seconds: float
    modelled: float

    def left(self, done: Sequence[Record]) -> int:
        """Return how many more trials are likely to end in time."""
        took = [record.seconds for record in done if record.seconds is not None]
        # The median: the first trial may have started a cluster, one that failed may have ended at once.
        each = median(took) if took else self.modelled
        return max(0, math.floor((self.seconds - math.fsum(took)) / max(each, 1e-3) + 1e-9))


def strategy_for(sweep: Sweep, space: Space, seconds_of: Callable[[Sequence[Step]], float]) -> Strategy:
    """Return the grid where there is no budget or it fits, and what chooses within the budget where it does not.

    `seconds_of` models how long steps take. UsageError where not one trial fits, or Optuna is needed and missing.
    """
    if sweep.budget is None:
        return Grid(sweep, space)
    each = seconds_of([Step(space.point(space.base), 0)])
    if each > sweep.budget:
        raise UsageError(
            f"--budget {format_duration(sweep.budget)} is less than one trial takes, about {format_duration(each)}: "
            "give more, or a shorter --duration and --warmup"
        )
    if size(sweep.axes) <= MOST_POINTS:
        grid = Grid(sweep, space)
        if seconds_of(grid.steps(())) <= sweep.budget:
            return grid
    return Guided(sweep, space, Budget(sweep.budget, each).left)


def hopeless(objective: str, so_far: Metrics, done: Sequence[Record]) -> str | None:
    """Return why a trial under way can be given up; None while it may still be worth its time.

    It is hopeless when a trial that ran to its end is as good in every goal that both tell, within one percent, and
    twice as good in one. For trials outside of factorial blocks only, from a third of the measured phase on.
    """
    whole = [record for record in done if record.status == "complete"]
    wanted = [goal for goal in goals(objective, whole) if goal.loss(so_far) is not None]
    mine = losses(wanted, so_far)
    for record in whole if mine else ():
        theirs = losses(wanted, record.metrics)
        if mine is None or theirs is None:
            continue
        gaps = [own - other for own, other in zip(mine, theirs, strict=True)]
        if min(gaps) >= -AS_GOOD and max(gaps) >= WORSE:
            goal = wanted[gaps.index(max(gaps))].name
            return f"{record.point} is as good in every goal and {math.exp(max(gaps)):.1f} times better in {goal}"
    return None
