"""Two results compared, on the terminal: what A and B are, a table of changes, differences and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadkit.compare.changes import Compared
from loadkit.report.compare import words
from loadkit.report.text import clean, hanging

_LISTED = 12
"""Differences that a terminal lists; the page has all."""


def answer(found: Compared, document: Mapping[str, Any]) -> RenderableType:
    """Return a comparison as rich prints it."""
    return Group(*_parts(found, document))


def _parts(found: Compared, document: Mapping[str, Any]) -> Iterator[RenderableType]:
    for line in words.sides(found):
        yield Text(clean(line), style="dim")
    yield Text(clean(words.headline(found)), style="bold")
    yield Text(words.basis(found))
    changes = words.shown(found)
    yield _grid(words.HEAD, [words.cells(one) for one in changes])
    for why, metrics in words.reasons(changes).items():
        yield Text(clean(f"–  {', '.join(metrics)}: {why}"), style="dim")
    yield from _differences(document["differences"])
    for one in document["warnings"]:
        yield hanging("!", f"{clean(one['text'])}\n→ {clean(one['next'])}", "yellow")


def _differences(listed: list[Mapping[str, Any]]) -> Iterator[RenderableType]:
    if not listed:
        yield Text("A and B were run with the same settings on the same machine and software", style="dim")
        return
    yield _grid(("where they differ", "A", "B"), [words.difference(one) for one in listed[:_LISTED]], texts=True)
    if len(listed) > _LISTED:
        yield Text(f"and {len(listed) - _LISTED} more, on the page", style="dim")


def _grid(head: tuple[str, ...], rows: list[tuple[str, ...]], texts: bool = False) -> Table:
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    for at, name in enumerate(head):
        made.add_column(name, justify="left" if texts or not at else "right", header_style="bold")
    for row in rows:
        made.add_row(*map(clean, row))
    return made
