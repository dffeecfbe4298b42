"""What was found out about integrity as a page, from the file beside it: `python -m trust.integrity --page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadkit.report.block import Block, Cell, Part, Prose, block, table
from trust import page
from trust.claim import SHARE, Claim

TITLE = "Nothing lost, doubled or reordered unnoticed"
METHOD = (
    "Three brokers under load are killed and started again, their leaders moved, their consumers rebalanced, with and "
    "without transactions; elsewhere losses are forced. A plain consumer that knows of loadkit only the stamp reads "
    "the whole topic afterwards, and its counts are compared with loadkit's own, message by message where some are "
    "missing."
)
OUT = Path("reports/trust/integrity")
FIGURES = "cases.json"
_LEAD = (
    "embedded:3 under load, RF 3 and min.insync.replicas=2, acks=all and idempotence: nothing may be lost, doubled or "
    "reordered. Each count stands twice: as loadkit's accounts say, and as a plain consumer finds that reads the whole "
    "topic afterwards and knows of loadkit only the stamp."
)
_FORCED = (
    "acks=1, unclean.leader.election.enable=true, min.insync.replicas=1: a leader confirms alone and dies. loadkit "
    "must count and name exactly the messages that the reader misses: their partitions and the offsets they were "
    "confirmed at, which the reader works out from the messages around them. Doubled and reordered messages are not "
    "bounded here: a client without idempotence sends again what was in flight, and a group may have seen what the log "
    "then lost."
)
_PAIRS = (("lost", "missing"), ("duplicated", "doubled"), ("reordered", "reordered"))


def _untouched(found: Mapping[str, Any]) -> Block | None:
    rows = [one for one in found["cases"] if not one["forced"]]
    return (
        block("Brokers killed, leaders moved, members that come and go", [Prose(_LEAD), *_tables(rows)])
        if rows
        else None
    )


def _lossy(found: Mapping[str, Any]) -> Block | None:
    rows = [one for one in found["cases"] if one["forced"]]
    if not rows:
        return None
    places = [
        [one["case"], str(p), f"{start:,} to {end:,}", f"{end - start + 1:,}",
         Cell("both" if [p, start, end] in one["places"]["loadkit"] else "the reader alone")]
        for one in rows if one["places"] for p, start, end in one["places"]["witness"]
    ]  # fmt: skip
    head = ("case", "partition", "offsets", "messages", "named by")
    named = table("Lost offsets", head, places, folded=True, texts=(0, 4))
    return block("Losses forced", [Prose(_FORCED), *_tables(rows), named])


def _tables(rows: Sequence[Mapping[str, Any]]) -> list[Part]:
    counts = (f"{name}, {side}" for name, _ in _PAIRS for side in ("loadkit", "reader"))
    head = ("case", "done meanwhile", "rebalances", "sent", "committed", *counts, "as it should be")
    return [table("Cases", head, [_row(one) for one in rows], texts=(0, 1))]


def _row(one: Mapping[str, Any]) -> list[Cell | str]:
    did = ", ".join(f"{count} {what}" for what, count in one["did"].items())
    counts = [f"{value:,}" for name, other in _PAIRS for value in (one["told"][name], one["read"][other])]
    kept = Cell("yes", tone="good") if one["kept"] else Cell("NO", "; ".join(one["why"]), "bad")
    return [
        one["case"],
        did,
        str(one["rebalances"]),
        f"{one['told']['sent']:,}",
        f"{one['committed']:,}",
        *counts,
        kept,
    ]


def claims(found: page.Found) -> Sequence[Claim]:
    """Return what is promised of cases without and with forced losses."""
    made = []
    for forced, text in (
        (False, "cases in which nothing was lost, doubled or reordered, by loadkit and by the reader"),
        (True, "cases of forced loss in which loadkit names exactly what the reader misses"),
    ):
        rows = [one for one in found["cases"] if one["forced"] is forced]
        missed = ", ".join(one["case"] for one in rows if not one["kept"])
        kept = sum(bool(one["kept"]) for one in rows)
        note = f"{kept} of {len(rows)}" + (f"; not {missed}" if missed else "")
        if rows:
            made.append(Claim(text, kept / len(rows), ">=", 1.0, SHARE, note))
    return made


PARTS: tuple[page.Part, ...] = ((FIGURES, _untouched), (FIGURES, _lossy))
CLAIMS = {FIGURES: claims}


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, TITLE, PARTS)
