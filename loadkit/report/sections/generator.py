"""Whether the load generator had room: CPU of its processes, its machine, and the client's own queues."""

from __future__ import annotations

from collections.abc import Callable

from loadkit.report import charts
from loadkit.report.block import Block, Cell, Chart, Prose, Table, block, table
from loadkit.report.series import line_chart
from loadkit.report.view import View
from loadkit.units import format_count, format_duration, format_rate, format_size

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
        [
            _calibrated(view),
            _cpu(view),
            _busy(view),
            _gaps(view),
            _round_trips(view),
            _batches(view),
            _queue(view),
            _clients(view),
        ],
        _LEAD,
    )


def _calibrated(view: View) -> Prose | None:
    """Return how the trial compares with what a load process of its machine makes, class by class."""
    made = view.facts.get("classes") or {}
    known = [(name, made[name]["calibrated"]) for name in view.producers if made.get(name, {}).get("calibrated")]
    if not known:
        hint = "No calibration of this machine fitted this run: `loadkit calibrate` finds out what one process makes."
        return Prose(hint) if view.producers and view.names("host") else None
    processes = max(1, len(view.names("host")))
    said = []
    for name, one in known:
        rate = view.summary.metrics.get(f"{name}.throughput") or 0.0
        like = "" if one["exact"] else ", the nearest that was calibrated"
        said.append(
            f"{name}: {rate / processes / one['rate']:.0%} of the {format_rate(one['rate'])} that one load process "
            f"makes of {one['of']}{like} (calibrated {one['date']})"
        )
    return Prose("; ".join(said) + ".")


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


def _of_role(view: View, role: str) -> list[str]:
    """Return the names of clients of one role; those whose rows do not say count for every role."""
    rows = view.rows.get("client", {})
    return [name for name in view.names("client") if rows[name][0].get("role", role) == role]


def _batches(view: View) -> Chart | None:
    lines = []
    for name in _of_role(view, "producer"):
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
    rows: list[list[Cell | str]] = []
    producing = _of_role(view, "producer")
    for name in view.names("client"):
        measured = [(show, _measured(view, name, key)) for key, _, show in _STATISTICS]
        worst = [key.endswith("p99") for key, _, _ in _STATISTICS]
        cells = [_statistic(values, show, top) for (show, values), top in zip(measured, worst, strict=True)]
        batches = float(_measured(view, name, "batches").sum())
        size = float(_measured(view, name, "batch_bytes").sum())
        rows.append([name, *cells, format_size(size / batches) if batches and name in producing else "–"])
    head = ("client", *(label for _, label, _ in _STATISTICS), "mean batch")
    return (
        table("clients of each class in the measured phase (means; p99 of the worst second)", head, rows, folded=True)
        if rows
        else None
    )


def _statistic(values: charts.Floats, show: Callable[[float | None], str], worst: bool) -> str:
    return show(float(values.max() if worst else values.mean())) if len(values) else "–"


def _measured(view: View, name: str, key: str) -> charts.Floats:
    """Return one number of a client in each measured second: times as the worst, counts as the sum of its members."""
    start, end = view.result.measured
    how = "sum" if key in {"requests", "queue", "batches", "batch_bytes"} else "max"
    t, y = view.line("client", name, key, how)
    return y[(t >= start) & (t < end)]
