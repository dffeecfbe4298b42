"""What a page is made of: plain values that sections return and the page's template prints.

Nothing here knows of HTML, of plotly or of trials, so every page (trial, sweep, gate, sizing) uses the same parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table; `why` says what is the matter with a number that is withheld or doubtful."""

    text: str
    why: str = ""
    tone: str = ""
    """"", "good", "warn" or "bad"."""
    value: float | None = None
    """What a sortable table sorts the cell by; its text where there is none."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; the first column names the row. `folded` hides it behind its caption."""

    kind: ClassVar[str] = "table"
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False
    texts: tuple[int, ...] = (0,)
    """Columns that hold text (set flush left); the others hold numbers."""
    half: bool = False
    """Whether two of its kind stand side by side where there is room."""
    sortable: bool = False
    """Whether a click on a column's head sorts by it."""
    whole: bool = False
    """Whether all rows are seen at once; a long table stands in a box that scrolls."""

    @property
    def footnotes(self) -> tuple[str, ...]:
        """Every reason that stands in a cell, once, in reading order."""
        return tuple(dict.fromkeys(cell.why for row in self.rows for cell in row if cell.why))


def table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[Cell | str]],
    *,
    folded: bool = False,
    texts: Sequence[int] = (0,),
    half: bool = False,
    sortable: bool = False,
    whole: bool = False,
) -> Table:
    """Return a table whose plain texts have become cells."""
    cells = tuple(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows)
    return Table(caption, tuple(head), cells, folded, tuple(texts), half, sortable, whole)


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph."""

    kind: ClassVar[str] = "prose"
    text: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A title within a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something the reader must know, and what to do about it."""

    kind: ClassVar[str] = "note"
    text: str
    next: str = ""
    code: str = ""
    tone: str = "warn"


@dataclass(frozen=True, slots=True)
class Tile:
    """One key figure."""

    label: str
    value: str
    unit: str = ""
    detail: str = ""
    why: str = ""
    """Why the number is withheld; shown in place of the detail, and the value is greyed."""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Key figures side by side."""

    kind: ClassVar[str] = "tiles"
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a page in plain words, with its evidence; `tone` is "good", "warn", "bad" or ""."""

    kind: ClassVar[str] = "verdict"
    headline: str
    sentences: tuple[str, ...]
    evidence: tuple[str, ...]
    tone: str = ""
    badges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """Text to copy."""

    kind: ClassVar[str] = "code"
    text: str
    label: str = "Copy"


@dataclass(frozen=True, slots=True)
class Link:
    """A file to take away: held in the page itself (a `data:` address), or beside it (its name)."""

    text: str
    href: str
    name: str


@dataclass(frozen=True, slots=True)
class Links:
    """Files to take away, side by side."""

    kind: ClassVar[str] = "links"
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Points:
    """Sentences that each stand for themselves."""

    kind: ClassVar[str] = "points"
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure as `charts` made it, with the table of what it shows."""

    kind: ClassVar[str] = "chart"
    key: str
    caption: str
    figure: Mapping[str, Any]
    table: Table | None = None
    note: str = ""
    half: bool = False
    """Whether two of its kind stand side by side where there is room."""


Part = Table | Prose | Heading | Points | Note | Tiles | Verdict | Code | Links | Chart


@dataclass(frozen=True, slots=True)
class Block:
    """One section of a page."""

    title: str
    parts: tuple[Part, ...]
    lead: str = ""
    anchor: str = ""

    @property
    def key(self) -> str:
        """The fragment by which the page links to the section."""
        return self.anchor or "".join(c if c.isalnum() else "-" for c in self.title.lower()).strip("-")


def block(title: str, parts: Sequence[Part | None], lead: str = "") -> Block | None:
    """Return a section of the parts there are; None when there is none."""
    there = tuple(part for part in parts if part is not None)
    return Block(title, there, lead) if there else None
