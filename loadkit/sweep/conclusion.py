"""What a search says at its end: the rate, what failed above it, whose limit it was, what would go further. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadkit.limit import BUSY
from loadkit.sweep.judgement import SUSTAINED, Judged, shown
from loadkit.sweep.observation import Observation
from loadkit.sweep.search import HOLDS, SETBACKS, Answer, Step
from loadkit.units import format_duration, format_rate

Bound = Literal["cluster", "generator", "none", "unknown"]
_CRITERIA = {
    "sustained": "achieved/offered >= 0.995", "lag": "lag does not grow", "errors": "no delivery errors",
    "replicas": "all replicas in sync", "trial": "the trial completes", "generator": "the generator is not the limit",
}  # fmt: skip
"""What must hold besides the objectives, by its short name."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One trial of a search, what was seen in it and what was judged of it."""

    step: Step
    seen: Observation
    judged: Judged


@dataclass(frozen=True, slots=True)
class Workers:
    """What a rate takes of the generator, from the CPU that a message took where it kept up."""

    rate: float
    """The rate that is wanted (msg/s)."""
    each: float
    """Seconds of one load process's Python a message."""
    present: int

    @property
    def full(self) -> float:
        """Messages a second at which one load process is full."""
        return BUSY / self.each

    @property
    def needed(self) -> int:
        """How many more load processes the rate takes: at least one, since those that are there gave out."""
        return max(1, math.ceil(self.rate / self.full) - self.present)

    def __str__(self) -> str:
        """Return it as a sentence."""
        noun = "process" if self.needed == 1 else "processes"
        return (
            f"a message took {format_duration(self.each)} of a load process, which is full at about "
            f"{format_rate(self.full)}: {format_rate(self.rate)} takes {self.needed} more {noun}"
        )


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The answer in words and fields."""

    text: str
    bound: Bound
    stage: str | None
    """Where the limit lies: brokers, consumers or generator."""
    failing: tuple[str, str] | None
    """The criterion that failed above the answer, and the evidence."""
    evidence: tuple[str, ...]
    """What says that the limit lies there."""
    more: Workers | None = None
    """What it takes to go further, where the generator gave out."""


def conclude(answer: Answer, tried: Sequence[Tried], within: str) -> Conclusion:
    """Return what a search that ended says; `within` names the objectives."""
    worst = _telling(answer, tried)
    bound = _bound(answer, tried)
    stage = _stage(worst, bound) if worst else None
    failing = (_named(worst), _told(worst)) if worst else None
    evidence = (*worst.seen.evidence, *_split(worst)) if worst else ()
    more = workers(tried, worst.step.rate) if worst and bound == "generator" else None
    return Conclusion(_text(answer, within, worst, more), bound, stage, failing, evidence, more)


def workers(tried: Sequence[Tried], rate: float) -> Workers | None:
    """Return what a rate takes, from the highest one that passed; None where no CPU was measured."""
    clean = [one for one in tried if one.judged.distance <= 0 and one.seen.cores and one.seen.processes]
    if not clean:
        return None
    best = max(clean, key=lambda one: one.step.rate)
    assert best.seen.cores
    return Workers(rate, best.seen.cores * best.seen.processes / best.step.rate, best.seen.processes)


def _telling(answer: Answer, tried: Sequence[Tried]) -> Tried | None:
    """Return the trial that says best why the rate is no higher: the hold above it, else the nearest that failed."""
    floor = answer.rate or (answer.interval[0] or 0.0)
    beyond = [one for one in tried if one.judged.distance > 0 or one.judged.generator]
    beyond = [one for one in beyond if one.step.rate > floor]
    own = [one for one in beyond if one.judged.generator == (answer.outcome == "generator")]
    beyond = own or beyond
    over = [one for one in beyond if one.step.kind == "over" and one.step.rate > floor]
    return over[-1] if over else min(beyond, key=lambda one: one.step.rate, default=None)


def _bound(answer: Answer, tried: Sequence[Tried]) -> Bound:
    """Return whose limit the rate was, from the trials up to twice the rate that did not pass."""
    if answer.outcome == "generator":
        return "generator"
    if answer.outcome == "permitted":
        return "none"
    floor = answer.rate or answer.interval[0] or 0.0
    near = [one for one in tried if one.judged.distance > 0 and floor < one.step.rate <= 2.1 * max(floor, 1e-9)]
    limits = [one.seen.limit for one in near or [one for one in tried if one.judged.distance > 0]]
    if "cluster" in limits:
        return "cluster"
    return "cluster" if limits and set(limits) == {"none"} else "unknown"


def _stage(worst: Tried, bound: Bound) -> str:
    """Return where the limit lies: with the consumers where only what they do fails."""
    if worst.judged.generator or bound == "generator":
        return "generator"
    acked = worst.seen.achieved is None or worst.seen.achieved >= 1 - SUSTAINED
    name = worst.judged.failing or ""
    return "consumers" if acked and any(word in name for word in ("lag", "end_to_end", "consumed")) else "brokers"


def _named(worst: Tried) -> str:
    name = worst.judged.failing or ""
    return _CRITERIA.get(name, name)


def _told(worst: Tried) -> str:
    kind = "a hold at" if worst.step.kind in ("hold", "over") else "a probe at"
    return f"{kind} {format_rate(worst.step.rate)}: {'; '.join(worst.judged.reasons)}"


def _split(worst: Tried) -> list[str]:
    """Return the parts of a latency that say where it arose."""
    metrics = worst.seen.metrics
    parts = [f"{name} {shown(name, metrics[name])}" for name in ("send_delay.p99", "service_time.p99", "end_to_end.p99")
             if metrics.get(name) is not None]  # fmt: skip
    return [", ".join(parts)] if parts else []


def _text(answer: Answer, within: str, worst: Tried | None, more: Workers | None) -> str:
    """Return the answer in a sentence or two."""
    low, high = answer.interval
    rate = format_rate(answer.rate)
    if answer.outcome == "none":
        return f"no rate that was tried holds {within}" + (f": {_told(worst)}" if worst else "")
    if answer.outcome == "noisy":
        between = f"between {format_rate(low)} and {format_rate(high)}" if high else f"at or above {format_rate(low)}"
        return (
            f"the highest rate within {within} lies {between}, but it is too noisy to say more: "
            f"after {SETBACKS} corrections holds and probes still disagree"
        )
    if answer.outcome == "permitted":
        return f">= {rate} within {within}: {HOLDS} holds passed, and no higher rate may be tried on this target"
    if answer.outcome == "generator":
        said = more or "the CPU that a message takes was not measured, so what it takes to go further is not known"
        return f">= {rate} within {within}, generator-limited: {HOLDS} holds passed, then it gave out; {said}"
    assert worst
    edge = f" ({format_rate(low)} to {format_rate(high)})"
    return f"{rate}{edge} is the highest rate within {within}: {HOLDS} holds passed, and not {_told(worst)}"
