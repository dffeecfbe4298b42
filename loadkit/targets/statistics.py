"""librdkafka's statistics (its STATISTICS.md) to the few flat numbers that a report shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def flatten(raw: Mapping[str, Any], topic: str) -> dict[str, Any]:
    """Return one emission as flat numbers; windows in seconds.

    `requests`, `tx_bytes` and `rx_bytes` count since the client's start, `batches` and `batch_bytes` since the last
    emission (librdkafka's windows start anew with each), the rest are gauges.
    """
    brokers = [b for b in raw.get("brokers", {}).values() if b.get("nodeid", -1) >= 0]
    own = raw.get("topics", {}).get(topic, {})
    partitions = [p for p in own.get("partitions", {}).values() if p.get("partition", -1) >= 0]
    batch = own.get("batchsize", {})
    return {
        "client": raw.get("name", ""),
        "role": raw.get("type", ""),
        "batches": batch.get("cnt", 0),
        "batch_bytes": batch.get("sum", 0),
        "requests": _sum(b.get("req", {}).get("Produce", 0) + b.get("req", {}).get("Fetch", 0) for b in brokers),
        "tx_bytes": raw.get("tx_bytes", 0),
        "rx_bytes": raw.get("rx_bytes", 0),
        "queue": raw.get("msg_cnt", 0),
        "int_latency_p99": _worst(brokers, "int_latency", "p99"),
        "outbuf_p99": _worst(brokers, "outbuf_latency", "p99"),
        "rtt_p99": _worst(brokers, "rtt", "p99"),
        "rtt_avg": _worst(brokers, "rtt", "avg"),
        "throttle_avg": _worst(brokers, "throttle", "avg", 1e-3),
        "partitions": {p["partition"]: p.get("consumer_lag", -1) for p in partitions}
        if raw.get("type") == "consumer"
        else {},
    }


def _sum(values: Iterable[float]) -> float:
    return sum(values)


def _worst(brokers: list[Mapping[str, Any]], window: str, field: str, scale: float = 1e-6) -> float | None:
    """Return the largest value of a rolling window over all brokers, in seconds; None if there was none."""
    found = [b[window][field] for b in brokers if b.get(window, {}).get("cnt")]
    return max(found) * scale if found else None
