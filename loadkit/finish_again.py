"""`loadkit report`: what lies in a folder is rendered anew, whatever it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO

from loadkit import drive_history
from loadkit.document import document_of
from loadkit.finish import finish
from loadkit.finish_sweep import finish_max, finish_sweep
from loadkit.gate import history
from loadkit.gate import store as gate_store
from loadkit.report.gate import document as gate_document
from loadkit.report.gate import text as gate_text
from loadkit.report.sweep import document as sweep_document
from loadkit.report.sweep.maximum import document as max_document
from loadkit.sweep import max_file, store


def again(out: Path, stream: TextIO, asked: drive_history.History | None = None) -> dict[str, Any]:
    """Render a run, a sweep, a search or a gate that lies in a folder anew, and return its document.

    With a history a gate's trend is found anew too; UsageError where the folder holds no gate.
    """
    if asked:
        history.check(asked.folder)
        drive_history.put(out, asked)
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
