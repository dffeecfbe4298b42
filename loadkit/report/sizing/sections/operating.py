"""Alerts, and how to apply the plan."""

from __future__ import annotations

from loadkit.report.block import Block, Part, Points, Prose, block, table
from loadkit.report.sizing.view import View
from loadkit.sizing import advice

TITLE = "Alerts and runbook"
ORDER = 90


def build(view: View) -> Block | None:
    """Return the thresholds that follow from the plan, and the steps with their way back."""
    if view.plan.fit is None:
        return None
    rows = [[one.signal, one.warn, one.page, one.why] for one in advice.alerts(view.plan)]
    head = ("signal", "warn", "wake somebody", "because")
    steps = advice.runbook(view.plan)
    parts: list[Part | None] = [
        table("Alerts, from this plan's own ceilings, outage and retention", head, rows, texts=(0, 1, 2, 3)),
        Prose("How to apply it, in this order; what to watch meanwhile is the table above."),
        Points(tuple(f"{at}. {text}" for at, text in enumerate(steps, 1))),
    ]
    return block(TITLE, parts)
