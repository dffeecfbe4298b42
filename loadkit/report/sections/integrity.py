"""What became of every message: sent, confirmed, received; lost, duplicated, reordered, by partition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadkit.report import answer
from loadkit.report.block import Block, Cell, Note, Part, Table, block, table
from loadkit.report.view import View
from loadkit.units import format_count, format_duration

TITLE = "Every message accounted for"
ORDER = 40
_TOTALS = ("due", "sent", "acked", "errors", "unsent", "unacked")
_BAD = ("errors", "unsent", "unacked", "lost", "duplicated", "reordered")
_CHECKED = ("acked", "received", "lost", "duplicated", "reordered", "redelivered")


def build(view: View) -> Block | None:
    """Return the totals by class, error codes, the balance of each partition and the ranges that were lost."""
    checked: Mapping[str, Any] = view.facts.get("integrity") or {}
    parts: list[Part | None] = [
        _totals(view),
        _errors(view),
        _partitions(checked),
        _ranges(checked),
        _uncertainty(view),
    ]
    return block(TITLE, parts, answer.integrity(view))


def _totals(view: View) -> Table | None:
    totals: Mapping[str, Mapping[str, Any]] = view.facts.get("totals") or {}
    rows = [[Cell(name), *(_count(found.get(key), key) for key in _TOTALS)] for name, found in totals.items()]
    head = ("class", "due", "sent", "acknowledged", "failed", "due, never sent", "sent, no answer")
    return table("Messages of the measured phase", head, rows) if rows else None


def _errors(view: View) -> Table | None:
    errors: Mapping[str, int] = view.facts.get("errors") or {}
    if not errors:
        for row in view.result.of_kind("producer"):
            for code, count in (row.get("error_codes") or {}).items():
                errors = {**errors, code: errors.get(code, 0) + count}
    rows = [
        [Cell(str(code)), Cell(format_count(count), tone="bad")]
        for code, count in sorted(errors.items(), key=lambda e: -e[1])
    ]
    return table("Errors by code", ("code", "messages"), rows) if rows else None


def _partitions(checked: Mapping[str, Any]) -> Table | None:
    found = checked.get("partitions") or ()
    rows = [
        [
            Cell(f"{p.get('topic')}/{p.get('partition')}"),
            Cell(str(p.get("group") or "–")),
            *(_count(p.get(key), key) for key in _CHECKED),
        ]
        for p in found
    ]
    head = ("partition", "group", "acknowledged", "received", "lost", "duplicated", "reordered", "redelivered")
    return table("Balance of each partition", head, rows, folded=len(rows) > 12, texts=(0, 1)) if rows else None


def _ranges(checked: Mapping[str, Any]) -> Table | None:
    ranges = checked.get("lost_ranges") or ()
    rows = [
        [Cell(f"{topic}/{partition}"), Cell(format_count(first)), Cell(format_count(last))]
        for topic, partition, first, last in ranges
    ]
    return table("Lost: message numbers", ("partition", "first", "last"), rows) if rows else None


def _uncertainty(view: View) -> Note | None:
    found: Mapping[str, Any] = view.facts.get("uncertainty") or {}
    said = []
    if found.get("acked_p99") is not None:
        said.append(f"acknowledgements were read within {format_duration(found['acked_p99'])} of their arrival (p99)")
    if found.get("sent") is not None:
        said.append(f"sending was timed to {format_duration(found['sent'])}")
    if bound := view.summary.metrics.get("clock.bound"):
        said.append(
            f"end-to-end times compare clocks of several hosts and are good to ±{format_duration(bound)}, while all "
            "others compare two instants of one process"
        )
    return Note(f"How exact the times are: {'; '.join(said)}.", tone="") if said else None


def _count(value: Any, key: str) -> Cell:
    if value is None:
        return Cell("–", "not recorded")
    return Cell(format_count(value), tone="bad" if key in _BAD and value else "")
