"""The one vocabulary of metrics: names, units, and which way is better; for summary, SLOs, gates and reports."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from loadkit import units
from loadkit.errors import UsageError, nearest

LATENCIES = ("latency", "service_time", "send_delay", "end_to_end", "commit")
"""The recorded series, each with the quantiles below, in seconds."""
STATISTICS = ("p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max", "mean")


@dataclass(frozen=True, slots=True)
class Metric:
    """What a name means and how it is shown."""

    name: str
    text: str
    show: Callable[[float | None], str]
    higher_is_better: bool = False


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


_PLAIN = (
    Metric("throughput", "messages acknowledged a second in the measured phase", units.format_rate, True),
    Metric("bytes", "bytes of values acknowledged a second", units.format_byte_rate, True),
    Metric("consumed", "messages received a second in the measured phase", units.format_rate, True),
    Metric("offered", "messages due a second", units.format_rate, True),
    Metric("unsent", "messages that were due and never handed to the client", units.format_count),
    Metric("errors", "messages the client reported as failed", units.format_count),
    Metric("lost", "messages acknowledged and not received", units.format_count),
    Metric("duplicated", "messages received from more than one place of the log", units.format_count),
    Metric("reordered", "messages received behind a later one of the same producer and partition", units.format_count),
    Metric("lag.max", "most messages a group was behind", units.format_count),
    Metric("lag_time.max", "longest time a group was behind", units.format_duration),
    Metric("lag.slope", "messages a second by which lag grew over the measured phase", _number),
    Metric("client.cpu_per_message", "CPU time of the generator a message handled", units.format_duration),
    Metric(
        "clock.bound",
        "the most by which an end-to-end time may be wrong: several hosts, several clocks",
        units.format_duration,
    ),
    Metric("max_rate", "highest sustainable rate", units.format_rate, True),
    Metric("batch.size", "mean bytes of a batch as sent", units.format_size, True),
    Metric("compression.ratio", "bytes before compression to bytes sent", _number, True),
    Metric("requests", "requests sent a second", _number),
    Metric("partition.skew", "messages of a topic's fullest partition to the mean of its partitions", _number),
    Metric("partition.skew.bytes", "bytes of a topic's fullest partition to the mean of its partitions", _number),
    Metric("wire.bytes", "bytes of batches sent a second, after compression", units.format_byte_rate),
    Metric("batches", "batches sent a second", _number),
    Metric("requests.per_mb", "requests sent a megabyte (10^6 bytes) of values acknowledged", _number),
    Metric("client.cpu_per_mb", "CPU time of the generator a megabyte of values acknowledged", units.format_duration),
)
PLAIN = {metric.name: metric for metric in _PLAIN}
COUNTS = ("requests.per_mb", "client.cpu_per_mb", "client.cpu_per_message", "wire.bytes", "batches")
"""What is counted and not timed: others on the machine change it least, so a gate tells small changes of it."""
_WORDS = {
    "latency": "from the instant a message was due to its acknowledgement",
    "service_time": "from handing over to acknowledgement",
    "send_delay": "from the instant a message was due to handing over",
    "end_to_end": "from the instant a message was due to its receipt",
    "commit": "of one offset or transaction commit",
}
_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)$")


def quantile(statistic: str) -> float | None:
    """Return 0.99 for `p99`, 0.999 for `p99.9`; None for `max`, `mean` and anything else."""
    match = _QUANTILE.match(statistic)
    return float(match[1]) / 100 if match else None


def names() -> list[str]:
    """Return every standard name, in the order of a report."""
    return [*PLAIN, *(f"{series}.{statistic}" for series in LATENCIES for statistic in STATISTICS)]


def split(name: str) -> tuple[str | None, str]:
    """Return (class or topic or None, metric) of a dotted name; UsageError when it is in no vocabulary."""
    if metric(name):
        return None, name
    owner, _, rest = name.partition(".")
    while rest and not metric(rest):  # a topic's name may hold dots
        more, _, rest = rest.partition(".")
        owner = f"{owner}.{more}"
    if not rest:
        known = ", ".join([*PLAIN, *LATENCIES])
        raise UsageError(f"{name}: no such metric{nearest(name, names())}; known ones are {known}")
    return owner, rest


def metric(name: str) -> Metric | None:
    """Return the metric of a bare name, any quantile of a recorded series included."""
    if name in PLAIN:
        return PLAIN[name]
    series, _, statistic = name.partition(".")
    if series in LATENCIES and (statistic in ("max", "mean") or quantile(statistic) is not None):
        return Metric(name, f"{statistic} of the time {_WORDS[series]}", units.format_duration)
    return None
