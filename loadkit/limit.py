"""What limited a trial: the cluster, the generator, none or unknown, with the evidence; and its warnings.

Pure rules over facts of the measured phase. A certain answer needs evidence on one side and none on
the other; where both sides show some, or neither does, the answer is `unknown`.

A full queue or late acknowledgements alone accuse nobody: a client that gets no core, or whose queue is small, shows
both on the fastest cluster. They count against the cluster only where the client had its cores (`Facts.waited`) and
nearly as many requests unanswered as it may have (`Facts.outstanding`): a client with messages in hand sends until
then, unless its queue holds too few, or its one thread a broker comes to sending too rarely, because it compresses.
`python -m trust.limits` plants slow generators and slow clusters and counts the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from loadkit.limit_facts import Facts, facts_of
from loadkit.result import Result, measured_rows
from loadkit.standing import MEANINGS, Status, tell
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
STARVED = 0.50
"""Share of the time in which a load process's threads wanted a core, that they waited for one."""
CROWDED = 0.25
"""The same on a machine that is busy throughout and has the brokers on it too."""
SPUN = 0.50
"""Cores of the client library's threads from which on a client that is owed answers spins for them."""
OWED = 0.70
"""Share of the requests it may have unanswered at one broker, from which on a client waits for the cluster."""
UNASKED = 0.40
"""The same, below which it does not ask for what the cluster may have to give; between the two nobody can tell."""
USED = 0.85
"""Share of what a load process of this machine makes (`loadkit calibrate`) at which it can do no more."""
STOLEN = 0.10
"""Share of the machine's cores that its host gave to others (steal)."""
THROTTLED = 0.001
"""Mean time (s) for which brokers told the client to pause."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where evidence begins; fixed on the training half of the cases of `trust/limits`."""

    late: float = LATE
    busy: float = BUSY
    broker_busy: float = BROKER_BUSY
    starved: float = STARVED
    crowded: float = CROWDED
    owed: float = OWED
    unasked: float = UNASKED
    used: float = USED
    spun: float = SPUN
    stolen: float = STOLEN
    throttled: float = THROTTLED


USUAL = Thresholds()


@dataclass(frozen=True, slots=True)
class Limit:
    """The answer and why."""

    limit: str
    evidence: tuple[str, ...]


def judge(facts: Facts, at: Thresholds = USUAL) -> Limit:
    """Return what limited the trial."""
    if facts.offered is None and facts.consumed is None:
        return Limit("unknown", ("nothing was measured",))
    if _kept_up(facts, at):
        return Limit("none", tuple(_calm(facts)))
    generator, cluster = _of_generator(facts, at), _of_cluster(facts, at)
    evidence = tuple([_shortfall(facts), *generator, *cluster])
    if generator and not cluster:
        return Limit("generator", evidence)
    if cluster and not generator:
        return Limit("cluster", evidence)
    return Limit("unknown", evidence)


def _kept_up(facts: Facts, at: Thresholds) -> bool:
    return _produced(facts, at) and not _lagging(facts)


def _produced(facts: Facts, at: Thresholds) -> bool:
    """Return whether what was due left in time and was acknowledged."""
    sent = facts.unsent <= (1 - KEPT_UP) * (facts.offered or 0)
    return not _short(facts) and sent and not _late(facts, at)


def _short(facts: Facts) -> bool:
    """Return whether less was acknowledged than was offered."""
    return facts.offered is not None and (facts.throughput or 0) < KEPT_UP * facts.offered


def _late(facts: Facts, at: Thresholds) -> bool:
    """Return whether messages left late by more than hardly matters beside what they waited for afterwards."""
    return facts.send_delay_p99 is not None and facts.send_delay_p99 > max(at.late, MATERIAL * (facts.latency_p50 or 0))


def _lagging(facts: Facts) -> bool:
    """Return whether a group fell behind by more than a hundredth of what came in, and than commits alone explain."""
    came = max(facts.consumed or 0, facts.throughput or 0)
    return facts.lag_slope is not None and facts.lag_slope > max((1 - KEPT_UP) * came, facts.lag_noise)


def _starved(facts: Facts, at: Thresholds) -> bool:
    """Return whether the load processes did not get the cores that they wanted."""
    return facts.waited is not None and facts.waited >= at.starved and not _spinning(facts, at)


def _spinning(facts: Facts, at: Thresholds) -> bool:
    """Return whether what its threads waited for was the client library's own: one that is owed answers and has more to
    send spins until they come, and wants a core for nothing.
    """
    asked = _asked(facts)
    return asked is not None and asked >= at.unasked and facts.spun >= at.spun


def _throttled(facts: Facts, at: Thresholds) -> bool:
    """Return whether brokers told the client to pause: more than they allow is the cluster's limit, however sent."""
    return facts.throttled is not None and facts.throttled >= at.throttled


def _asked(facts: Facts) -> float | None:
    """Return the share of the requests that a client may have unanswered, that it had on average."""
    return None if facts.outstanding is None else facts.outstanding / facts.in_flight


def _handed_over(facts: Facts, at: Thresholds) -> bool:
    """Return whether everything was handed over on time and acknowledged late."""
    return facts.send_delay_p99 is not None and not _late(facts, at) and bool(facts.offered) and _short(facts)


def _calm(facts: Facts) -> list[str]:
    said = []
    if facts.offered is not None:
        said.append(f"acknowledged {format_rate(facts.throughput)} of {format_rate(facts.offered)} offered")
    if facts.send_delay_p99 is not None:
        said.append(f"99 % of messages left within {format_duration(facts.send_delay_p99)} of being due")
    if facts.offered is None:
        said.append(f"consumed {format_rate(facts.consumed)} and lag did not grow")
    return [*said, *_compared(facts)]


def _compared(facts: Facts) -> list[str]:
    """Return how the trial compares with what the machine can generate, where that is known."""
    if facts.share is None:
        return []
    like = "at this size and setting" if facts.share_exact else "at the nearest calibrated size and setting"
    return [f"a load process was at {facts.share:.0%} of what one of this machine makes {like}"]


def _shortfall(facts: Facts) -> str:
    if facts.offered is None:
        return f"consumed {format_rate(facts.consumed)} while lag grew"
    if _lagging(facts):
        lagged = f"consumed {format_rate(facts.consumed)} of them; lag grew by {format_rate(facts.lag_slope)}"
        return f"acknowledged {format_rate(facts.throughput)} of {format_rate(facts.offered)} offered, {lagged}"
    late = "" if facts.send_delay_p99 is None else f"; send delay p99 {format_duration(facts.send_delay_p99)}"
    got = f"acknowledged {format_rate(facts.throughput)} of {format_rate(facts.offered)} offered"
    return f"{got}, {facts.unsent:,.0f} unsent{late}"


def _of_generator(facts: Facts, at: Thresholds) -> list[str]:
    """Return the signs that the generator could not do more."""
    said = []
    if facts.process_cores is not None and facts.process_cores >= at.busy and not facts.queue_full:
        said.append(f"generator: a load process used {facts.process_cores:.2f} cores and its queue never filled")
    if _starved(facts, at):
        said.append(f"generator: its threads waited for a core {facts.waited:.0%} of the time in which they wanted one")
    crowded = facts.waited is None or (facts.waited >= at.crowded and not _spinning(facts, at))
    if facts.machine_busy is not None and facts.machine_busy >= 0.95 and facts.co_located and crowded:
        said.append(f"generator: its machine was {facts.machine_busy:.0%} busy, shared with the brokers")
    if facts.steal is not None and facts.steal >= at.stolen:
        said.append(f"generator: the host of its machine gave {facts.steal:.0%} of the cores to others")
    if facts.share is not None and facts.share >= at.used and facts.share_exact:
        said.append(f"generator: {_compared(facts)[0]}")
    asked = _asked(facts)
    if asked is not None and asked < at.unasked and not _throttled(facts, at) and not _produced(facts, at):
        full = f"its queue was full {facts.queue_full:,.0f} times" if facts.queue_full else "the load was not met"
        said.append(
            f"generator: {full} while it had {facts.outstanding:.2f} of {facts.in_flight:g} requests unanswered on "
            "average: it asked the cluster for too little"
        )
    if _late(facts, at) and not facts.queue_full and not said:
        said.append("generator: messages left late though the client's queue had room")
    return said


def _of_cluster(facts: Facts, at: Thresholds) -> list[str]:
    """Return the signs that the cluster could not do more."""
    said = []
    asked = _asked(facts)
    waits = (asked is None or asked >= at.owed) and not _starved(facts, at)
    if facts.queue_full and waits:
        idle = facts.process_cores is None or facts.process_cores < at.busy
        spare = " while the generator had CPU to spare" if idle else ""
        said.append(f"cluster: the client's queue was full {facts.queue_full:,.0f} times{spare}")
    if _throttled(facts, at):
        said.append(f"cluster: brokers throttled the client by {format_duration(facts.throttled)} on average (a quota)")
    if facts.broker_idle is not None and facts.broker_idle < at.broker_busy:
        said.append(f"cluster: a broker's threads were idle only {facts.broker_idle:.0%} of the time")
    if _handed_over(facts, at) and waits:
        half = f", half of them after {format_duration(facts.latency_p50)} or more" if facts.latency_p50 else ""
        said.append(f"cluster: everything was handed over on time and acknowledged late{half}")
    return said


class Warn(Enum):
    """Every warning there is: its code, and what to do next."""

    CO_LOCATED = "run the target on other machines to learn about it; this shows the method, not your cluster"
    CORES_SHARED = "use a machine with four or more cores, so that brokers and generator get their own"
    GENERATOR_LIMITED = (
        "lower the rate, or generate with more processes: --workers N, or `loadkit worker` on other machines; "
        "`loadkit calibrate` finds out what one makes"
    )
    UNKNOWN_LIMIT = (
        "repeat with more generator processes and watch broker metrics to tell the two apart; `loadkit calibrate` "
        "finds out what a process of this machine makes"
    )
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
    NOT_KEEPING_UP = "see how lag grew; add consumers (up to the partitions), or find what holds them up"
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
    said += _groups(result) + _unobserved(result)
    unacked = sum(t.get("unacked", 0) for t in result.facts.get("totals", {}).values())
    if unacked:
        said.append(Warn.UNACKED.say(f"{unacked:,} messages were sent and never confirmed nor failed"))
    return said + _of_rows(result, metrics)


def _groups(result: Result) -> list[dict[str, str]]:
    """Return a warning for each group that had stopped somewhere, or was not well when the measured phase ended."""
    said = []
    for name, facts in tell(measured_rows(result)).items():
        last, worst = Status[facts["status"]], Status[facts["worst"]]
        if last is Status.OK and worst is not Status.ERR:
            continue
        places = [
            f"{place} {own['worst']} ({MEANINGS[Status[own['worst']]]})" for place, own in facts["partitions"].items()
        ]
        more = f" and {len(places) - 3} more" if len(places) > 3 else ""
        when = f"was {worst.name} for {facts['seconds'][worst.name]} s and ended {last.name}"
        said.append(Warn.NOT_KEEPING_UP.say(f"group {name} {when}: {', '.join(places[:3])}{more}"))
    return said


def _unobserved(result: Result) -> list[dict[str, str]]:
    """Return that brokers told nothing of themselves, where there are brokers."""
    if not result.has_brokers or result.measured[1] <= result.measured[0] or result.of_kind("broker", None):
        return []
    return [Warn.NO_BROKER_METRICS.say("broker side not observed: no JMX exporter answered")]


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
