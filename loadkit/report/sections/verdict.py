"""The answer first: was the load met, how long did messages take, whose limit was it, and what to do next."""

from __future__ import annotations

from loadkit.report import answer
from loadkit.report.block import Block, Cell, Note, Part, Table, Tile, Tiles, Verdict, table
from loadkit.report.by_class import Rows, consumer_rows, producer_rows
from loadkit.report.view import View, parted
from loadkit.units import format_count

TITLE = "Answer"
ORDER = 0


def build(view: View) -> Block | None:
    """Return the verdict with its evidence, the key figures and every warning with its next step."""
    stopped = answer.status(view)
    badges = (answer.LIMITS.get(view.summary.limit, view.summary.limit), *answer.labels(view))
    said = (stopped, *answer.sentences(view)) if stopped else answer.sentences(view)
    headline = f"{stopped} {answer.headline(view)}" if stopped else answer.headline(view)
    sentences = said[1:] if stopped else said
    parts: list[Part] = [
        Verdict(headline, sentences, tuple(view.summary.evidence), answer.tone(view), badges),
        Tiles(tuple(_tiles(view))),
    ]
    parts += [
        Note(warning["text"], warning.get("next", ""), warning.get("code", "")) for warning in view.summary.warnings
    ]
    parts += [_by_class(caption, *found) for caption, found in _classes(view)]
    if view.result.torn:
        torn = view.result.torn
        lines = "1 line of series.jsonl was" if torn == 1 else f"{torn} lines of series.jsonl were"
        parts.append(Note(f"{lines} torn and passed over: the run ended while writing", tone=""))
    return Block(TITLE, tuple(parts))


def _classes(view: View) -> list[tuple[str, Rows]]:
    """Return the tables by class that say more than the tiles do: those of two classes or more."""
    found = [("Producers", producer_rows(view)), ("Consumers", consumer_rows(view))]
    return [(caption, rows) for caption, rows in found if len(rows[1]) > 1]


def _by_class(caption: str, head: tuple[str, ...], rows: list[list[Cell]]) -> Table:
    return table(caption, [label.replace("/\n", "/").strip() for label in head], rows)


def _tiles(view: View) -> list[Tile]:
    """Return the key figures; one that is withheld stays, greyed, with its reason."""
    tiles = []
    if view.producers:
        tiles += [
            _tile(view, "Offered", "offered", "messages due"),
            _tile(view, "Acknowledged", "throughput", view.shown("bytes")),
        ]
        tiles += [_tile(view, f"Latency {p}", f"latency.{p}") for p in ("p50", "p99", "p99.9", "max")]
        tiles.append(_tile(view, "Send delay p99", "send_delay.p99", "how late the generator was"))
    if view.consumers:
        tiles.append(_tile(view, "Received", "consumed", "by all consumers"))
        tiles += [_tile(view, f"End to end {p}", f"end_to_end.{p}") for p in ("p99", "max")]
        tiles.append(_tile(view, "Lag, most", "lag.max", "messages behind"))
    return [*tiles, _counted(view)]


def _tile(view: View, label: str, name: str, detail: str = "") -> Tile:
    if view.summary.metrics.get(name) is None:
        return Tile(label, "–", why=view.why(name))
    interval = view.interval(name)
    return Tile(label, *parted(view.shown(name)), f"95 %: {interval}" if interval else detail)


def _counted(view: View) -> Tile:
    """Return lost, duplicated and reordered messages as one figure."""
    values = [view.summary.metrics.get(name) for name in ("lost", "duplicated", "reordered")]
    label = "Lost / doubled / reordered"
    if None in values:
        return Tile(label, "–", why=view.why("lost"))
    return Tile(
        label, " / ".join(format_count(v) for v in values), detail="messages", tone="bad" if any(values) else "good"
    )
