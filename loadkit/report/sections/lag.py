"""How far consumers were behind, in messages and in time."""

from __future__ import annotations

from loadkit.report import charts
from loadkit.report.block import Block, Cell, Table, block, table
from loadkit.report.series import line_chart
from loadkit.report.view import View, by_second
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


def _partitions(view: View) -> Table | None:
    """Return the most and the last lag of each partition in the measured phase, the worst first."""
    start, end = view.result.measured
    found = []
    for name in view.names("partition"):
        rows = [row for row in view.rows["partition"][name] if row.get("lag") is not None and start <= row["t"] < end]
        t, lag = by_second(rows, "lag", "sum")
        if len(t):
            found.append((float(lag.max()), name, float(t[lag.argmax()]), float(lag[-1])))
    found.sort(key=lambda entry: -entry[0])
    rows_ = [
        [Cell(name), Cell(format_count(most)), Cell(f"{at:,.0f}"), Cell(format_count(last))]
        for most, name, at, last in found
    ]
    head = ("partition", "most lag (messages)", "at (s)", "lag at the end")
    return table("lag by partition, the worst first", head, rows_, folded=True) if rows_ else None
