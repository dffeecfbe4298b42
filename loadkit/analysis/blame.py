"""Which stage made the p99: where the slowest messages spent their time, and what that time waited for.

The p99 is made in the seconds that hold the messages beyond it, so each second counts by how many of them it has. There
the stages that a client clocks are compared by the p99 of each, because a stage that delays one message in fifty hardly
moves its mean. Percentiles do not add: their shares are of their sum, and what the latency's p99 is above that sum is
unexplained. Brokers tell no p99 of a second (their quantiles decay over minutes), so the round trip's share is split by
means: by what they exceed those of the calm seconds by, where there are calm seconds and that is most of it.

Waiting in the client is not always the client's: a full queue makes messages leave late; a request is not written while
every request that may be in flight is under way; and messages that wait longer than they linger wait for a response, if
that is so, or one was under way for about as long as they waited. Such waiting is counted to what it waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from loadkit.analysis import stages
from loadkit.analysis.stages import BROKER, BUFFER, NETWORK, QUEUE, REST, SEND, STAGES, THROTTLE, TRIP, Floats, Seconds
from loadkit.result import Result
from loadkit.units import format_duration

CLEAR = 0.5
"""Share of the p99 from which one stage made it; below, the largest two are named."""
FULL = 0.8
"""Share of the requests that may be in flight, and of the time messages wait, from which they queue for a response."""
CALM = 3
"""Seconds without a message beyond the p99 that it takes to say what is usual."""
UNUSUAL = 0.5
"""Share of the round trip by which it exceeds the usual from which that excess is what is split."""
RESOLUTION = 0.002
"""Mean round trip (s) below which it is not split: each of a broker's four parts is rounded to a whole millisecond."""
MEANING = {
    SEND: "messages left after they were due: the generator was busy or held up",
    QUEUE: "messages waited in the client until their batch was sent: linger.ms, batch.size, or its CPU",
    BUFFER: "requests waited to be written to the connection: the way to the broker was narrow, or it read slowly",
    NETWORK: "no broker's clock saw this time: the network, a proxy, or a broker's process that stood still",
    THROTTLE: "the broker held the connection back for a quota",
    "broker queue": "requests waited for one of the broker's request threads",
    "broker local": "the leader checked and wrote the batch",
    "broker remote": "the leader waited for its followers (acks=all)",
    "broker response": "responses waited for a network thread, or were sent slowly",
    TRIP: "from a request's last byte to its response; its parts were not told apart",
    REST: "in no stage that was observed, such as until the client was polled",
}


@dataclass(frozen=True, slots=True)
class Blame:
    """The verdict; times in seconds."""

    stage: str
    share: float
    """Of the p99, 0 to 1."""
    shares: Mapping[str, float]
    """By stage, in the order of STAGES, after waiting is counted to what it waited for; they sum to 1."""
    spent: Mapping[str, float]
    """By stage: in the seconds that made the p99, p99 of what the client clocks; the round trip's split by means."""
    because: tuple[str, ...]
    """What moved waiting from one stage to another, and what was not observed."""

    @property
    def clear(self) -> bool:
        """Whether one stage made most of it."""
        return self.share >= CLEAR

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        first, *rest = sorted(self.shares, key=lambda name: -self.shares[name])
        if self.clear:
            return f"The p99 was made by {first} ({self.share:.0%} of it): {MEANING[first]}."
        second = f" and {rest[0]} ({self.shares[rest[0]]:.0%})" if rest else ""
        return f"No stage alone made the p99; the largest are {first} ({self.share:.0%}){second}."

    def facts(self) -> dict[str, Any]:
        """Return it as `--json` shows it."""
        rounded = {name: round(share, 4) for name, share in self.shares.items()}
        return {"p99": self.stage if self.clear else None, "shares": rounded, "spent": dict(self.spent),
                "because": list(self.because), "text": self.sentence}  # fmt: skip


def of_result(result: Result, seconds: Seconds | None) -> Blame | None:
    """Return which stage made the p99 of a result and its seconds; None without a p99 or a producer's statistics."""
    return blame(seconds, *settings(result)) if seconds else None


def settings(result: Result) -> tuple[int, float]:
    """Return how many requests a connection may have in flight, and the longest linger (s) of the producing classes."""
    configs = [c.get("config") or {} for c in (result.facts.get("classes") or {}).values() if c["role"] == "producer"]
    linger = max((float(config.get("linger.ms", 5)) for config in configs), default=5.0) / 1e3
    return min(map(_slots, configs), default=5), linger


def _slots(config: Mapping[str, Any]) -> int:
    """Return librdkafka's limit: five where idempotence is on, else a million."""
    named = config.get("max.in.flight.requests.per.connection", config.get("max.in.flight"))
    idempotent = str(config.get("enable.idempotence", "false")).lower() == "true"
    return int(named) if named is not None else 5 if idempotent else 1_000_000


def blame(seconds: Seconds, slots: int, linger: float) -> Blame | None:
    """Return the verdict on the seconds' p99; None where there are too few messages for one."""
    if seconds.messages < stages.FEWEST:
        return None
    tail = seconds.columns["latency_tail"]
    others = stages.beside(tail)
    spent = _levels(seconds, tail)
    mean = stages.means(seconds, tail, others)
    charged, because = _charged(seconds, spent, mean, slots, linger)
    parts, why = _parts(seconds, mean)
    shares = _ordered(_split(charged, parts))
    total = sum(shares.values())
    if not total:
        return None
    shares = {name: value / total for name, value in shares.items()}
    stage = max(shares, key=lambda name: shares[name])
    return Blame(stage, shares[stage], shares, _ordered(_split(spent, parts)), (*because, *why, *_left_out(seconds)))


def _levels(seconds: Seconds, tail: Floats) -> dict[str, float]:
    """Return the p99 (s) of each stage that a client clocks, in the seconds that made the p99 of latency."""
    client = {name: seconds.highest(f"{name}_p99", tail, back=name != TRIP) for name in (QUEUE, BUFFER, TRIP)}
    spent = {SEND: seconds.level("send_delay_p99", "send_delay_count", tail), **client}
    latency = seconds.level("latency_p99", "latency_count", tail)
    return {**spent, REST: max(0.0, latency - sum(spent.values()))}


def _charged(
    seconds: Seconds, spent: Mapping[str, float], mean: Mapping[str, float], slots: int, linger: float
) -> tuple[dict[str, float], list[str]]:
    """Return the times with waiting counted to what it waited for, and why."""
    tail = seconds.columns["latency_tail"]
    others = stages.beside(tail)
    said, charged = [], dict(spent)
    full = float(seconds.columns["queue_full"][others > 0].sum())
    if full and charged[SEND] > 0:
        said.append(f"messages left late because the client's queue was full ({full:,.0f} times)")
        charged = _moved(charged, SEND, charged[SEND], {name: charged[name] for name in (QUEUE, BUFFER, TRIP)})
    trip = sum(mean.get(name, 0.0) for name in (NETWORK, THROTTLE, *BROKER, TRIP))
    rate = seconds.ratio(f"{TRIP}_count", "connections", others)
    used, away = rate * trip / slots, rate * (trip + mean[BUFFER]) / slots  # Little's law
    if used >= FULL:  # a request may be written once another was answered
        said.append(f"requests queued for a response: {_under_way(rate * trip, slots)}")
        charged = _moved(charged, BUFFER, charged[BUFFER], {TRIP: 1.0})
    waited = charged[QUEUE] - min(linger, charged[QUEUE])
    longest = sum(seconds.highest(f"{name}_max", tail) for name in (BUFFER, TRIP))
    if waited > 0 and (away >= FULL or longest >= FULL * waited):
        stuck = f"requests took up to {format_duration(longest)}"
        said.append(f"messages queued for a response: {_under_way(away * slots, slots) if away >= FULL else stuck}")
        # what holds the slots holds them by its mean; what was stuck is what took long once
        held = charged if away < FULL else {BUFFER: mean[BUFFER] if used < FULL else 0.0, TRIP: trip}
        charged = _moved(charged, QUEUE, waited, {name: held[name] for name in (BUFFER, TRIP)})
    return charged, said


def _under_way(requests: float, slots: int) -> str:
    return f"{requests:.1f} of the {slots} requests that may be in flight were under way on average"


def _moved(times: Mapping[str, float], source: str, amount: float, to: Mapping[str, float]) -> dict[str, float]:
    """Return times with an amount of one stage counted to others, in proportion to their numbers in `to`."""
    total = sum(to.values())
    if not total:
        return dict(times)
    moved = {**times, source: times[source] - amount}
    return {**moved, **{name: times[name] + amount * part / total for name, part in to.items()}}


def _parts(seconds: Seconds, mean: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
    """Return the parts of the round trip by which it is split, and why it is not."""
    parts = {name: mean[name] for name in (NETWORK, THROTTLE, *BROKER, TRIP) if mean.get(name)}
    total = sum(parts.values())
    if not seconds.observed:
        return parts or {TRIP: 1.0}, ["the broker's side was not observed: its share of the round trip is not known"]
    usual = _usual(seconds)
    excess = {name: max(0.0, value - usual.get(name, 0.0)) for name, value in parts.items()}
    if usual and sum(excess.values()) > max(UNUSUAL * total, RESOLUTION / 4):  # rounding is in both and cancels
        return excess, []
    if total < RESOLUTION:
        said = f"a round trip of {format_duration(total)} is not split: brokers count whole milliseconds"
        return {TRIP: 1.0}, [said]
    return parts, []


def _left_out(seconds: Seconds) -> list[str]:
    """Return which part of the messages the verdict says nothing of."""
    said = f"{seconds.left_out:.0%} of the messages came in seconds of which the client told nothing, and are left out"
    return [said] if seconds.left_out >= 1 - stages.QUANTILE else []


def _usual(seconds: Seconds) -> dict[str, float]:
    """Return the mean of each stage (s) in the seconds that had no part in the p99; nothing where there are too few."""
    calm = (stages.beside(seconds.columns["latency_tail"]) == 0) & (seconds.columns["latency_count"] > 0)
    return stages.means(seconds, calm.astype(float), calm.astype(float)) if calm.sum() >= CALM else {}


def _split(times: Mapping[str, float], parts: Mapping[str, float]) -> dict[str, float]:
    """Return times with the round trip's divided among its parts."""
    total = sum(parts.values())
    rest = {name: value for name, value in times.items() if name != TRIP}
    return {**rest, **{name: times[TRIP] * part / total for name, part in parts.items()}}


def _ordered(times: Mapping[str, float]) -> dict[str, float]:
    return {name: float(np.round(times[name], 9)) for name in STAGES if times.get(name)}
