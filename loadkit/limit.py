"""What limited a trial: the cluster, the generator, none or unknown, with the evidence; and its warnings.

Pure rules over facts of the measured phase. A certain answer needs evidence on one side and none on
the other; where both sides show some, or neither does, the answer is `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from loadkit.result import Result
from loadkit.units import format_duration, format_rate

KEPT_UP = 0.99
"""Share of the offered rate that must be acknowledged in time for a trial to count as not limited."""
LATE = 0.010
"""Send delay p99 (s) above which messages left late,"""
MATERIAL = 0.1
"""unless it is less than this share of the median latency: then it is not what the messages waited for."""
BUSY = 0.90
"""Share of one core at which a Python process (one interpreter lock) can do no more."""
BROKER_BUSY = 0.20
"""Idle ratio of broker threads below which the broker is busy (Kafka's own advice: keep it above 0.3)."""


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


@dataclass(frozen=True, slots=True)
class Limit:
    """The answer and why."""

    limit: str
    evidence: tuple[str, ...]


def judge(facts: Facts) -> Limit:
    """Return what limited the trial."""
    if facts.offered is None and facts.consumed is None:
        return Limit("unknown", ("nothing was measured",))
    if _kept_up(facts):
        return Limit("none", tuple(_calm(facts)))
    generator, cluster = _of_generator(facts), _of_cluster(facts)
    evidence = tuple([_shortfall(facts), *generator, *cluster])
    if generator and not cluster:
        return Limit("generator", evidence)
    if cluster and not generator:
        return Limit("cluster", evidence)
    return Limit("unknown", evidence)


def _kept_up(facts: Facts) -> bool:
    in_time = facts.offered is None or (facts.throughput or 0) >= KEPT_UP * facts.offered
    sent = facts.unsent <= (1 - KEPT_UP) * (facts.offered or 0)
    return in_time and sent and not _late(facts) and not _lagging(facts)


def _late(facts: Facts) -> bool:
    """Return whether messages left late by more than hardly matters beside what they waited for afterwards."""
    return facts.send_delay_p99 is not None and facts.send_delay_p99 > max(LATE, MATERIAL * (facts.latency_p50 or 0))


def _lagging(facts: Facts) -> bool:
    """Return whether a group fell behind by more than a hundredth of what came in."""
    came = max(facts.consumed or 0, facts.throughput or 0)
    return facts.lag_slope is not None and facts.lag_slope > (1 - KEPT_UP) * came


def _calm(facts: Facts) -> list[str]:
    said = []
    if facts.offered is not None:
        said.append(f"acknowledged {format_rate(facts.throughput)} of {format_rate(facts.offered)} offered")
    if facts.send_delay_p99 is not None:
        said.append(f"99 % of messages left within {format_duration(facts.send_delay_p99)} of being due")
    if facts.offered is None:
        said.append(f"consumed {format_rate(facts.consumed)} and lag did not grow")
    return said


def _shortfall(facts: Facts) -> str:
    if facts.offered is None:
        return f"consumed {format_rate(facts.consumed)} while lag grew"
    if _lagging(facts):
        lagged = f"consumed {format_rate(facts.consumed)} of them; lag grew by {format_rate(facts.lag_slope)}"
        return f"acknowledged {format_rate(facts.throughput)} of {format_rate(facts.offered)} offered, {lagged}"
    late = "" if facts.send_delay_p99 is None else f"; send delay p99 {format_duration(facts.send_delay_p99)}"
    got = f"acknowledged {format_rate(facts.throughput)} of {format_rate(facts.offered)} offered"
    return f"{got}, {facts.unsent:,.0f} unsent{late}"


def _of_generator(facts: Facts) -> list[str]:
    """Return the signs that the generator could not do more."""
    said = []
    if facts.process_cores is not None and facts.process_cores >= BUSY and not facts.queue_full:
        said.append(f"generator: a load process used {facts.process_cores:.2f} cores and its queue never filled")
    if facts.machine_busy is not None and facts.machine_busy >= 0.95 and facts.co_located:
        said.append(f"generator: its machine was {facts.machine_busy:.0%} busy, shared with the brokers")
    if _late(facts) and not facts.queue_full and not said:
        said.append("generator: messages left late though the client's queue had room")
    return said


def _of_cluster(facts: Facts) -> list[str]:
    """Return the signs that the cluster could not do more."""
    said = []
    if facts.queue_full and (facts.process_cores is None or facts.process_cores < BUSY):
        said.append(
            f"cluster: the client's queue was full {facts.queue_full:,.0f} times while the generator had CPU to spare"
        )
    elif facts.queue_full:
        said.append(f"cluster: the client's queue was full {facts.queue_full:,.0f} times")
    if facts.broker_idle is not None and facts.broker_idle < BROKER_BUSY:
        said.append(f"cluster: a broker's threads were idle only {facts.broker_idle:.0%} of the time")
    on_time = facts.send_delay_p99 is not None and not _late(facts)
    if on_time and facts.offered and (facts.throughput or 0) < KEPT_UP * facts.offered:
        half = f", half of them after {format_duration(facts.latency_p50)} or more" if facts.latency_p50 else ""
        said.append(f"cluster: everything was handed over on time and acknowledged late{half}")
    return said


def facts_of(result: Result, metrics: Mapping[str, float | None]) -> Facts:
    """Return the facts of the measured phase of a result."""
    start, end = result.measured
    hosts = [row for row in result.of_kind("host") if row["t"] < end]
    by_process: dict[str, float] = {}
    for row in hosts:
        spent = row.get("python", row.get("cpu")) or 0  # librdkafka's threads spin on their own while a cluster stalls
        by_process[row["name"]] = by_process.get(row["name"], 0) + spent
    busy = [row["busy"] for row in hosts if row.get("busy") is not None]
    seconds = max(end - start, 1e-9)
    return Facts(
        offered=metrics.get("offered"),
        throughput=metrics.get("throughput"),
        unsent=metrics.get("unsent") or 0,
        send_delay_p99=metrics.get("send_delay.p99"),
        latency_p50=metrics.get("latency.p50"),
        process_cores=max(by_process.values()) / seconds if by_process else None,
        machine_busy=sum(busy) / len(busy) if busy else None,
        queue_full=sum(row.get("queue_full") or 0 for row in result.of_kind("producer")),
        lag_slope=metrics.get("lag.slope"),
        consumed=metrics.get("consumed"),
        broker_idle=_broker_idle(result),
        co_located=bool(result.facts.get("target", {}).get("co_located")),
    )


def _broker_idle(result: Result) -> float | None:
    by_broker: dict[tuple[str, str], list[float]] = {}
    for row in result.of_kind("broker"):
        for name in ("request_idle", "network_idle"):
            if row.get(name) is not None:
                by_broker.setdefault((row["name"], name), []).append(row[name])
    return min((sum(v) / len(v) for v in by_broker.values()), default=None)


class Warn(Enum):
    """Every warning there is: its code, and what to do next."""

    CO_LOCATED = "run the target on other machines to learn about it; this shows the method, not your cluster"
    CORES_SHARED = "use a machine with four or more cores, so that brokers and generator get their own"
    GENERATOR_LIMITED = "lower the rate, or generate with more processes: --workers N, or plain locust with --processes"
    UNKNOWN_LIMIT = "repeat with more generator processes and watch broker metrics to tell the two apart"
    NOT_STEADY = "lengthen --warmup and --duration; all data is kept and shown"
    WARMUP_NOT_FLAT = "give a longer --warmup; the measured phase began all the same"
    UNSENT = "lower the rate or raise the limit that the evidence names"
    UNACKED = "raise --drain-timeout, or look at the cluster: these messages are neither confirmed nor failed"
    ERRORS = "look at the error codes in the report; the cluster's log has the other side"
    MESSAGES_LOST = "check acks, min.insync.replicas and unclean leader election; the report names the offsets"
    DUPLICATED = "use enable.idempotence=true"
    REORDERED = "use enable.idempotence=true, or max.in.flight.requests.per.connection=1"
    OVERFLOW = "values above one hour are counted at one hour: find out what stopped"
    NEGATIVE = "a clock stepped: synchronise it"
    WORKER_LOST = "find out why it died (memory, signal); its last seconds are missing"
    USERS_CHANGED = "keep the number of users fixed where runs are compared"
    UNREAD = "raise --drain-timeout, or add consumers"
    INTERRUPTED = "the numbers hold for the part that was measured"
    POLL_GAP = "the generator was held up: acknowledgement times are uncertain by this much"
    NO_BROKER_METRICS = "name jmx_exporter addresses under [metrics] of the target file"
    TOO_SHORT = "measure at least 10 s for intervals, longer for high percentiles"
    UNSAFE = "use acks=all, idempotence, three replicas and min.insync.replicas=2 for data you care about"
    TRIAL_FAILED = "see its folder; the others are whole, and the sweep went on"
    NO_SAFE_POINT = "let acks=all with idempotence be among the points: an unsafe one is measured and never named best"
    POINTS_INVALID = "each says why it cannot work; they were not run"
    SETTING = "see the setting's documentation"
    FAULT = "nothing: it is here so that the figures can be read with it"

    def say(self, text: str, next_step: str | None = None) -> dict[str, str]:
        """Return the warning as it stands in a result."""
        return {"code": self.name.lower(), "text": text, "next": next_step or self.value}


def warnings_of(result: Result, metrics: Mapping[str, float | None], judged: Limit) -> list[dict[str, str]]:
    """Return the warnings that follow from the numbers, after those the run itself left."""
    said = list(result.facts.get("notes", ()))
    facts = facts_of(result, metrics)
    if facts.co_located:
        said.append(Warn.CO_LOCATED.say("the brokers ran on the generator's machine (co-located)"))
    if judged.limit == "generator":
        said.append(
            Warn.GENERATOR_LIMITED.say("the generator was the limit, so this says nothing of the cluster's capacity")
        )
    if judged.limit == "unknown":
        said.append(Warn.UNKNOWN_LIMIT.say("the load was not met and the evidence does not say by whose fault"))
    for name, warn, text in (
        ("unsent", Warn.UNSENT, "messages were due and never sent"),
        ("errors", Warn.ERRORS, "messages failed"),
        ("lost", Warn.MESSAGES_LOST, "messages were acknowledged and not received"),
        ("duplicated", Warn.DUPLICATED, "messages stand twice in the log"),
        ("reordered", Warn.REORDERED, "messages came behind a later one"),
    ):
        if metrics.get(name):
            said.append(warn.say(f"{metrics[name]:,.0f} {text}"))
    unacked = sum(t.get("unacked", 0) for t in result.facts.get("totals", {}).values())
    if unacked:
        said.append(Warn.UNACKED.say(f"{unacked:,} messages were sent and never confirmed nor failed"))
    return said + _of_rows(result, metrics)


_SEVERAL = "clocks of several hosts are known to clock.bound only: times below 0 count as 0, in every percentile"


def _of_rows(result: Result, metrics: Mapping[str, float | None]) -> list[dict[str, str]]:
    said: list[dict[str, Any]] = []
    start, end = result.measured
    if 0 < end - start < 10:
        said.append(Warn.TOO_SHORT.say(f"the measured phase lasted {end - start:.0f} s"))
    producers = result.of_kind("producer")
    for counter, warn, text in (
        ("overflow", Warn.OVERFLOW, "exceeded one hour"),
        ("negative", Warn.NEGATIVE, "were negative"),
    ):
        count = sum(row.get(counter) or 0 for row in [*producers, *result.of_kind("consumer")])
        if count:
            several = counter == "negative" and bool(metrics.get("clock.bound"))
            said.append(warn.say(f"{count:,} latencies {text}", _SEVERAL if several else None))
    gap = max((row.get("poll_gap") or 0 for row in result.of_kind("host")), default=0)
    if gap > 0.05:
        said.append(Warn.POLL_GAP.say(f"the longest gap between polls was {format_duration(gap)}"))
    return said
