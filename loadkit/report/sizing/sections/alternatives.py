"""What else was looked at, and why it was not taken."""

from __future__ import annotations

from loadkit.report.block import Block, Cell, block, table
from loadkit.report.sizing.view import View

TITLE = "Alternatives"
ORDER = 30


def build(view: View) -> Block | None:
    """Return every alternative with its reason and what binds it."""
    plan = view.plan
    currency = plan.needs.prices.currency if plan.needs.prices else ""
    rows: list[list[Cell | str]] = [
        [one.text, Cell("yes", tone="good") if one.meets else Cell("no", tone="warn"), one.reason, one.binding,
         f"{one.month:,.0f} {currency}" if one.month is not None else "–"] for one in plan.alternatives
    ]  # fmt: skip
    head = ("instead", "meets all", "why not", "binds", "a month")
    caption = "Not taken" if plan.feasible else "What would be possible"
    return block(TITLE, [table(caption, head, rows, texts=(0, 1, 2, 3))] if rows else [])
