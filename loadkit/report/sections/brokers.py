"""Whether the brokers had room: idle threads, where the time of a request went, bytes in and out."""

from __future__ import annotations

from collections.abc import Callable

from loadkit.report import charts
from loadkit.report.block import Block, Cell, Chart, Prose, Table, block, table
from loadkit.report.series import line_chart
from loadkit.report.view import View
from loadkit.units import format_byte_rate, format_count, format_duration, format_rate, format_size

TITLE = "Brokers"
ORDER = 60
_NOT_OBSERVED = (
    "Broker side not observed: no JMX exporter answered, so nothing here says how busy the brokers were, and the limit "
    "rests on what the clients saw. Name jmx_exporter addresses under [metrics] of the target file."
)
_LEAD = "Kafka advises to keep request and network threads idle more than 30 % of the time."


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}".replace("%", " %")


def _cores(cores: float | None) -> str:
    return "–" if cores is None else f"{cores:.2f}"


_COLUMNS: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    ("cpu", "CPU (cores)", _cores),
    ("request_idle", "request threads idle", _percent),
    ("network_idle", "network threads idle", _percent),
    ("bytes_in", "in", format_byte_rate),
    ("bytes_out", "out", format_byte_rate),
    ("messages_in", "messages in", format_rate),
    ("heap", "heap", format_size),
    ("under_replicated", "under-replicated", format_count),
)
_PARTS: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    ("produce_p99", "produce p99", format_duration),
    ("produce_queue_p99", "waiting for a thread", format_duration),
    ("produce_local_p99", "writing the log", format_duration),
    ("produce_remote_p99", "waiting for replicas", format_duration),
    ("fetch_p99", "fetch p99", format_duration),
)


def build(view: View) -> Block | None:
    """Return threads' idle ratio, request times and traffic of each broker, or that they were not observed."""
    names = view.names("broker")
    if not names:
        return block(TITLE, [Prose(_NOT_OBSERVED)]) if view.result.has_brokers else None
    parts = [_idle(view, names), _times(view, names), _parts(view), _traffic(view, names),
             _means(view, names, "Brokers in the measured phase (means)", _COLUMNS),
             _means(view, names, "Time of a produce request (means of each second's p99)", _PARTS)]  # fmt: skip
    return block(TITLE, parts, _LEAD)


def _idle(view: View, names: list[str]) -> Chart | None:
    lines = []
    for at, name in enumerate(names):
        for key, word, shift in (("request_idle", "request", 0), ("network_idle", "network", 8)):
            t, y = view.line("broker", name, key, "max")
            lines.append(charts.Line(f"{name}, {word} threads", t, y * 100, at % 8 + shift))
    return line_chart(view, "idle", "Idle time of broker threads", "idle", "% of the time", lines, top=100, half=True)


def _times(view: View, names: list[str]) -> Chart | None:
    found = [(name, view.line("broker", name, "produce_p99", "max")) for name in names]
    lines = [charts.Line(name, t, y * 1e3) for name, (t, y) in found]
    return line_chart(
        view,
        "produce-time",
        "Time a produce request took inside the broker, p99",
        "time",
        "ms",
        lines,
        how="max",
        half=True,
    )


def _parts(view: View) -> Chart | None:
    found = [(word, view.all_of("broker", key, "max")) for key, word, _ in _PARTS[1:4]]
    lines = [charts.Line(word, t, y * 1e3) for word, (t, y) in found]
    caption = "Where a produce request's time goes, p99 of the slowest broker"
    return line_chart(view, "produce-parts", caption, "time", "ms", lines, how="max", half=True)


def _traffic(view: View, names: list[str]) -> Chart | None:
    lines = []
    for at, name in enumerate(names):
        for key, word, shift in (("bytes_in", "in", 0), ("bytes_out", "out", 8)):
            t, y = view.line("broker", name, key)
            lines.append(charts.Line(f"{name} {word}", t, y / 1e6, at % 8 + shift))
    return line_chart(view, "traffic", "Bytes in and out of each broker", "traffic", "MB/s", lines, half=True)


def _means(
    view: View, names: list[str], caption: str, columns: tuple[tuple[str, str, Callable[[float | None], str]], ...]
) -> Table | None:
    start, end = view.result.measured
    own = {name: [row for row in view.rows["broker"][name] if start <= row["t"] < end] for name in names}
    kept = [
        column for column in columns if any(row.get(column[0]) is not None for rows in own.values() for row in rows)
    ]
    rows: list[list[Cell | str]] = []
    for name in names:
        values = [[float(row[key]) for row in own[name] if row.get(key) is not None] for key, _, _ in kept]
        rows.append(
            [name, *(show(sum(v) / len(v) if v else None) for v, (_, _, show) in zip(values, kept, strict=True))]
        )
    return table(caption, ("broker", *(label for _, label, _ in kept)), rows) if kept else None
