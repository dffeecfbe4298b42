"""`loadkit compare`: read two sides, say what changed, print it and write the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from loadkit import kept
from loadkit.compare.changes import compared
from loadkit.compare.sides import read
from loadkit.errors import UsageError
from loadkit.report.compare import document, page, text
from loadkit.report.compare.view import View
from loadkit.result import claim


@dataclass(frozen=True, slots=True)
class Request:
    """One `loadkit compare`, as its arguments say."""

    a: str
    b: str
    out: Path


def compare(request: Request, stream: TextIO) -> dict[str, Any]:
    """Return the document of a comparison, printed on a stream and written with its page.

    UsageError where the sides cannot be compared or the folder cannot be written.
    """
    claim(request.out)
    found = compared(read(request.a, request.b))
    made = document.document_of(found, request.out)
    console = Console(file=stream, width=None if stream.isatty() else 120)
    console.print(text.answer(found, made), highlight=False)
    try:
        request.out.mkdir(parents=True, exist_ok=True)
        kept.write(request.out / document.FILE, made)
        written = page.write(View(request.out, found, made))
    except OSError as error:
        raise UsageError(f"--out {request.out}: {error.strerror}; give a folder that can be written") from None
    console.print(f"report: {written}", highlight=False, soft_wrap=True)
    return made
