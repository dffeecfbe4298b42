"""How far consumers were behind, in messages and in time, and whether they kept up by Burrow's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadkit.report import charts
from loadkit.report.block import Block, Cell, Points, Table, block, table
from loadkit.report.series import line_chart
from loadkit.report.view import View, by_second, natural
from loadkit.result import Row, measured_rows
from loadkit.standing import MEANINGS, Status, tell
from loadkit.units import format_count

TITLE = "Consumer lag"
ORDER = 30


def build(view: View) -> Block | None:
    """Return lag by class over time and the partitions that were behind most."""
    if not view.consumers:
        return None
    lag = [charts.Line(name, *view.line("consumer", name, "lag")) for name in view.consumers]
    late = [(name, view.line("consumer", name, "lag_time", "max")) for name in view.consumers]
    behind = [charts.Line(name, t, y * 1e3) for name, (t, y) in late]
    parts = [
        line_chart(view, "lag", "Lag of each consumer class in messages", "lag", "messages", lag, how="max", half=True),
        line_chart(view, "lag-time", "Lag of each consumer class in time", "lag", "ms", behind, how="max", half=True),
        _standing(view),
        _legend(view),
        _partitions(view),
    ]
    return block(TITLE, parts, _lead(view))


def _lead(view: View) -> str:
    slope = view.summary.metrics.get("lag.slope")
    if slope is None:
        return "Lag is what stands in the log and was not yet received."
    growth = (
        "did not grow"
        if abs(slope) < 1
        else f"{'grew' if slope > 0 else 'shrank'} by {abs(slope):,.1f} messages a second"
    )
    return f"Lag is what stands in the log and was not yet received. Over the measured phase it {growth}."


def _standing(view: View) -> Table | None:
    """Return how each group stood by Burrow's rules, second by second, and which partitions were not well."""
    told = tell(measured_rows(view.result))
    rows = []
    for name, facts in told.items():
        rows.append([Cell(name), *_statuses(facts)])
        rows += [[Cell(f"{name}, {place}"), *_statuses(own)] for place, own in facts["partitions"].items()]
    head = ("group, partition", "at the end", "worst", "seconds of each")
    return table("How groups stood, by Burrow's rules", head, rows, texts=(0, 1, 2, 3)) if rows else None


def _statuses(facts: Mapping[str, Any]) -> list[Cell]:
    seconds = ", ".join(f"{name} {count:,}" for name, count in facts["seconds"].items())
    return [*(Cell(facts[word], tone=_tone(Status[facts[word]])) for word in ("status", "worst")), Cell(seconds)]


def _tone(status: Status) -> str:
    return {Status.OK: "good", Status.WARN: "warn"}.get(status, "bad")


def _legend(view: View) -> Points | None:
    """Return what the statuses that occurred mean, but for the one of a group that is well throughout."""
    seen = {Status[row["status"]] for row in measured_rows(view.result) if row.get("status")} - {Status.OK}
    return Points(tuple(f"{status.name}: {MEANINGS[status]}." for status in sorted(seen))) if seen else None


def _partitions(view: View) -> Table | None:
    """Return the most and the last lag of each partition in the measured phase, the worst first."""
    found = []
    rows_of: dict[str, list[Row]] = {}
    for row in measured_rows(view.result):
        if row["kind"] == "group" and row.get("lag") is not None:
            rows_of.setdefault(row["name"], []).append(row)
    for name, rows in rows_of.items():
        t, lag = by_second(rows, "lag", "max")
        found.append((float(lag.max()), name, float(t[lag.argmax()]), float(lag[-1])))
    found.sort(key=lambda entry: (-entry[0], natural(entry[1])))
    rows_ = [
        [Cell(name), Cell(format_count(most)), Cell(f"{at:,.0f}"), Cell(format_count(last))]
        for most, name, at, last in found
    ]
    head = ("group, partition", "most lag (messages)", "at (s)", "lag at the end")
    return table("lag by partition, the worst first", head, rows_, folded=True) if rows_ else None
