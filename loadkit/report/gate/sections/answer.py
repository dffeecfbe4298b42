"""The verdict first: what decided it, every threshold with effect, interval and margin, and what qualifies it."""

from __future__ import annotations

from loadkit.report.block import Block, Cell, Note, Table, Tile, Tiles, Verdict, table
from loadkit.report.gate import words
from loadkit.report.gate.document import warnings
from loadkit.report.gate.view import View

TITLE = "Verdict"
ORDER = 0
_HEAD = (
    "threshold",
    "baseline",
    "candidate",
    "effect",
    "interval",
    "margin",
    "smallest effect told",
    "pairs",
    "verdict",
)


def build(view: View) -> Block | None:
    """Return verdict, key figures and the table of comparisons."""
    if not view.answer:
        why = str(view.document.get("error") or "no pair is complete")
        return Block(TITLE, (Verdict(f"No verdict: {view.document['status']}", (why,), (), "warn"),))
    headline = words.headline(view.answer, list(view.comparisons))
    said = tuple(words.sentence(one) for one in view.comparisons)
    verdict = Verdict(headline, said, (), words.TONES[view.answer["verdict"]], tuple(view.document["fail_if"]))
    notes = [Note(one["text"], one["next"], one["code"]) for one in warnings(dict(view.document))]
    return Block(TITLE, (verdict, _tiles(view), _table(view), *notes))


def _tiles(view: View) -> Tiles:
    one = view.comparisons[0]
    tone = words.TONES[one.verdict]
    pairs = f"of at most {view.document['max_pairs']}"
    return Tiles((
        Tile(f"{one.metric}, baseline", words.shown(one.metric, one.baseline)),
        Tile(f"{one.metric}, candidate", words.shown(one.metric, one.candidate)),
        Tile("Effect", words.of(one, one.effect), detail=words.interval(one), tone=tone),
        Tile("Margin", words.of(one, one.margin), detail=one.threshold),
        Tile("Pairs", str(view.answer["pairs"]), detail=pairs),
    ))  # fmt: skip


def _table(view: View) -> Table:
    rows: list[list[Cell | str]] = []
    for one in view.comparisons:
        rows.append([*words.cells(one), str(one.pairs), Cell(one.verdict, tone=words.TONES[one.verdict])])
    return table("Thresholds; the first is the primary one", _HEAD, rows, texts=(0, 8))
