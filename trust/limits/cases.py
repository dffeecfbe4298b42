"""The planted cases: two of each kind with settings of their own; odd numbers train the thresholds, even ones test.

Each says what is true of it, because that was done to it: `generator` where the load process was slowed, `cluster`
where the cluster was, `none` where neither was and the load is moderate. Rates are high enough for what is slowed to
fall short by far, and low enough for the other side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Truth = Literal["generator", "cluster", "none"]
Place = Literal["sink", "one", "three"]
"""The simulated sink, which is never slow; a Kafka of one node; one of three. Nodes have one half of the cores."""
TYPICAL = {"payload": "json_like(size='1KiB')", "key": "zipf(100000)", "config.compression.type": "lz4"}
KIB = {"payload": "constant(size='1KiB')"}
SMALL = {"config.linger.ms": 0, "config.batch.size": 1200}
"""A request for nearly every message of 1 KiB."""

FLUSH = {"flow.config.flush.messages": 1}


@dataclass(frozen=True, slots=True)
class Case:
    """One trial with something done to it."""

    number: int
    kind: str
    truth: Truth
    place: Place
    rate: float
    """Messages a second; at most 2 of them: a share of what a process makes on the sink."""
    done: str = ""
    """The name of what is done to it, in `harm`."""
    how: Mapping[str, Any] = field(default_factory=dict)
    """With which parameters."""
    sets: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the class `Flow`, or of the topic `flow` where they say so."""
    users: int = 1
    scenario: str = "plain"
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def trains(self) -> bool:
        """Whether thresholds may be fixed by it."""
        return self.number % 2 == 1

    def facts(self) -> dict[str, Any]:
        """Return it as it stands among the figures."""
        return asdict(self)


def _pairs() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    generator, cluster, none = ({"truth": truth} for truth in ("generator", "cluster", "none"))
    sink, one, three = ({"place": place} for place in ("sink", "one", "three"))
    return [
        (
            {**generator, **sink, "kind": "others on every core", "done": "hogs", "how": {"each": 4}, "rate": 0.6},
            {"how": {"each": 8}, "rate": 0.5, "sets": TYPICAL},
        ),
        (
            {**generator, **sink, "kind": "one core for ten users", "done": "one_core", "rate": 1.2, "users": 10},
            {"how": {"hogs": 1}, "rate": 0.9, "sets": TYPICAL},
        ),
        (
            {**generator, **sink, "kind": "heavy payload code", "scenario": "heavy", "rate": 20_000,
             "env": {"LIMITS_BURN": "100"}},
            {**one, "rate": 8_000, "env": {"LIMITS_BURN": "250"}},
        ),
        (
            {**generator, **sink, "kind": "threads that hold the interpreter", "scenario": "held", "rate": 0.9},
            {"rate": 0.7, "sets": TYPICAL, "users": 4},
        ),
        (
            {**generator, **sink, "kind": "load process stopped in bursts", "done": "stop_generator",
             "how": {"stopped": 0.7, "running": 0.3}, "rate": 0.5},
            {**one, "how": {"stopped": 0.4, "running": 0.6}, "rate": 5_000, "sets": KIB},
        ),
        (
            {**generator, **one, "kind": "tiny queue", "rate": 30_000,
             "sets": {"config.queue.buffering.max.messages": 50}},
            {"rate": 100_000, "sets": {"config.queue.buffering.max.messages": 400, "config.linger.ms": 20}},
        ),
        (
            {**generator, **one, "kind": "dear compression", "rate": 8_000,
             "sets": {"payload": "random(size='10KiB', compressibility=0.5)", "config.compression.type": "zstd",
                      "config.compression.level": 12}},
            {"rate": 60_000, "sets": {"payload": "json_like(size='1KiB', compressibility=0.3)",
                                      "config.compression.type": "gzip", "config.compression.level": 9}},
        ),
        (
            {**generator, **one, "kind": "others on the generator's core", "done": "hogs_generator",
             "how": {"each": 10}, "rate": 250_000},
            {"how": {"each": 16}, "rate": 40_000, "sets": TYPICAL},
        ),
        (
            {**cluster, **one, "kind": "client quota", "done": "quota", "how": {"bytes": 2_000_000}, "rate": 6_000,
             "sets": KIB},
            {"how": {"bytes": 1_000_000}, "rate": 40_000, "sets": {}},
        ),
        (
            {**cluster, **one, "kind": "proxy with delay", "done": "proxy", "how": {"delay": 0.3}, "rate": 2_000,
             "sets": {**KIB, "config.batch.size": 16384}},
            {"how": {"delay": 0.15}, "rate": 60_000, "sets": {"config.batch.size": 16384}},
        ),
        (
            {**cluster, **one, "kind": "proxy with little bandwidth", "done": "proxy",
             "how": {"bandwidth": 2_000_000}, "rate": 5_000, "sets": KIB},
            {"how": {"bandwidth": 700_000}, "rate": 15_000, "sets": {}},
        ),
        (
            {**cluster, **one, "kind": "broker stopped", "done": "stop_broker",
             "how": {"stopped": 0.9, "running": 0.1}, "rate": 60_000, "sets": KIB},
            {"how": {"stopped": 60, "running": 3.0}, "rate": 4_000, "sets": TYPICAL},
        ),
        (
            {**cluster, **one, "kind": "flush per message", "rate": 6_000,
             "sets": {**KIB, **SMALL, **FLUSH}},
            {"rate": 30_000, "sets": {"config.linger.ms": 0, "config.batch.size": 200, **FLUSH}, "users": 2},
        ),
        (
            {**cluster, **one, "kind": "others on the broker's core", "done": "hogs_broker", "how": {"each": 10},
             "rate": 12_000, "sets": {**KIB, **SMALL}},
            {"how": {"each": 16}, "rate": 10_000, "sets": {**TYPICAL, **SMALL}, "users": 3},
        ),
        (
            {**cluster, **three, "kind": "three nodes on one core", "rate": 100_000,
             "sets": {**KIB, "config.batch.size": 16384}},
            {"rate": 12_000, "sets": {**KIB, **SMALL}, "users": 2},
        ),
        (
            {**none, **sink, "kind": "idle, sink", "rate": 0.1},
            {"rate": 0.05, "sets": TYPICAL, "users": 3},
        ),
        (
            {**none, **one, "kind": "idle, one node", "rate": 5_000},
            {"rate": 1_000, "sets": TYPICAL, "users": 3},
        ),
        (
            {**none, **one, "kind": "idle, behind what is no hindrance", "done": "proxy", "how": {"delay": 0.05},
             "rate": 500, "sets": KIB},
            {"done": "quota", "how": {"bytes": 20_000_000}, "rate": 1_000},
        ),
    ]  # fmt: skip


CASES = tuple(
    Case(2 * at + 1 + second, **{**first, **(other if second else {})})
    for at, (first, other) in enumerate(_pairs())
    for second in (0, 1)
)
QUICK = (2, 12, 18, 34)
"""Cases of a quick look: one of each truth, and the one that a full queue alone would judge wrongly."""
