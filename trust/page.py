"""What was found out as a page, from the files of figures beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadkit.report import page
from loadkit.report.block import Block, Prose

Part = tuple[str, Callable[[Mapping[str, Any]], Block | None]]
"""A file of figures and what makes a section of it."""


def measured(found: Mapping[str, Any]) -> str:
    """Return when, where, by which commit and with which command figures were measured."""
    machine = found["machine"]
    where = f"{machine['cores']} cores ({machine['cpu']}), Linux {machine['kernel']}"
    lanes = f", {' and '.join(found['lanes'])} lane" if found.get("lanes") else ""
    return f"Measured {found['date']} by commit {found['commit']} on {where}{lanes}: {found['command']}"


def write(out: Path, title: str, parts: Sequence[Part]) -> Path:
    """Write the page of the figures in a folder and return its path; a file that is not there is left out."""
    blocks = []
    for name, made in parts:
        if not (out / name).exists():
            continue
        found = json.loads((out / name).read_text("utf-8"))
        if built := made(found):
            blocks.append(replace(built, parts=(*built.parts, Prose(measured(found)))))
    return page.replace(out, page.render(title, blocks))
