"""How to repeat the run, and which files hold what was measured."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from loadkit import result
from loadkit.report.block import Block, Code, Part, block, table
from loadkit.report.flat import text
from loadkit.report.view import View

TITLE = "Repeat this run"
ORDER = 90
_FILES = (
    (result.RESULT, "facts: settings, versions, phases, totals, integrity"),
    (result.HLOG, "every latency, one HDR histogram a second and series (HdrHistogram log 1.3, microseconds)"),
    (result.SERIES, "one row a second and subject: counts, lag, CPU, client and broker statistics"),
    (result.PARQUET, "the same rows for pandas and DuckDB"),
)


def build(view: View) -> Block | None:
    """Return the command line to copy, what identifies the run, and the files beside the page."""
    argv = view.facts.get("argv") or ()
    scenario: Mapping[str, Any] = view.facts.get("scenario") or {}
    command: list[Part | None] = [Code(shlex.join(str(word) for word in argv)) if argv else None]
    facts = {
        "run": view.facts.get("run_id"),
        "started": view.facts.get("started_at"),
        "scenario file": scenario.get("file"),
        "its SHA-256": scenario.get("sha256"),
        "loadkit": view.facts.get("loadkit"),
        "status": view.facts.get("status"),
    }
    known = [[name, text(value)] for name, value in facts.items() if value is not None]
    files = [[name, about] for name, about in _FILES if (view.result.out / name).exists()]
    return block(TITLE, [
        *command,
        table("This run", ("fact", "value"), known, texts=(0, 1), half=True) if known else None,
        table("Files beside this page", ("file", "holds"), files, texts=(0, 1), half=True) if files else None,
    ])  # fmt: skip
