"""Who agreed to what, and on figures how old."""

from __future__ import annotations

from loadkit.report.block import Block, Prose, block, table
from loadkit.report.sizing.view import View
from loadkit.sizing import words

TITLE = "Sign-off"
ORDER = 110


def build(view: View) -> Block | None:
    """Return the age of the data and a block to sign."""
    plan = view.plan
    told = f"Planned on {plan.made_on.isoformat()}; measurements: {words.age(plan)}."
    if plan.demo:
        told += f" {words.banner(plan)}: nothing here may be ordered by."
    rows = [[role, "", "", ""] for role in ("workload stated by", "plan made by", "approved by")]
    signed = table("", ("role", "name", "date", "signature"), rows, texts=(0, 1, 2, 3))
    return block(TITLE, [Prose(told), signed])
