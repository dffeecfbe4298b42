"""A trial on the terminal: the answer in a sentence, a table by class, warnings with their next step.

The same facts as the page, in 100 columns; narrower terminals lose p90 and service time, not the answer.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadkit.report import answer
from loadkit.report.block import Cell
from loadkit.report.by_class import consumer_rows, producer_rows
from loadkit.report.view import View, view_of
from loadkit.result import Result
from loadkit.summary import Summary

WIDE = 100
_TONES = {"good": "green", "warn": "yellow", "bad": "red"}
_MARKS = {"good": "✓", "warn": "!", "bad": "✗"}
SIGNS = {tone: (_MARKS[tone], f"bold {color}") for tone, color in _TONES.items()}
"""The sign before an answer and the style of its line, by tone."""


@dataclass(frozen=True, slots=True)
class _Report:
    """A renderable that looks at the width it is given."""

    view: View

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _parts(self.view, options.max_width >= WIDE)


def table(result: Result, summary: Summary) -> RenderableType:
    """Return a trial as rich prints it."""
    return _Report(view_of(result, summary))


def plain(result: Result, summary: Summary, width: int = WIDE) -> str:
    """Return a trial as text without colours, at most `width` columns wide."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, highlight=False, legacy_windows=False).print(
        table(result, summary)
    )
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _parts(view: View, wide: bool) -> Iterator[RenderableType]:
    yield from _answer(view)
    for said in answer.faults(view):
        yield Text(clean(said))
    notes: list[str] = []
    for title, head, rows in (("Producers", *producer_rows(view, wide)), ("Consumers", *consumer_rows(view))):
        if rows:
            yield Text()
            yield _grid(title, head, rows, notes)
    for number, why in enumerate(notes, 1):
        yield hanging(f"{number}", why, "dim")
    if view.summary.warnings:
        yield Text()
    for warning in view.summary.warnings:
        yield hanging("!", f"{clean(warning['text'])}\n→ {clean(warning.get('next', ''))}", "yellow")


def _answer(view: View) -> Iterator[RenderableType]:
    """Yield what stopped the run, the answer, and what qualifies every figure."""
    tone = answer.tone(view)
    stopped = answer.status(view)
    if stopped:
        yield Text(clean(stopped), style="bold yellow")
    sign, style = SIGNS[tone]
    yield Text(f"{sign} {clean(answer.one_sentence(view))}", style=style)
    labels = answer.labels(view)
    if labels:
        yield Text(clean("; ".join(labels)), style="dim")
    if made := answer.stage(view):
        yield Text(made)
    stalled = answer.stalls(view)
    if stalled:
        yield Text(stalled)
    untold = answer.untold(view)
    if untold:
        yield Text(untold, style="dim")


def _grid(title: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], notes: list[str]) -> Table:
    """Return one table; the reasons of withheld numbers are added to `notes`, each once, and numbered."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    for at, label in enumerate((title, *head[1:])):
        made.add_column(label, justify="right" if at else "left", no_wrap=True, overflow="ellipsis",
                        max_width=None if at else 16, header_style="bold")  # fmt: skip
    for row in rows:
        made.add_row(*(_cell(cell, notes) for cell in row))
    return made


def _cell(cell: Cell, notes: list[str]) -> Text:
    if not cell.why:
        return Text(clean(cell.text), style=_TONES.get(cell.tone, ""))
    why = clean(cell.why)
    if why not in notes:
        notes.append(why)
    return Text(f"{cell.text}{_raised(notes.index(why) + 1)}", style="dim")


def _raised(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def hanging(mark: str, said: str, style: str) -> RenderableType:
    """Return a text whose later lines stand under its first word."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    first, *rest = said.split("\n")
    grid.add_row(
        Text(mark, style=style), Group(Text(first), *(Text(line, style="dim") for line in rest if line != "→ "))
    )
    return Padding(grid, 0)


def clean(text: str) -> str:
    """Return a text without control characters: names come from files and must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
