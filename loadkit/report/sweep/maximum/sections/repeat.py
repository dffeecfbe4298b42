"""How to repeat the search, and which files hold what was measured."""

from __future__ import annotations

import shlex

from loadkit.report.block import Block, Code, block, table
from loadkit.report.flat import text
from loadkit.report.sweep.maximum.view import View
from loadkit.sweep.max_file import FILE
from loadkit.sweep.store import TRIALS

TITLE = "Repeat this search"
ORDER = 90
_FILES = (
    (FILE, "the answer, and every trial with its verdict and metrics"),
    (TRIALS, "each trial's own files: facts, histograms, series; `loadkit report` makes a page of any"),
)


def build(view: View) -> Block | None:
    """Return the command line to copy, what identifies the search, and the files beside the page."""
    argv = view.facts.get("argv") or ()
    scenario = view.facts.get("scenario") or {}
    facts = {
        "scenario file": scenario.get("file"), "its SHA-256": scenario.get("sha256"),
        "target": view.facts.get("target_name"), "SLO": list(view.facts.get("slo") or ()),
        "loadkit": view.facts.get("loadkit"), "status": view.facts.get("status"),
    }  # fmt: skip
    known = [[name, text(value)] for name, value in facts.items() if value]
    files = [[name, about] for name, about in _FILES if (view.out / name).exists()]
    return block(TITLE, [
        Code(shlex.join(str(word) for word in argv)) if argv else None,
        table("This search", ("fact", "value"), known, texts=(0, 1), half=True) if known else None,
        table("Files beside this page", ("file", "holds"), files, texts=(0, 1), half=True) if files else None,
    ])  # fmt: skip
