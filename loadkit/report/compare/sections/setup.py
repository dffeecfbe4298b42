"""What was compared: where the sides differ, and each result with its machine, length and limit."""

from __future__ import annotations

from loadkit.report.block import Block, Cell, Prose, Table, block, table
from loadkit.report.compare import words
from loadkit.report.compare.document import FILE
from loadkit.report.compare.view import View
from loadkit.report.flat import text
from loadkit.units import format_duration

TITLE = "What was compared"
ORDER = 80
_TONES = {"generator": "bad", "unknown": "warn"}


def build(view: View) -> Block | None:
    """Return differences of settings and environment, the results, and the file beside the page."""
    rows = [words.difference(one) for one in view.document["differences"]]
    differ = table("Where they differ", ("fact", "A", "B"), rows, texts=(0, 1, 2)) if rows else (
        Prose("A and B were run with the same settings on the same machine and software.")
    )  # fmt: skip
    files = [[FILE, "the changes with their intervals, differences and warnings of this page, as JSON"]]
    return block(TITLE, [
        differ, _results(view), table("Files beside this page", ("file", "holds"), files, texts=(0, 1)),
    ])  # fmt: skip


def _results(view: View) -> Table:
    rows: list[list[Cell | str]] = []
    for side in view.document["sides"]:
        for one in side["results"]:
            rows.append([
                side["name"], one["folder"], text(one["started_at"]), text(side["target"]),
                format_duration(one["seconds"]), Cell(one["limit"], tone=_TONES.get(one["limit"], "")),
            ])  # fmt: skip
    head = ("side", "result", "started", "target", "measured", "limit")
    return table("Results", head, rows, texts=(0, 1, 2, 3, 5), folded=len(rows) > 6)
