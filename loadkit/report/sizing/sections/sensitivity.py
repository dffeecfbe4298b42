"""Which inputs matter, and what to measure next."""

from __future__ import annotations

from loadkit.report.block import Block, Chart, Code, Part, Prose, block, table
from loadkit.report.sizing import bars
from loadkit.report.sizing.view import View
from loadkit.sizing.plan import Plan
from loadkit.sizing.sensitivity import Swing

TITLE = "Sensitivity"
ORDER = 70
MOST = 12


def build(view: View) -> Block | None:
    """Return the tornado and the measurements that would narrow the plan."""
    plan = view.plan
    parts: list[Part | None] = [_tornado(plan)] if plan.fit and plan.tornado else []
    if plan.next:
        parts.append(Prose("What to measure next, the most telling first:"))
        parts += [part for one in plan.next[:3] for part in (Prose(f"{one.text}:"), Code(one.command))]
    return block(TITLE, parts, "Each input at its low and at its high end, all others as they are.")


def _tornado(plan: Plan) -> Chart:
    assert plan.fit is not None
    shown = plan.tornado[:MOST]
    now = plan.fit.binding.fullness
    made = [bars.Swung(one.text, one.fullness[0], one.fullness[1], _hover(one)) for one in shown]
    rows = [[one.text, *one.ends, _count(one.counts[0]), _count(one.counts[1]), f"{one.fullness[0]:.0%}",
             f"{one.fullness[1]:.0%}"] for one in plan.tornado]  # fmt: skip
    head = ("input", "low", "high", "takes at low", "takes at high", "fullness at low", "fullness at high")
    listed = table("Every input", head, rows, folded=True)
    return Chart(
        "tornado", "How full the recommended cluster is when one input is off", bars.tornado(made, now), listed
    )


def _hover(one: Swing) -> str:
    low, high = (_count(count) for count in one.counts)
    return f"{one.text}: {one.ends[0]} takes {low}, {one.ends[1]} takes {high}"


def _count(count: int | None) -> str:
    return "no number" if count is None else str(count)
