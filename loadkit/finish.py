"""The end of a run: the page is written and the table printed."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from rich.console import Console

from loadkit.errors import RunError, UsageError
from loadkit.report import page, text
from loadkit.result import load
from loadkit.summary import summarise


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
