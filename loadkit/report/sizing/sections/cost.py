"""What it costs, by the planner's own prices."""

from __future__ import annotations

from loadkit.report.block import Block, Cell, Prose, block, table
from loadkit.report.sizing.view import View
from loadkit.sizing import words

TITLE = "Cost"
ORDER = 60


def build(view: View) -> Block | None:
    """Return the bill with its lines, and what is missing."""
    plan = view.plan
    if plan.fit is None:
        return None
    bill = plan.bill
    if bill is None:
        return block(TITLE, [Prose("No prices are stated: give them under [prices], with currency and date.")])
    rows = [
        [item.name, f"{item.quantity:,.0f} {item.unit}", "–" if item.price is None else f"{item.price:g}",
         Cell("–", f"{item.path} is missing") if item.month is None else f"{item.month:,.0f}", item.path]
        for item in bill.items
    ]  # fmt: skip
    head = ("for", "a month", "each", f"{bill.currency} a month", "price")
    about = f"All lines times {bill.factor:g} (copies of the cluster, support, discount). Today's average traffic."
    return block(TITLE, [Prose(words.costs(plan)), table("The bill", head, rows, texts=(0, 4)), Prose(about)])
