"""What was found out as a page, from the files of figures beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from loadkit.report import page
from loadkit.report.block import Block, Prose
from trust.claim import Claim

Found = Mapping[str, Any]
"""A file of figures."""
Part = tuple[str, Callable[[Found], Block | None]]
"""A file of figures and what makes a section of it."""
Claims = Callable[[Found], Sequence[Claim]]
"""What is promised of a file of figures."""


class Section(Protocol):
    """A module `trust/<name>/page.py`: one section of the whole page, found by its name."""

    TITLE: str
    METHOD: str
    """What is compared with what, in a few sentences."""
    PARTS: Sequence[Part]
    CLAIMS: Mapping[str, Claims]
    """What is promised, by file of figures."""


def measured(found: Found) -> str:
    """Return when, where, by which commit and with which command figures were measured."""
    machine = found["machine"]
    where = f"{machine['cores']} cores ({machine['cpu']}), {machine['kernel']}"
    lanes = f", {' and '.join(found['lanes'])} lane" if found.get("lanes") else ""
    return f"Measured {found['date']} by commit {found['commit']} on {where}{lanes}: {found['command']}"


def read(folder: Path, name: str) -> Found | None:
    """Return a file of figures; None where it is not there."""
    path = folder / name
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def dated(built: Block, found: Found) -> Block:
    """Return a block that ends with when and how its figures were measured."""
    return replace(built, parts=(*built.parts, Prose(measured(found))))


def write(out: Path, title: str, parts: Sequence[Part]) -> Path:
    """Write the page of the figures in a folder and return its path; a file that is not there is left out."""
    there = [(made, found) for name, made in parts if (found := read(out, name)) is not None]
    blocks = [dated(built, found) for made, found in there if (built := made(found))]
    return page.replace(out, page.render(title, blocks))
