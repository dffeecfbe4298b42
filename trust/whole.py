"""The page of all sections: what is promised and whether it is kept, then each section's method and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from loadkit.report.block import Block, Cell, Chart, Heading, Note, Part, Prose, Table, Verdict, block, table
from trust.claim import Claim
from trust.page import Found, dated
from trust.sections import Measured

TITLE = "Can these numbers be trusted?"
LEAD = (
    "Every figure of loadkit that could be checked against something that is not loadkit: known truth, an independent "
    "record, or another tool. `make trust-<section>` measures a section anew; `make trust` runs a short slice of each "
    "and makes this page from the committed figures."
)
YET = "not measured yet"
TONES = {True: "good", False: "bad", None: ""}


def blocks(measured: Sequence[Measured], more: Sequence[Block] = ()) -> list[Block]:
    """Return the blocks of the page; `more` stand between the headline and the sections."""
    return [headline(measured), *more, *map(section, measured)]


def headline(measured: Sequence[Measured]) -> Block:
    """Return the table of all that is promised."""
    rows = [row for one in measured for row in _rows(one)]
    head = ("section", "claim", "figure", "bound", "verdict", "measured")
    promised = table("What is promised", head, rows, texts=(0, 1, 4, 5), whole=True)
    return Block("What is promised, and whether it is kept", (_verdict(measured), promised), LEAD)


def _rows(one: Measured) -> list[list[Cell | str]]:
    """Return the judged claims of a section: what is only stated stands in the section itself."""
    try:
        rows: list[list[Cell | str]] = [[one.name, *_cells(claim), _when(found)] for claim, found in one.claims()
                                        if claim.met is not None]  # fmt: skip
    except Exception as error:  # figures of another version: the page of all others is not lost
        return [[one.name, f"its figures cannot be read: {type(error).__name__}: {error}", "–", "–",
                 Cell("not told", tone="bad"), "–"]]  # fmt: skip
    wanted = one.missing if one.files else ["its figures"]
    return rows + [[one.name, f"{name}: {YET}", "–", "–", Cell(YET, tone="warn"), "–"] for name in wanted]


def _cells(claim: Claim) -> list[Cell | str]:
    figure = Cell(claim.figure, why=claim.note, tone=TONES[claim.met])
    return [claim.text, figure, claim.wanted, Cell(claim.verdict, tone=TONES[claim.met])]


def _when(found: Found) -> str:
    return f"{found.get('date', '–')}, {found.get('commit', '–')}"


def _verdict(measured: Sequence[Measured]) -> Verdict:
    claims = [(one.name, claim) for one in measured for claim, _ in _safe(one) or () if claim.met is not None]
    missed = [(name, claim) for name, claim in claims if not claim.met]
    absent = [one.name for one in measured if not one.files or one.missing]
    broken = [one.name for one in measured if _safe(one) is None]
    said = [f"{name}: {claim.text}: {claim.figure}, wanted {claim.wanted}" for name, claim in missed]
    rest = [f"{words}: {', '.join(names)}." for words, names in
            (("Not measured yet, or not all of it", absent), ("Cannot be read", broken)) if names]  # fmt: skip
    tone = "bad" if missed or broken else "warn" if absent or not claims else "good"
    kept = f"{len(claims) - len(missed)} of {len(claims)} promised figures are kept"
    return Verdict(kept, tuple(rest), tuple(said), tone)


def _safe(one: Measured) -> list[tuple[Claim, Found]] | None:
    """Return what a section promises; None where its figures cannot be read, which the table tells."""
    try:
        return one.claims()
    except Exception:
        return None


def section(one: Measured) -> Block:
    """Return one section: method, what it promises, and the figures of each file."""
    anchor = f"section-{one.name}"
    if one.section is None:
        return Block(one.title, (Note(f"{YET}: this section is not there", tone="warn"),), anchor=anchor)
    parts: list[Part] = [Prose(one.section.METHOD)]
    if promised := _promised(one):
        parts.append(promised)
    parts += [Note(f"{name}: {YET}", next=f"make trust-{one.name}") for name in one.missing]
    for name, made in one.section.PARTS:
        if name not in one.files:
            continue
        try:
            built = made(one.files[name])
            parts += _inner(one.name, dated(built, one.files[name])) if built else []
        except Exception as error:
            why = f"{name} cannot be shown: {type(error).__name__}: {error}"
            parts.append(Note(why, next=f"make trust-{one.name}"))
    made_block = block(one.title, parts)
    assert made_block
    return replace(made_block, anchor=anchor)


def _promised(one: Measured) -> Table | None:
    rows = [_cells(claim) for claim, _ in _safe(one) or ()]
    return table("Promised", ("claim", "figure", "bound", "verdict"), rows, texts=(0, 3), whole=True) if rows else None


def _inner(name: str, built: Block) -> list[Part]:
    """Return a block as parts of a section: its title a heading, its charts named after the section."""
    lead = [Prose(built.lead)] if built.lead else []
    parts = (replace(part, key=f"{name}-{built.key}-{part.key}") if isinstance(part, Chart) else part
             for part in built.parts)  # fmt: skip
    return [Heading(built.title), *lead, *parts]
