"""Kafka's own performance tools and plain confluent-kafka: their commands, and what they print as numbers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_PRODUCED = re.compile(
    r"^(?P<records>\d+) (?P<steady>steady state )?records sent, (?P<rate>[\d.,]+) records/sec .*?"
    r"(?P<max>[\d.]+) ms max latency, (?P<p50>[\d.]+) ms 50th.*?(?P<p99>[\d.]+) ms 99th, "
    r"(?P<p999>[\d.]+) ms 99\.9th", re.MULTILINE,
)  # fmt: skip

_ECHOED = re.compile(r"Avg latency: ([\d.]+) ms\s+Percentiles: 50th = ([\d.]+), 99th = ([\d.]+), 99\.9th = ([\d.]+)")


@dataclass(frozen=True, slots=True)
class Produced:
    """The summary of kafka-producer-perf-test: records, records/s, whole milliseconds."""

    records: int
    rate: float
    p50: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True, slots=True)
class Echoed:
    """The summary of EndToEndLatency: milliseconds, the quantiles whole ones."""

    mean: float
    p50: float
    p99: float
    p999: float


@dataclass(frozen=True, slots=True)
class Consumed:
    """The summary of kafka-consumer-perf-test; `fetch_rate` leaves the joining of the group out."""

    records: int
    rate: float
    fetch_rate: float


def producer_perf(
    java: Sequence[str],
    topic: str,
    records: int,
    warmup: int,
    properties: Mapping[str, str],
    size: int = 100,
    rate: int = -1,
) -> list[str]:
    """Return the command of kafka-producer-perf-test for records of `size` bytes at a rate; -1: as fast as it can."""
    pairs = [f"{key}={value}" for key, value in properties.items()]
    command = [
        *java,
        "org.apache.kafka.tools.ProducerPerformance",
        "--topic",
        topic,
        "--num-records",
        str(records + warmup),
    ]
    return [
        *command, "--warmup-records", str(warmup), "--record-size", str(size), "--throughput", str(rate),
        "--command-property", *pairs,
    ]  # fmt: skip


def consumer_perf(java: Sequence[str], bootstrap: str, topic: str, records: int) -> list[str]:
    """Return the command of kafka-consumer-perf-test reading a topic from its beginning."""
    command = [*java, "org.apache.kafka.tools.ConsumerPerformance", "--bootstrap-server", bootstrap, "--topic", topic]
    return [*command, "--num-records", str(records), "--hide-header"]


def echo(java: Sequence[str], bootstrap: str, topic: str, records: int, size: int) -> list[str]:
    """Return the command of EndToEndLatency: a message at a time, each awaited by a consumer; acks=all."""
    return [*java, "org.apache.kafka.tools.EndToEndLatency", bootstrap, topic, str(records), "all", str(size)]


def plain(kind: str, **settings: Any) -> list[str]:
    """Return the command of one of the plain confluent-kafka loops of `bench/plain.py`."""
    return [sys.executable, "-m", "bench.plain", kind, json.dumps(settings)]


def read_producer_perf(output: str) -> Produced:
    """Return the steady-state summary, or the whole run's where there is none; ValueError when neither is there."""
    found = list(_PRODUCED.finditer(output))
    steady = [match for match in found if match["steady"]]
    if not found:
        raise ValueError(f"no summary of kafka-producer-perf-test in {output[-300:]!r}")
    last = (steady or found)[-1]
    figures = (float(last[name].replace(",", "")) for name in ("rate", "p50", "p99", "p999", "max"))
    return Produced(int(last["records"]), *figures)


def read_echo(output: str) -> Echoed:
    """Return the summary; ValueError when there is none."""
    found = _ECHOED.search(output)
    if not found:
        raise ValueError(f"no summary of EndToEndLatency in {output[-300:]!r}")
    return Echoed(*map(float, found.groups()))


def read_consumer_perf(output: str) -> Consumed:
    """Return the figures of the last line with all ten columns; ValueError when there is none."""
    rows = [line.split(", ") for line in output.splitlines() if line.count(", ") == 9 and line[:1].isdigit()]
    if not rows:
        raise ValueError(f"no summary of kafka-consumer-perf-test in {output[-300:]!r}")
    last = rows[-1]
    return Consumed(int(last[4]), float(last[5]), float(last[9]))


def read_plain(output: str) -> dict[str, Any]:
    """Return the numbers that `bench/plain.py` printed as its last line."""
    read: dict[str, Any] = json.loads(output.splitlines()[-1])
    return read
