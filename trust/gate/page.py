"""What was found out about gates as a page, from the files beside it: `python -m trust.gate --page`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadkit.report import page
from loadkit.report.block import Block, Prose
from trust.gate import live, made_up, planted, recorded
from trust.search.page import measured

PAGE = "report.html"
PARTS: tuple[tuple[str, Callable[[Mapping[str, Any]], Block | None]], ...] = (
    (made_up.FIGURES, made_up.section), (planted.FIGURES, planted.section),
    (recorded.FIGURES, recorded.section), (live.FIGURES, live.section),
)  # fmt: skip
"""Files of figures and what makes a section of each; one that is not there is left out."""


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    blocks = []
    for name, made in PARTS:
        if not (out / name).exists():
            continue
        found = json.loads((out / name).read_text("utf-8"))
        if built := made(found):
            blocks.append(replace(built, parts=(*built.parts, Prose(measured(found)))))
    path = out / PAGE
    path.write_text(page.render("Gates against known truth", blocks), encoding="utf-8", newline="\n")
    return path
