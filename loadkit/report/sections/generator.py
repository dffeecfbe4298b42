"""Whether the load generator had room: CPU of its processes, its machine, and the client's own queues."""

from __future__ import annotations

from loadkit.report import charts
from loadkit.report.block import Block, Cell, Chart, Table, block, table
from loadkit.report.series import line_chart
from loadkit.report.view import View
from loadkit.units import format_count, format_duration, format_size

TITLE = "Load generator"
ORDER = 50
_LEAD = "A figure of the cluster counts only while the generator had CPU to spare and sent on time."
_STATISTICS = (
    ("requests", "requests/s", format_count),
    ("queue", "queue (messages)", format_count),
    ("int_latency_p99", "in queue p99", format_duration),
    ("outbuf_p99", "in send buffer p99", format_duration),
    ("rtt_avg", "round trip mean", format_duration),
    ("rtt_p99", "round trip p99", format_duration),
    ("throttle_avg", "throttled", format_duration),
)


def build(view: View) -> Block | None:
    """Return CPU, gaps between polls, and librdkafka's statistics of each client."""
    return block(
        TITLE,
        [_cpu(view), _busy(view), _gaps(view), _round_trips(view), _batches(view), _queue(view), _clients(view)],
        _LEAD,
    )


def _cpu(view: View) -> Chart | None:
    lines = [charts.Line(name, *view.line("host", name, "cpu")) for name in view.names("host")]
    note = "One process cannot use much more than one core for its own code."
    return line_chart(view, "cpu", "CPU of each load process", "CPU used", "cores", lines, note=note, half=True)


def _busy(view: View) -> Chart | None:
    found = [(name, view.line("host", name, "busy", "max")) for name in view.names("host")]
    lines = [charts.Line(name, t, y * 100) for name, (t, y) in found]
    return line_chart(
        view,
        "busy",
        "How busy the generator's machine was, everything on it included",
        "busy",
        "% of all cores",
        lines,
        top=100,
        half=True,
    )


def _gaps(view: View) -> Chart | None:
    found = [(name, view.line("host", name, "poll_gap", "max")) for name in view.names("host")]
    lines = [charts.Line(name, t, y * 1e3) for name, (t, y) in found]
    note = "An acknowledgement cannot be seen between two polls, so its time is uncertain by this much."
    return line_chart(
        view,
        "poll-gap",
        "Longest gap between two polls in each second",
        "gap",
        "ms",
        lines,
        how="max",
        note=note,
        half=True,
    )


def _round_trips(view: View) -> Chart | None:
    found = [(name, view.line("client", name, "rtt_p99", "max")) for name in view.names("client")]
    lines = [charts.Line(name, t, y * 1e3) for name, (t, y) in found]
    return line_chart(
        view,
        "rtt",
        "Round trip of requests to brokers, p99 of each second",
        "round trip",
        "ms",
        lines,
        how="max",
        half=True,
    )


def _batches(view: View) -> Chart | None:
    lines = []
    for name in view.names("client"):
        t, batches = view.line("client", name, "batches")
        size_t, size = view.line("client", name, "batch_bytes")
        if len(t) and len(t) == len(size_t) and batches.any():
            some = batches > 0
            lines.append(charts.Line(name, t[some], size[some] / batches[some] / 1024))
    return line_chart(view, "batches", "Mean size of the batches sent", "batch size", "KiB", lines, half=True)


def _queue(view: View) -> Chart | None:
    lines = [charts.Line(name, *view.line("client", name, "queue")) for name in view.names("client")]
    return line_chart(
        view, "queue", "Messages in each client's queue", "queue", "messages", lines, how="max", half=True
    )


def _clients(view: View) -> Table | None:
    """Return the means over the measured phase; the p99 columns hold the worst second."""
    start, end = view.result.measured
    rows: list[list[Cell | str]] = []
    for name in view.names("client"):
        own = [row for row in view.rows["client"][name] if start <= row["t"] < end]
        cells: list[Cell | str] = [name]
        for key, _, show in _STATISTICS:
            values = [float(row[key]) for row in own if row.get(key) is not None]
            worst = (
                max(values, default=None) if key.endswith("p99") else (sum(values) / len(values) if values else None)
            )
            cells.append(show(worst))
        batches = sum(row.get("batches") or 0 for row in own)
        rows.append(
            [*cells, format_size(sum(row.get("batch_bytes") or 0 for row in own) / batches) if batches else "–"]
        )
    head = ("client", *(label for _, label, _ in _STATISTICS), "mean batch")
    return (
        table("clients in the measured phase (means; p99 of the worst second)", head, rows, folded=True)
        if rows
        else None
    )
