"""The end of every run, sweep and search: the page is written and the table printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from loadkit.document import document_of
from loadkit.errors import RunError, UsageError
from loadkit.gate import store as gate_store
from loadkit.report import page, text
from loadkit.report.gate import document as gate_document
from loadkit.report.gate import text as gate_text
from loadkit.report.sweep import document as sweep_document
from loadkit.report.sweep import lines
from loadkit.report.sweep import page as sweep_page
from loadkit.report.sweep import text as sweep_text
from loadkit.report.sweep.maximum import document as max_document
from loadkit.report.sweep.maximum.text import table as max_table
from loadkit.result import load
from loadkit.summary import summarise
from loadkit.sweep import max_file, store
from loadkit.sweep.spec import Point, Sweep


def again(out: Path, stream: TextIO) -> dict[str, Any]:
    """Render a run, a sweep, a search or a gate that lies in a folder anew, and return its document."""
    if (out / store.FILE).exists():
        finish_sweep(out, stream)
        return sweep_document.document_of(out)
    if (out / max_file.FILE).exists():
        finish_max(out, stream)
        return max_document.document_of(out)
    if (out / gate_store.FILE).exists():
        gate_text.finish(out, stream)
        return gate_document.document_of(out)
    finish(out, stream)
    return document_of(out)


def finish(out: Path, stream: TextIO) -> Path | None:
    """Print the result in `out` as a table, write its page and return where; None without a result."""
    try:
        result = load(out)
    except UsageError:
        return None
    console = Console(file=stream, width=None if stream.isatty() else 100)
    summary = summarise(result)
    console.print(text.table(result, summary))
    try:
        written = page.write_loaded(result, summary)
    except OSError as error:
        raise RunError(f"{out}: the page could not be written: {error.strerror}; what was measured is kept") from None
    console.print(f"report: {written}", highlight=False, soft_wrap=True)
    return written


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
