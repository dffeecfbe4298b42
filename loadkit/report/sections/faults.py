"""What happened to brokers on purpose, and how the run got over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadkit.analysis import recovery
from loadkit.report import answer
from loadkit.report.block import Block, Cell, Prose, block, table
from loadkit.report.view import View
from loadkit.units import format_count, format_duration

TITLE = "Faults"
ORDER = 25
_LEAD = (
    "What --fault did to brokers, drawn as bands over every chart by time. A second is disturbed when less than "
    f"{recovery.SHARE:.0%} of the lowest share before was acknowledged in it, or its latency p99 was above "
    f"{recovery.TIMES:g} times the highest before; before is every whole measured second until the first fault. Time "
    f"to recover ends where {recovery.SETTLED} seconds in a row are not disturbed."
)
_HEAD = (
    "fault",
    "planned",
    "began",
    "ended",
    "mended",
    "recovered after",
    "after its end",
    "disturbed",
    "failed meanwhile",
)


def build(view: View) -> Block | None:
    """Return a row for each fault, and what became of messages in the whole run."""
    found = recovery.told(view.result)
    if not found:
        return None
    rows = [[Cell(fault["fault"]), *_times(fault), *_effects(fault)] for fault in found]
    caption = "Faults, in seconds since the schedule began"
    return block(TITLE, [table(caption, _HEAD, rows), Prose(_whole(view))], _LEAD)


def _times(fault: Mapping[str, Any]) -> list[Cell]:
    planned = " to ".join(f"{at:.1f}" for at in fault["planned"] or ()) or "–"
    why = fault["error"] or "the run ended before"
    return [Cell(planned), *(_second(fault[name], why) for name in ("begin", "end", "back"))]


def _second(at: float | None, why: str) -> Cell:
    return Cell("–", why) if at is None else Cell(f"{at:.1f}", value=at)


def _effects(fault: Mapping[str, Any]) -> list[Cell]:
    why = fault["why"] or ""
    times = [fault["recovered"], fault["after_end"]]
    return [
        *(Cell("–", why) if time is None else Cell(format_duration(time), value=time) for time in times),
        Cell("–", why) if fault["disturbed"] is None else Cell(f"{fault['disturbed']} s"),
        Cell(format_count(fault["errors"]), tone="bad" if fault["errors"] else ""),
    ]


def _whole(view: View) -> str:
    """Return what became of messages: known by offset and not by time, so for the whole run."""
    unacked = sum(total.get("unacked", 0) for total in (view.facts.get("totals") or {}).values())
    left = f" {format_count(unacked)} were neither acknowledged nor failed." if unacked else ""
    return f"In the whole run, whatever the fault: {answer.integrity(view)}{left}"
