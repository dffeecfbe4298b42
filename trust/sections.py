"""The sections of the trust page: packages of this one with a `page.py`, found by their names, and their figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import cast

import trust
from trust.claim import Claim
from trust.page import Found, Section, read

ORDER = (
    "search", "sizing", "gate", "stalls", "peers", "limits", "stages", "fleet", "intervals", "integrity", "soak",
    "blind",
)  # fmt: skip
"""As the page shows them; sections that are not named here follow by their names."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One section and its figures by file."""

    name: str
    section: Section | None
    """None where its package is not there."""
    files: Mapping[str, Found] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Return what the page calls it."""
        return self.section.TITLE if self.section else self.name.capitalize()

    @property
    def missing(self) -> list[str]:
        """Return the files of figures that are not there."""
        named = [name for name, _ in self.section.PARTS] if self.section else []
        return [name for name in dict.fromkeys(named) if name not in self.files]

    def claims(self) -> list[tuple[Claim, Found]]:
        """Return what is promised of the figures there are, each with the file it is of."""
        made = self.section.CLAIMS if self.section else {}
        return [(one, self.files[name]) for name, claims in made.items() if name in self.files
                for one in claims(self.files[name])]  # fmt: skip


def names() -> list[str]:
    """Return the names of all sections: those of `ORDER`, there or not, then any other that is there."""
    return [*ORDER, *sorted(name for name in found() if name not in ORDER)]


def found() -> list[str]:
    """Return the names of the sections whose packages are there."""
    packages = [module.name for module in iter_modules(trust.__path__) if module.ispkg]
    return [name for name in packages if find_spec(f"trust.{name}.page")]


def load(name: str, folder: Path) -> Measured:
    """Return a section with its figures in a folder."""
    if name not in found():
        return Measured(name, None)
    section = cast(Section, import_module(f"trust.{name}.page"))
    wanted = dict.fromkeys([*(name for name, _ in section.PARTS), *section.CLAIMS])
    return Measured(name, section, {name: got for name in wanted if (got := read(folder, name)) is not None})
