"""What was named where a delay was planted, as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadkit.report.block import Block, Cell, Note, Prose, block, table
from loadkit.units import format_duration
from trust import page
from trust.claim import SHARE, Claim

TITLE = "Which stage made the p99"
METHOD = (
    "One stage of a message's way through a real Kafka is delayed on purpose (generator, client queue, send buffer, "
    "network, quota, the broker's queue, its disk, its followers), and the stage that loadkit names is compared with "
    "the one that was delayed."
)
FIGURES = "planted.json"
_LEAD = (
    "Each case delays one stage of a real Kafka on purpose, and a run of loadkit is to name it with at least half of "
    "the p99. Two delays show in another place than they are: with one request in flight messages queue in the client, "
    "and a broker that stands still stops its own clock, so that only the way to it seems long."
)


def section(found: Mapping[str, Any]) -> Block | None:
    """Return the cases as a section of the page."""
    rows = [_row(one) for one in found["cases"]]
    head = ("planted by", "stage planted", "stage named", "share of the p99", "next", "latency p50", "p99")
    left = [Note(f"Not planted: {stage}: {why}", tone="") for stage, why in found["not_planted"].items()]
    return block("Stages with a planted delay", [
        Prose(_LEAD), table("Cases", head, rows, texts=(0, 1, 2, 4)), *left,
    ])  # fmt: skip


def _row(one: Mapping[str, Any]) -> list[Cell | str]:
    others = sorted((name for name in one["shares"] if name != one["named"]), key=lambda name: -one["shares"][name])
    following = f"{others[0]} ({_share(one['shares'][others[0]])})" if others else "–"
    tone = "" if not one["planted"] else "good" if one["kept"] else "bad"
    named = Cell(one["named"] or "none", tone=tone)
    return [one["how"], one["planted"] or "–", named, _share(one["share"]), following,
            format_duration(one["latency_p50"]), format_duration(one["latency_p99"])]  # fmt: skip


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}".replace("%", " %")


def claims(found: page.Found) -> Sequence[Claim]:
    """Return what is promised of planted delays."""
    planted = [one for one in found["cases"] if one["planted"]]
    kept = sum(bool(one["kept"]) for one in planted)
    missed = ", ".join(f"{one['case']} (named {one['named'] or 'none'})" for one in planted if not one["kept"])
    note = f"{kept} of {len(planted)}" + (f"; not {missed}" if missed else "")
    text = "planted delays whose stage is named, with half of the p99 or more"
    return [Claim(text, kept / len(planted) if planted else None, ">=", 1.0, SHARE, note)]


PARTS: tuple[page.Part, ...] = ((FIGURES, section),)
CLAIMS = {FIGURES: claims}


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, TITLE, PARTS)
