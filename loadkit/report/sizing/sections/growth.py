"""How long it lasts."""

from __future__ import annotations

from dataclasses import replace

from loadkit.report.block import Block, Chart, Prose, block, table
from loadkit.report.sizing import bars
from loadkit.report.sizing.view import View
from loadkit.sizing import words
from loadkit.sizing.demand import states, uses
from loadkit.sizing.plan import Plan
from loadkit.sizing.search import Fit

TITLE = "Growth"
ORDER = 50
MOST = 6
"""Resources in the picture."""


def build(view: View) -> Block | None:
    """Return the months that each resource lasts, and how full each is month by month."""
    plan = view.plan
    if plan.fit is None:
        return None
    rows = [
        [words.name(one.resource), "longer than ten years" if one.months is None else f"{one.months:.1f}"]
        for one in plan.lasts
    ]
    shown = table("Months until a resource is as full as is planned, with this cluster", ("resource", "months"), rows)
    return block(TITLE, [Prose(words.lasting(plan)), _timeline(plan, plan.fit), shown])


def _timeline(plan: Plan, fit: Fit) -> Chart:
    horizon = plan.needs.growth.horizon_months
    months = [float(month) for month in range(0, max(24, 2 * horizon) + 1, 1)]
    looked = [state for state in states(plan.needs, fit.setup.candidate.managed) if state.binds]
    full: dict[str, list[float]] = {}
    for month in months:
        worst: dict[str, float] = {}
        for state in looked:
            for use in uses(fit.setup, fit.n, fit.splits, replace(state, month=month)):
                worst[use.resource] = max(worst.get(use.resource, 0.0), use.fullness)
        for resource, value in worst.items():
            full.setdefault(resource, []).append(value)
    first = sorted(full.items(), key=lambda pair: -pair[1][-1])[:MOST]
    lines = [bars.Growth(words.name(resource), months, values) for resource, values in first]
    caption = "Fullness of the fullest broker in its worst state, month by month; the dotted line is the horizon"
    return Chart("growth", caption, bars.growth(lines, horizon))
