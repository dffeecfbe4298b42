"""Result folders for tests, written as a trial writes them: healthy, stalled, generator-limited, partial, and so on.

Each maker fills a folder and returns it. Everything follows from a seed, so the same folder comes out each time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from loadkit import result
from loadkit.histogram import Histogram, LogLine
from loadkit.report.page import trial_page
from loadkit.report.view import View, view_of
from loadkit.result import Row, Writer
from loadkit.summary import summarise

EPOCH = 1_790_000_000.0
PARTITIONS = 6
SERIES = ("latency", "service_time", "send_delay")


@dataclass(frozen=True)
class Shape:
    """What a made-up run looks like."""

    seconds: int = 60
    warmup: int = 8
    drain: int = 2
    rate: float = 20_000.0
    """Messages due a second, of each producing class."""
    latency: float = 0.0038
    spread: float = 0.32
    producers: tuple[str, ...] = ("Checkout",)
    consumers: tuple[str, ...] = ("Billing",)
    stall: tuple[int, int] = (-99, -99)
    """First and last second (exclusive) in which nothing is acknowledged."""
    capacity: float = float("inf")
    """Messages a second each producing class manages to send."""
    stuck: range = range(0)
    """Seconds in which the groups had stopped on one partition."""
    lost: int = 0
    cpu: float = 0.55
    scenario: str = "orders"
    cached: int = 0
    """Distinct histograms a series has; 0 draws new ones each second (long runs reuse, for the test's speed)."""
    values: int = 0
    """Values in a histogram of one second; 0 means as many as messages."""
    topic: str = "orders"


class _Encoded(Histogram):
    """A histogram that encodes once, so that an hour of them is written in a second."""

    __slots__ = ("text",)

    def encode(self) -> str:
        """Return the encoding, made at the first call."""
        if not hasattr(self, "text"):
            self.text = super().encode()
        return self.text


def healthy(out: Path, **changes: Any) -> Path:
    """Write a run that met its load: two classes, three simulated-looking brokers, nothing lost."""
    return write(out, Shape(**changes))


def stalled(out: Path) -> Path:
    """Write a run whose cluster acknowledged nothing for two seconds."""
    return write(out, Shape(stall=(38, 40)))


def generator_limited(out: Path) -> Path:
    """Write a run whose generator sent two thirds of what was due."""
    return write(out, Shape(capacity=13_000.0, cpu=0.99, latency=0.9))


def consumers_only(out: Path) -> Path:
    """Write a run with no producing class."""
    return write(out, Shape(producers=()))


def tiny(out: Path) -> Path:
    """Write a run of four seconds at 20 messages a second: too few values for high percentiles."""
    return write(out, Shape(seconds=4, warmup=1, rate=20.0, drain=1))


def lossy(out: Path) -> Path:
    """Write a run that lost 120 acknowledged messages."""
    return write(out, Shape(lost=120))


def several(out: Path, **changes: Any) -> Path:
    """Write a run of two producing and two consuming classes."""
    return write(out, Shape(producers=("Checkout", "Refund"), consumers=("Billing", "Audit"), **changes))


def hour(out: Path) -> Path:
    """Write an hour of seven series."""
    return write(out, Shape(seconds=3600, producers=("Checkout", "Refund"), cached=40, values=3000))


def partial(out: Path) -> Path:
    """Write a run that died after 28 s: status running, no summary, a torn last line in both files."""
    shape = Shape(seconds=20, drain=0)
    writer = _begun(out, shape)
    for lines, rows in seconds_of(shape):
        writer.append(lines, rows)
    writer._hlog.write("Tag=Checkout.latency,28.000,1.000,3.2")
    writer._series.write('{"t":28,"phase":"measure","kind":"prod')
    writer._hlog.close()
    writer._series.close()
    return out


KINDS = ("healthy", "stalled", "generator_limited", "partial", "consumers_only", "tiny", "lossy", "several")
_FOLDER = tempfile.TemporaryDirectory(prefix="loadkit-results-")


@cache
def view(kind: str) -> View:
    """Return the view of a kind of run, made once a session."""
    loaded = result.load(globals()[kind](Path(_FOLDER.name) / kind))
    return view_of(loaded, summarise(loaded))


@cache
def page(kind: str) -> str:
    """Return the page of a kind of run, made once a session."""
    return trial_page(view(kind))


def write(out: Path, shape: Shape) -> Path:
    """Write the run of a shape, whole."""
    writer = _begun(out, shape)
    for lines, rows in seconds_of(shape):
        writer.append(lines, rows)
    writer.close(**_ending(shape))
    return out


def _begun(out: Path, shape: Shape) -> Writer:
    writer = Writer(out, facts(shape))
    writer.begin(EPOCH, "2026-09-21T14:13:20Z")
    return writer


def facts(shape: Shape) -> dict[str, Any]:
    """Return result.json as it stands at the start of a run."""
    client = {"bootstrap.servers": "127.0.0.1:19092", "acks": "all", "enable.idempotence": True, "linger.ms": 5,
              "batch.size": 65536, "compression.type": "lz4", "partitioner": "murmur2_random"}  # fmt: skip
    reader = {"bootstrap.servers": "127.0.0.1:19092", "fetch.min.bytes": 1, "auto.offset.reset": "latest"}
    classes: dict[str, Any] = {
        name: {"role": "producer", "topic": shape.topic, "users": 4, "rate": shape.rate, "config": client}
        for name in shape.producers
    }
    classes |= {
        name: {"role": "consumer", "topic": shape.topic, "users": 3, "group_id": name.lower(), "config": reader}
        for name in shape.consumers
    }
    return {
        "loadkit": "0.1.0",
        "command": "run",
        "run_id": "7f3a91c2",
        "argv": ["loadkit", "run", "scenarios/orders.py", "--target", "embedded:3", "--set", "linger.ms=5", "--duration", f"{shape.seconds}s"],
        "scenario": {"name": shape.scenario, "file": "scenarios/orders.py", "sha256": "9b1d5e" * 10,
                     "description": "1 KiB JSON orders keyed by customer, read by one consumer group.",
                     "declared": {"orders": {"partitions": PARTITIONS}}},
        "sets": {"linger.ms": 5},
        "target": {
            "name": "embedded:3", "kind": "embedded", "co_located": True, "cores": "disjoint",
            "cluster": {"version": "4.3.1", "brokers": 3, "racks": ["a", "b", "c"], "cluster_id": "MkU3OEVBNTcwNTJENDM2Qk"},
            "topics": {shape.topic: {"name": f"loadkit.7f3a91c2.{shape.topic}", "partitions": PARTITIONS, "replication_factor": 3,
                                  "config": {"min.insync.replicas": "2", "retention.ms": "21600000"}}},
            "properties": {"security.protocol": "SASL_SSL", "sasl.username": "loadkit", "sasl.password": "***"},
        },
        "classes": classes,
        "environment": {"host": "generator-1", "cpu": "AMD EPYC 7R13", "cores": 8, "memory": 33_285_996_544, "kernel": "Linux 6.1.0",
                        "python": "3.11.7", "loadkit": "0.1.0", "locust": "2.47.0", "confluent_kafka": "2.16.1",
                        "librdkafka": "2.16.0", "java": "21.0.4", "clock": {"source": "CLOCK_MONOTONIC", "resolution": "1 ns"}},
    }  # fmt: skip


def _ending(shape: Shape) -> dict[str, Any]:
    sent = int(min(shape.rate, shape.capacity) * shape.seconds)
    due = int(shape.rate * shape.seconds)
    totals = {
        name: {"due": due, "sent": sent, "acked": sent, "errors": 0, "unsent": due - sent, "unacked": 0}
        for name in shape.producers
    }
    total = sent * len(shape.producers)
    checked = [
        {"topic": shape.topic, "partition": p, "group": group.lower(), "acked": total // PARTITIONS,
         "received": total // PARTITIONS - (shape.lost if p == 3 else 0), "lost": shape.lost if p == 3 else 0,
         "duplicated": 0, "reordered": 0, "redelivered": 0}
        for group in shape.consumers for p in range(PARTITIONS)
    ]  # fmt: skip
    integrity: dict[str, Any] = {"lost": shape.lost, "duplicated": 0, "reordered": 0, "redelivered": 0, "unconfirmed": 0,
                                 "partitions": checked, "lost_ranges": [[shape.topic, 3, 41_200, 41_319]] if shape.lost else []}  # fmt: skip
    if not shape.consumers or not shape.producers:
        integrity |= {"withheld": "it takes a producing and a consuming class to compare", "partitions": []}
    begin, end = float(shape.warmup), float(shape.warmup + shape.seconds)
    return {
        "status": "complete",
        "totals": totals,
        "errors": {},
        "integrity": integrity,
        "uncertainty": {"acked_p99": 0.00021, "sent": 0.0001, "clock": "one host: the same monotonic clock at both ends"},
        "phases": [
            {"name": "connect", "start": -1.4, "end": 0.0},
            {"name": "warmup", "start": 0.0, "end": begin},
            {"name": "measure", "start": begin, "end": end},
            {"name": "drain", "start": end, "end": end + shape.drain},
            {"name": "verify", "start": end + shape.drain, "end": end + shape.drain + 0.4},
        ],
        "notes": [],
    }  # fmt: skip


def seconds_of(shape: Shape) -> Iterator[tuple[list[LogLine], list[Row]]]:
    """Yield the histogram lines and the rows of each second of a run."""
    rng = np.random.default_rng(7)
    drawn: dict[str, list[Histogram]] = {}
    for t in range(shape.warmup + shape.seconds + shape.drain):
        phase = "warmup" if t < shape.warmup else "measure" if t < shape.warmup + shape.seconds else "drain"
        lines = _lines(shape, t, rng, drawn) if phase != "drain" else []
        yield lines, list(_rows(shape, t, phase, rng))


def _lines(shape: Shape, t: int, rng: np.random.Generator, drawn: dict[str, list[Histogram]]) -> list[LogLine]:
    if shape.stall[0] <= t < shape.stall[1]:
        return []
    prefix = "warmup:" if t < shape.warmup else ""
    wanted = [(f"{name}.{series}", series) for name in shape.producers for series in SERIES]
    wanted += [(f"{name}.end_to_end", "end_to_end") for name in shape.consumers]
    lines = []
    for tag, series in wanted:
        pool = drawn.setdefault(tag, [])
        if not shape.cached or len(pool) < shape.cached:
            pool.append(_histogram(shape, t, series, rng))
        lines.append(LogLine(prefix + tag, float(t), 1.0, pool[-1] if not shape.cached else pool[t % len(pool)]))
    return lines


def _histogram(shape: Shape, t: int, series: str, rng: np.random.Generator) -> Histogram:
    count = shape.values or max(int(min(shape.rate, shape.capacity)), 1)
    centre = {"latency": 1.0, "service_time": 0.97, "send_delay": 0.03, "end_to_end": 1.12}[series]
    warm = 1 + 4 * max(0.0, 1 - t / 8) ** 2
    swing = 1 + 0.12 * np.sin(t / 9)
    if series == "send_delay" and shape.capacity < shape.rate:
        centre, warm = 1.0, max(t - shape.warmup, 1) * (1 - shape.capacity / shape.rate)
    values = shape.latency * centre * warm * swing * np.exp(rng.normal(0, shape.spread, count))
    values[: count // 400] *= 2.4
    if t == shape.stall[1] and series != "send_delay":  # what was due in the stall is acknowledged now, late
        values[: count // 2] += rng.uniform(0, shape.stall[1] - shape.stall[0], count // 2)
    made = _Encoded()
    made.record((values * 1e6).astype(np.int64))
    return made


def _rows(shape: Shape, t: int, phase: str, rng: np.random.Generator) -> Iterator[Row]:
    still = shape.stall[0] <= t < shape.stall[1]
    due = shape.rate if phase != "drain" else 0
    able = min(due, shape.capacity)
    acked = 0.0 if still else able * (1 + 0.004 * rng.normal())
    if t == shape.stall[1]:
        acked *= 1 + shape.stall[1] - shape.stall[0]
    head = {"t": t, "phase": phase}
    for name in shape.producers:
        yield {**head, "kind": "producer", "name": name, "due": int(due), "sent": int(able), "acked": int(acked),
               "sent_bytes": int(able) * 1024, "acked_bytes": int(acked) * 1024, "errors": 0, "error_codes": {}, "queue_full": 0,
               "debt": int(max(t - shape.warmup, 0) * (due - able)) if due else 0, "in_flight": int(able * shape.latency) + (40_000 if still else 0),
               "overflow": 0, "negative": 0}  # fmt: skip
    got = acked * max(len(shape.producers), 1)
    for name in shape.consumers:
        lag = int(abs(rng.normal(60, 25)) + (got * 0.2 if t == shape.stall[1] else 0))
        yield {**head, "kind": "consumer", "name": name, "received": int(got), "received_bytes": int(got) * 1024, "lag": lag,
               "lag_time": lag / max(shape.rate, 1), "redelivered": 0, "rebalances": 0,
               "status": "ERR" if t in shape.stuck else "OK"}  # fmt: skip
        for p in range(PARTITIONS):
            stuck = p == 2 and t in shape.stuck
            yield {**head, "kind": "group", "name": f"{name}/{shape.topic}/{p}", "status": "STOP" if stuck else "OK",
                   "lag": 4000 if stuck else int(abs(rng.normal(10, 5))), "complete": 1.0}  # fmt: skip
    for p in range(PARTITIONS):
        yield {
            **head,
            "kind": "partition",
            "name": f"{shape.topic}/{p}",
            "acked": int(got / PARTITIONS),
            "received": int(got / PARTITIONS),
        }
    busy = min(shape.cpu / 8 + 0.28 + 0.02 * rng.normal(), 1.0)
    yield {**head, "kind": "host", "name": "w1", "cpu": max(shape.cpu + 0.02 * rng.normal(), 0), "busy": busy, "rss": 212_000_000 + 9000 * t,
           "poll_gap": 0.0004 * np.exp(0.3 * rng.normal()), "cores": [busy] * 8}  # fmt: skip
    yield from _client_rows(shape, head, able, rng)
    yield from _broker_rows(head, got, rng)


def _client_rows(shape: Shape, head: dict[str, Any], able: float, rng: np.random.Generator) -> Iterator[Row]:
    for name in shape.producers:
        batches = max(int(able / 58), 1)
        yield {**head, "kind": "client", "name": f"{name}@w1", "role": "producer", "batches": batches, "batch_bytes": batches * 31_400,
               "requests": batches // 2, "int_latency_p99": 0.0052, "rtt_p99": 0.0031 * np.exp(0.15 * rng.normal()),
               "rtt_avg": 0.0019, "outbuf_p99": 0.0002, "throttle_avg": 0.0, "queue": int(90 + 20 * rng.normal()),
               "connections": 3, "int_latency_count": int(able), "int_latency_sum": able * 0.0016, "outbuf_count": batches // 2,
               "outbuf_sum": batches // 2 * 0.00005, "rtt_count": batches // 2, "rtt_sum": batches // 2 * 0.0029, "throttle_sum": 0.0,
               "rtt_max": 0.0061}  # fmt: skip
    for name in shape.consumers:
        yield {**head, "kind": "client", "name": f"{name}@w1", "role": "consumer", "requests": 420, "rtt_p99": 0.004, "rtt_avg": 0.0022,
               "throttle_avg": 0.0, "queue": 12}  # fmt: skip


def _broker_rows(head: dict[str, Any], got: float, rng: np.random.Generator) -> Iterator[Row]:
    for broker in (1, 2, 3):
        noise, requests = 0.02 * rng.normal(), int(got / 174)
        yield {**head, "kind": "broker", "name": f"broker {broker}", "request_idle": 0.82 + noise, "network_idle": 0.9 + noise,
               "bytes_in": got * 1024 / 3, "bytes_out": got * 3 * 1024 / 3, "messages_in": got / 3, "produce_p99": 0.0029 + noise / 60,
               "fetch_p99": 0.5, "produce_queue_p99": 0.0002, "produce_local_p99": 0.0009, "produce_remote_p99": 0.0018 + noise / 60,
               "produce_count": requests, "produce_sum": requests * 0.0023, "produce_queue_sum": requests * 0.0001,
               "produce_local_sum": requests * 0.0006, "produce_remote_sum": requests * 0.0015, "produce_response_sum": requests * 0.0001,
               "under_replicated": 0, "heap": 402_653_184 + int(4e7 * abs(noise) * 50), "cpu": 0.62 + noise * 4}  # fmt: skip
