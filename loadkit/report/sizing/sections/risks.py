"""What could make the plan wrong, by how much it matters."""

from __future__ import annotations

from loadkit.report.block import Block, block, table
from loadkit.report.sizing.view import View
from loadkit.sizing import advice

TITLE = "Risks and assumptions"
ORDER = 80


def build(view: View) -> Block | None:
    """Return risks and assumptions, ranked."""
    rows = [[one.text, f"{one.weight:.0%}" if one.weight < 5 else "all", one.mend] for one in advice.risks(view.plan)]
    head = ("what is taken for given, or may go wrong", "moves fullness by", "what to do")
    return block(TITLE, [table("Ranked by how much each matters", head, rows, texts=(0, 2))] if rows else [])
