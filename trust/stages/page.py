"""What was named where a delay was planted, as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadkit.report.block import Block, Cell, Note, Prose, block, table
from loadkit.units import format_duration
from trust import page

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


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, "Which stage made the p99", ((FIGURES, section),))
