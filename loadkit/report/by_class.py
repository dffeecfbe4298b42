"""The figures of a trial class by class: the rows of the terminal's tables and of the page's."""

from __future__ import annotations

from loadkit.report.block import Cell
from loadkit.report.view import View
from loadkit.units import format_count, format_duration

Rows = tuple[tuple[str, ...], list[list[Cell]]]


def producer_rows(view: View, wide: bool = True) -> Rows:
    """Return the head and one row a producing class; without p90 and service time unless `wide`."""
    head = ("class", "offered\nmsg/s", "achieved\nmsg/s", "latency\np50", "\np90", "\np99", "\np99.9", "\nmax",
            "service\np99", "send delay\np99")  # fmt: skip
    shown = [at for at in range(len(head)) if wide or at not in (4, 8)]
    rows = [_producer(view, name) for name in view.producers]
    return tuple(head[at] for at in shown), [[row[at] for at in shown] for row in rows]


def _producer(view: View, name: str) -> list[Cell]:
    latency = [_statistic(view, name, "latency", p) for p in ("p50", "p90", "p99", "p99.9", "max")]
    rest = [_statistic(view, name, series, "p99") for series in ("service_time", "send_delay")]
    return [Cell(name), _offered(view, name), _rate(view, f"{name}.throughput"), *latency, *rest]


def consumer_rows(view: View) -> Rows:
    """Return the head and one row a consuming class."""
    head = (
        "class",
        "received\nmsg/s",
        "end to\nend p50",
        "\np99",
        "\np99.9",
        "\nmax",
        "lag\nmax",
        "lost/doubled/\nreordered",
    )
    return head, [_consumer(view, name) for name in view.consumers]


def _consumer(view: View, name: str) -> list[Cell]:
    times = [_statistic(view, name, "end_to_end", p) for p in ("p50", "p99", "p99.9", "max")]
    return [Cell(name), _rate(view, f"{name}.consumed"), *times, _lag(view, name), _checked(view, name)]


def _statistic(view: View, name: str, series: str, statistic: str) -> Cell:
    metric = f"{name}.{series}.{statistic}"
    value = view.summary.metrics.get(metric)
    why = view.summary.withheld.get(metric) or view.why(f"{series}.{statistic}")
    return Cell("–", why) if value is None else Cell(format_duration(value))


def _rate(view: View, metric: str) -> Cell:
    value = view.summary.metrics.get(metric)
    return Cell("–", view.why(metric)) if value is None else Cell(_number(value))


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def _offered(view: View, name: str) -> Cell:
    """Return what was due a second of the measured phase: by the totals, or by the rows of a run that died."""
    start, end = view.result.measured
    totals = (view.facts.get("totals") or {}).get(name)
    if end <= start:
        return Cell("–", "the measured phase never began")
    rows = [row for row in view.result.of_kind("producer") if row["name"] == name]
    due = totals["due"] if totals else sum(row.get("due") or 0 for row in rows)
    return Cell(_number(due / (end - start)))


def _lag(view: View, name: str) -> Cell:
    start, end = view.result.measured
    t, lag = view.line("consumer", name, "lag")
    inside = lag[(t >= start) & (t < end)]
    return Cell(format_count(float(inside.max()))) if len(inside) else Cell("–", "lag was not recorded")


def _checked(view: View, name: str) -> Cell:
    """Return lost, duplicated and reordered messages of a consuming class, summed over its group's partitions."""
    found = view.facts.get("integrity") or {}
    if not found or found.get("withheld"):
        return Cell("–", view.why("lost"))
    group = ((view.facts.get("classes") or {}).get(name) or {}).get("group_id")
    own = [part for part in found.get("partitions") or () if part.get("group") in {group, name}]
    if not own and len(view.consumers) == 1:
        own = [found]
    if not own:
        return Cell("–", "the group's partitions were not compared")
    counts = [sum(part.get(key) or 0 for part in own) for key in ("lost", "duplicated", "reordered")]
    return Cell(" / ".join(format_count(count) for count in counts), tone="bad" if any(counts) else "good")
