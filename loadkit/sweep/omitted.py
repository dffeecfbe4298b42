"""What a sweep within a budget left out, and why, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from loadkit.sweep.goals import CANDIDATES, Goal
from loadkit.sweep.screening import Design
from loadkit.sweep.spec import Axis, Record, Settings
from loadkit.units import format_count, format_duration


def of_grid(whole: int, tried: int, budget: float, to_come: int) -> str:
    """Return how much of the grid the budget paid for."""
    rest = f", and has time for about {format_count(to_come)} trials more" if to_come else ""
    return (
        f"of {format_count(whole)} points of the grid {format_count(tried)} were tried: "
        f"the budget of {format_duration(budget)} does not pay for all{rest}"
    )


def of_screening(design: Design | None, axes: Sequence[Axis], finished: bool) -> list[str]:
    """Return what screening cannot have seen."""
    if design is None:
        return ["no screening: the budget pays for too few trials to tell which axes matter, so all of them moved"]
    said = [f"screening was a {design.name} ({len(design.runs)} points)"]
    if sets := design.aliases([axis.path for axis in axes]):
        said.append(f"it cannot tell apart {'; '.join(sets)}")
    if design.note:
        said.append(design.note)
    if not finished:
        said.append("the budget has not paid for all of it yet, so nothing was concluded from it")
    return ["; ".join(said)]


def of_axes(axes: Sequence[Axis], live: Sequence[int], base: Settings, goals: Sequence[Goal]) -> list[str]:
    """Return which axes stood still after screening."""
    names = ", ".join(goal.name for goal in goals)
    return [
        f"{axis.path} stood at {base[axis.path]} after screening: no effect of it on {names} "
        "was above 3 % and three standard errors"
        for place, axis in enumerate(axes)
        if place not in live and len(axis.values) > 1
    ]


def of_goals(goals: Sequence[Goal]) -> list[str]:
    """Return what would have been a goal, had the trials told it."""
    missing = [name for name in CANDIDATES if name not in {goal.name for goal in goals}]
    were = "was" if len(missing) == 1 else "were"
    return [f"{' and '.join(missing)} {were} no goal: the trials do not tell"] if missing else []


def of_trials(done: Sequence[Record]) -> list[str]:
    """Return which trials were given up."""
    early = [f"{record.point}-{record.repeat}" for record in done if record.status == "ended-early"]
    if not early:
        return []
    return [f"{len(early)} trials were ended early as hopeless and are in no effect: {', '.join(early)}"]
