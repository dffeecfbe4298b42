"""librdkafka's statistics (its STATISTICS.md) to the few flat numbers that a report shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_SUMMED = {"int_latency": "int_latency", "outbuf": "outbuf_latency", "rtt": "rtt"}


def flatten(raw: Mapping[str, Any], topic: str) -> dict[str, Any]:
    """Return one emission as flat numbers; windows in seconds.

    `requests`, `tx_bytes` and `rx_bytes` count since the client's start, `batches`, `batch_bytes` and what ends in
    `_sum` or `_count` since the last emission (librdkafka's windows start anew with each), the rest are gauges. `clock`
    (s of the monotonic clock) is when it was made. Sums are over all brokers: of `int_latency` over messages, of the
    others over requests. `connections` are the brokers that answered since the last emission.
    `outstanding` is how many requests the broker that owed the most answers owed on average, where an emission is a
    second.
    """
    brokers = [b for b in raw.get("brokers", {}).values() if b.get("nodeid", -1) >= 0]
    own = raw.get("topics", {}).get(topic, {})
    partitions = [p for p in own.get("partitions", {}).values() if p.get("partition", -1) >= 0]
    batch = own.get("batchsize", {})
    return {
        "client": raw.get("name", ""),
        "clock": raw.get("ts", 0) / 1e6,
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
        "outbuf_max": _worst(brokers, "outbuf_latency", "max"),
        "rtt_max": _worst(brokers, "rtt", "max"),
        "throttle_avg": _worst(brokers, "throttle", "avg", 1e-3),
        "connections": sum(1 for b in brokers if b.get("rtt", {}).get("cnt")),
        **{f"{name}_count": _sum(b.get(window, {}).get("cnt", 0) for b in brokers) for name, window in _SUMMED.items()},
        **{
            f"{name}_sum": _sum(b.get(window, {}).get("sum", 0) for b in brokers) * 1e-6
            for name, window in _SUMMED.items()
        },
        "throttle_sum": _sum(b.get("throttle", {}).get("sum", 0) for b in brokers) * 1e-3,
        "outstanding": max(map(_outstanding, brokers), default=0.0),
        "partitions": {p["partition"]: p.get("consumer_lag", -1) for p in partitions}
        if raw.get("type") == "consumer"
        else {},
    }


def reaches(raw: Mapping[str, Any]) -> bool:
    """Return whether a client was connected to any broker when it told this."""
    brokers = raw.get("brokers", {}).values()
    return any(b.get("state") == "UP" and b.get("source") in ("configured", "learned") for b in brokers)


def placed(row: dict[str, Any], zero_ns: int) -> dict[str, Any]:
    """Return a row with the clock at which its numbers end, where it has one, as the schedule's time `until` (s)."""
    clock = row.pop("clock", None)
    return row if clock is None else {**row, "until": round(clock - zero_ns / 1e9, 3)}


def _sum(values: Iterable[float]) -> float:
    return sum(values)


def _outstanding(broker: Mapping[str, Any]) -> float:
    """Return how many requests a broker owed an answer to: the sum of round trips in a second (Little's law).

    Of a broker that answered none, how many wait.
    """
    rtt = broker.get("rtt", {})
    return float(rtt["sum"]) * 1e-6 if rtt.get("cnt") else float(broker.get("waitresp_cnt", 0))


def _worst(brokers: list[Mapping[str, Any]], window: str, field: str, scale: float = 1e-6) -> float | None:
    """Return the largest value of a rolling window over all brokers, in seconds; None if there was none."""
    found = [_value(b[window], field) for b in brokers if b.get(window, {}).get("cnt")]
    return max(found) * scale if found else None


def _value(window: Mapping[str, Any], field: str) -> float:
    """Return one field of a window; its maximum for a p99 beyond the range of librdkafka's histogram.

    The histogram drops values beyond its range (at first 100 ms in the queue, 500 ms of round trip) and widens for the
    next window, but not if it dropped all: a p99 without them would be too small, or 0. The maximum has seen them.
    """
    dropped = window.get("outofrange", 0)
    return float(window["max"] if field == "p99" and dropped > 0.01 * window["cnt"] else window[field])
