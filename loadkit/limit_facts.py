"""What the rules of `limit` look at, taken from the measured phase of a result; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from loadkit.result import Result, Row

IN_FLIGHT = 5.0
IN_TIME = 0.99
"""Share of what is due in a second that is acknowledged in it where all is well."""
MARGIN = 1.1
"""What comes between two commits varies a little."""
ALIASES = ("max.in.flight.requests.per.connection", "max.in.flight")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at; None where it was not measured."""

    offered: float | None
    throughput: float | None
    unsent: float
    send_delay_p99: float | None
    latency_p50: float | None
    process_cores: float | None
    """Busiest generator process, in cores of Python's own work (one interpreter lock), mean of the measured phase."""
    machine_busy: float | None
    """Share of all cores of the generator's machine that were busy."""
    queue_full: float
    lag_slope: float | None
    consumed: float | None
    broker_idle: float | None
    """Lowest mean idle ratio of any broker's request or network threads."""
    co_located: bool
    waited: float | None = None
    """Share of the time in which threads of a load process wanted a core, that they waited for one; the worst process.
    """
    steal: float | None = None
    """Share of the machine's cores that its host gave to others."""
    outstanding: float | None = None
    """Requests that the busiest broker owed an answer on average while the load was not met; the client that was owed
    the most.
    """
    in_flight: float = IN_FLIGHT
    """How many it may owe at once."""
    throttled: float | None = None
    """Mean time (s) for which brokers told a client to pause; the client that was told the longest."""
    share: float | None = None
    """Share of what the load processes make at these sizes and settings, as `loadkit calibrate` found out."""
    share_exact: bool = False
    """Whether the calibration had every class's own setting."""
    spun: float = 0.0
    """Cores of that process's threads of the client library."""
    lag_noise: float = 0.0
    """Growth of lag (messages a second) that may be nothing but the rhythm of commits."""


def facts_of(result: Result, metrics: Mapping[str, float | None]) -> Facts:
    """Return the facts of the measured phase of a result."""
    start, end = result.measured
    hosts = [row for row in result.of_kind("host") if row["t"] < end]
    by_process: dict[str, list[Row]] = {}
    for row in hosts:
        by_process.setdefault(row["name"], []).append(row)
    # librdkafka's threads spin on their own while a cluster stalls
    python = [sum(row.get("python", row.get("cpu")) or 0 for row in rows) for rows in by_process.values()]
    producers = [row for row in result.of_kind("client") if row.get("role") == "producer" and row["t"] < end]
    troubled = _troubled(result, end)
    waiting = max(by_process.values(), key=lambda rows: _waited(rows) or 0.0, default=[])
    share, exact = _share(result, metrics, len(by_process))
    return Facts(
        offered=metrics.get("offered"),
        throughput=metrics.get("throughput"),
        unsent=metrics.get("unsent") or 0,
        send_delay_p99=metrics.get("send_delay.p99"),
        latency_p50=metrics.get("latency.p50"),
        process_cores=max(python) / max(end - start, 1e-9) if python else None,
        machine_busy=_mean(row.get("busy") for row in hosts),
        queue_full=sum(row.get("queue_full") or 0 for row in result.of_kind("producer")),
        lag_slope=metrics.get("lag.slope"),
        consumed=metrics.get("consumed"),
        broker_idle=_broker_idle(result),
        co_located=bool(result.facts.get("target", {}).get("co_located")),
        waited=_waited(waiting) or None,
        steal=_mean(row.get("steal") for row in hosts),
        outstanding=_longest([row for row in producers if row["t"] in troubled], "outstanding"),
        in_flight=_in_flight(result),
        throttled=_longest(producers, "throttle_avg"),
        share=share,
        share_exact=exact,
        spun=_spun(waiting) / max(end - start, 1e-9),
        lag_noise=_lag_noise(result, metrics),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _waited(rows: Iterable[Row]) -> float | None:
    """Return the share of the time in which a process's threads ran or wanted to, that they waited for a core."""
    known = [
        (row["waited"], row["cpu"]) for row in rows if row.get("waited") is not None and row.get("cpu") is not None
    ]
    waited, ran = sum(wait for wait, _ in known), sum(cpu for _, cpu in known)
    return waited / (waited + ran) if waited + ran else None


def _spun(rows: Iterable[Row]) -> float:
    """Return the CPU seconds of a process that were not Python's."""
    return float(sum(max(0.0, row["cpu"] - row["python"]) for row in rows if row.get("python") is not None))


def _troubled(result: Result, end: float) -> set[float]:
    """Return the seconds in which a client's queue was full; where it never was, those that acknowledged too little."""
    rows = [row for row in result.of_kind("producer") if row["t"] < end]
    full = {row["t"] for row in rows if row.get("queue_full")}
    return full or {row["t"] for row in rows if (row.get("acked") or 0) < IN_TIME * (row.get("due") or 0)}


def _classes(result: Result, role: str) -> dict[str, Mapping[str, Any]]:
    return {name: one for name, one in result.facts.get("classes", {}).items() if one.get("role") == role}


def _in_flight(result: Result) -> float:
    """Return how many requests a producing client may have unanswered at a broker: what its config says, five at most.

    An idempotent producer may have five (Kafka's KIP-98), and in librdkafka one for each partition that the broker
    leads (the limitations in ARCHITECTURE.md); of one that may have more, five tell that it waits.
    """
    producing = list(_classes(result, "producer").values())
    configs = [one.get("config", {}) for one in producing]
    told = [float(config[name]) for config in configs for name in ALIASES if name in config]
    return min(
        [IN_FLIGHT, *told, *(_led(result.facts.get("target", {}), one) for one in producing if _idempotent(one))]
    )


def _idempotent(producing: Mapping[str, Any]) -> bool:
    return str(producing.get("config", {}).get("enable.idempotence")) == "true"


def _led(target: Mapping[str, Any], producing: Mapping[str, Any]) -> float:
    """Return how many partitions of a class's topic a broker leads where they are spread evenly, at most."""
    partitions = target.get("topics", {}).get(producing["topic"], {}).get("partitions", IN_FLIGHT)
    return float(math.ceil(partitions / target.get("cluster", {}).get("brokers", 1)))


def _lag_noise(result: Result, metrics: Mapping[str, float | None]) -> float:
    """Return the slope that a line through the lag has where no group fell behind, at most.

    A group is behind by what came since it committed last: when a stall or a new connection moves its commits against
    the seconds in which lag is read, lag steps by what comes in between two commits. A step in the middle of n seconds
    gives the least-squares line through them a slope of 1.5 n / (n^2 - 1) times its height, and that is the steepest.
    """
    start, end = result.measured
    configs = [one.get("config", {}) for one in _classes(result, "consumer").values()]
    between = max((float(config.get("auto.commit.interval.ms", 0)) / 1000 for config in configs), default=0.0)
    came = max(metrics.get("consumed") or 0, metrics.get("throughput") or 0)
    seconds = max(end - start, 2.0)
    return 1.5 * seconds / (seconds**2 - 1) * came * between * MARGIN


def _longest(rows: Iterable[Row], name: str) -> float | None:
    """Return the mean of one number of the client for which it was the largest."""
    by_client: dict[str, list[float]] = {}
    for row in rows:
        if row.get(name) is not None:
            by_client.setdefault(f"{row['name']} {row.get('client', '')}", []).append(row[name])
    return max((sum(values) / len(values) for values in by_client.values()), default=None)


def _share(result: Result, metrics: Mapping[str, float | None], processes: int) -> tuple[float | None, bool]:
    """Return the share of what the load processes make, and whether the calibration had every class's own setting.

    Classes share a process's time: one at half of what a process makes and another at a third of it take five sixths.
    None where a producing class has no figure; what consumers take is not in it.
    """
    producing = _classes(result, "producer")
    if not producing or not processes or not all(one.get("calibrated") for one in producing.values()):
        return None, False
    shares = [(metrics.get(f"{name}.throughput") or 0) / one["calibrated"]["rate"] for name, one in producing.items()]
    return sum(shares) / processes, all(one["calibrated"]["exact"] for one in producing.values())


def _broker_idle(result: Result) -> float | None:
    by_broker: dict[tuple[str, str], list[float]] = {}
    for row in result.of_kind("broker"):
        for name in ("request_idle", "network_idle"):
            if row.get(name) is not None:
                by_broker.setdefault((row["name"], name), []).append(row[name])
    return min((sum(v) / len(v) for v in by_broker.values()), default=None)
