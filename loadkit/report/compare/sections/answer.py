"""What changed: the most important metric first, where its interval comes from, what qualifies it, every metric."""

from __future__ import annotations

from collections.abc import Sequence

from loadkit.compare.changes import Change
from loadkit.report.block import Block, Cell, Note, Table, Verdict, block, table
from loadkit.report.compare import words
from loadkit.report.compare.view import View

TITLE = "What changed"
ORDER = 0


def build(view: View) -> Block | None:
    """Return the headline, warnings and the tables of changes."""
    said = Verdict(words.headline(view.found), (words.basis(view.found),), (), "")
    notes = [Note(one["text"], one["next"], one["code"]) for one in view.document["warnings"]]
    short, rest = words.shown(view.found), words.by_class(view.found)
    further = _table("Further percentiles, and by class", rest, folded=True) if rest else None
    return block(TITLE, [said, *notes, _table("Changes from A to B", short), further])


def _table(caption: str, changes: Sequence[Change], folded: bool = False) -> Table:
    rows = [[Cell(text, one.why if at == 4 else "") for at, text in enumerate(words.cells(one))] for one in changes]
    return table(caption, words.HEAD, rows, folded=folded)
