"""The end of every sweep and search: the page is written and the table printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console

from loadkit.errors import RunError, UsageError
from loadkit.report.sweep import lines
from loadkit.report.sweep import page as sweep_page
from loadkit.report.sweep import text as sweep_text
from loadkit.report.sweep.maximum.text import table as max_table
from loadkit.sweep import store
from loadkit.sweep.spec import Point, Sweep


def finish_sweep(out: Path, stream: TextIO) -> None:
    """Print the sweep in `out`, and write its page and its table as CSV and Parquet; nothing before the first trial."""
    try:
        stored = store.read(out)
    except UsageError:
        return
    if not stored.trials:
        return
    console = Console(file=stream, width=None if stream.isatty() else 100)
    console.print(sweep_text.table(out, stored))
    try:
        store.export(out, stored)
        written = sweep_page.write(out)
    except OSError as error:
        raise RunError(f"{out}: the report could not be written: {error.strerror}; every trial is kept") from None
    console.print(f"table: {out / store.CSV}\nreport: {written}", highlight=False, soft_wrap=True)


def finish_max(out: Path, stream: TextIO) -> None:
    """Print the search in `out` as its answer and trials, and write its page."""
    console = Console(file=stream, width=None if stream.isatty() else 100)
    console.print(max_table(out))
    try:
        written = sweep_page.write(out)
    except OSError as error:
        raise RunError(f"{out}: the page could not be written: {error.strerror}; every trial is kept") from None
    console.print(f"report: {written}", highlight=False, soft_wrap=True)


def print_plan(
    points: Sequence[Point],
    sweep: Sweep,
    facts: Mapping[str, float],
    model: str,
    stream: TextIO,
    notes: Sequence[str] = (),
) -> None:
    """Print what a sweep would do: its points with what is wrong with them, its trials, time and bytes, and notes."""
    console = Console(file=stream, width=None if stream.isatty() else 100)
    console.print(lines.plan(points, sweep, facts, model, notes))
