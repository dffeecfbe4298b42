"""The cases: what goes wrong, and when. Times are seconds after the records of the warm-up have passed the proxy.

Then the measured phase of kafka-producer-perf-test begins, and loadkit's within the next second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trust.proxy.behaviour import Behaviour, repeated

RATE = 1003
"""Messages a second, of `SIZE` bytes: little, so that two slow cores carry broker, proxy and client at once.

Due times a whole millisecond apart would all lie in the same part of one, and CreateTime, which is cut to milliseconds,
would be off by the same for every message; so they go through all parts of it.
"""
SIZE = 100
WARMUP, MEASURED = 3, 10
"""Seconds."""
AT = 2.5
ECHOES_BEFORE = 200
"""EndToEndLatency has no warm-up: its time 0 is when so many messages have passed."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One broker held by SIGSTOP for a while."""

    who: str
    """"leader" or "follower" of the partition."""
    at: float
    length: float


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that goes wrong, for loadkit and for Kafka's own tools."""

    name: str
    title: str
    behaviour: Behaviour = field(default_factory=Behaviour)
    stop: Stop | None = None
    nodes: int = 1
    echoes: int = 5000
    """Messages of EndToEndLatency, which sends one after the other: ten seconds of them or more. 0: not run."""
    client: Mapping[str, str] = field(default_factory=dict)
    """Settings of loadkit's producer."""
    java: Mapping[str, str] = field(default_factory=dict)
    """The same for kafka-producer-perf-test."""


_AFTER = RATE * WARMUP
_STALL = Behaviour(stalls=((AT, AT + 2),), after=_AFTER)
_CASES = (
    Case("none", "nothing"),
    Case("delay", "responses 20 ms late", Behaviour(delay=0.02), echoes=250),
    Case("jitter", "responses 5 to 35 ms late", Behaviour(delay=0.005, jitter=0.03), echoes=250),
    Case("bandwidth", "a link of 160 kB/s", Behaviour(bandwidth=160_000), echoes=2000),
    Case("stall", "the link stands still for 2 s", _STALL),
    Case("full", "the same, the producer's buffer holds half a second", _STALL, echoes=0, client={
        "queue.buffering.max.messages": "600", "batch.size": "4096"
    }, java={"buffer.memory": "65536", "batch.size": "4096"}),
    Case("stalls", "the link stands still for 200 ms each second", Behaviour(stalls=repeated(0.5, 1.0, 0.2, 12.0),
                                                                               after=_AFTER)),
    Case("resets", "all connections are reset three times", Behaviour(resets=(AT, AT + 2, AT + 4), after=_AFTER)),
    Case("leader", "the broker stopped for 2 s", Behaviour(after=_AFTER), Stop("leader", AT, 2)),
    Case("follower", "a follower stopped for 6 s, out of sync after 3 s", Behaviour(after=_AFTER),
         Stop("follower", AT, 6), nodes=3),
)  # fmt: skip
CASES = {case.name: case for case in _CASES}
QUICK = ("none", "stall")
CLUSTERS = {1: "embedded", 3: "embedded:3?replica.lag.time.max.ms=3000"}
"""The target by number of nodes."""
