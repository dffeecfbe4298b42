"""`sizing.md`: the same sections as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from loadkit.report import page as frame
from loadkit.report.block import Block, Cell, Chart, Code, Links, Note, Part, Points, Prose, Table, Tile, Tiles, Verdict
from loadkit.report.sizing import sections as own_sections
from loadkit.report.sizing.page import GROUP
from loadkit.report.sizing.view import View


def text(view: View) -> str:
    """Return the report as Markdown; charts stand as their tables."""
    made = frame.blocks(frame.sections(own_sections, GROUP), view)
    lines = [f"# Sizing of {view.plan.needs.name}", ""]
    if view.plan.needs.description:
        lines += [view.plan.needs.description, ""]
    for block in made:
        lines += _block(block)
    return "\n".join(lines).rstrip() + "\n"


def _block(block: Block) -> Iterator[str]:
    yield from (f"## {block.title}", "")
    if block.lead:
        yield from (block.lead, "")
    for part in block.parts:
        yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    match part:
        case Verdict():
            yield from (f"**{part.headline}** {' '.join(part.sentences)}", "")
            yield from (*(f"- {badge}" for badge in part.badges), "")
        case Prose():
            yield from (part.text, "")
        case Points():
            yield from (*(f"- {one}" for one in part.texts), "")
        case Note():
            yield from (f"> {part.text}{f' Next: {part.next}' if part.next else ''}", "")
        case Tiles():
            yield from (*map(_tile, part.tiles), "")
        case Code():
            yield from ("```", part.text.rstrip(), "```", "")
        case Table():
            yield from _table(part)
        case Chart():
            yield from _table(part.table) if part.table else ()
        case Links():
            return


def _tile(tile: Tile) -> str:
    said = tile.detail or tile.why
    return f"- {tile.label}: {tile.value} {tile.unit}".rstrip() + (f" ({said})" if said else "")


def _table(table: Table) -> Iterator[str]:
    if table.caption:
        yield from (f"### {table.caption}", "")
    yield "| " + " | ".join(_plain(name) for name in table.head) + " |"
    yield "|" + "---|" * len(table.head)
    for row in table.rows:
        yield "| " + " | ".join(map(_cell, row)) + " |"
    yield ""


def _cell(cell: Cell) -> str:
    return _plain(f"{cell.text} ({cell.why})" if cell.why else cell.text)


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
