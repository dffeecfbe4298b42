"""What a guided sweep looks for in several directions at once, and which points no other one beats.

A loss is the logarithm of a metric, turned so that less is better, in steps of one percent: what differs by less is
the same to it, or else the noise of a rate that all points hold would put every one of them on the front.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadkit import vocabulary
from loadkit.sweep.spec import Record

Losses = tuple[float, ...]
Metrics = Mapping[str, float | None]
KNOWN = 0.8
"""Share of the trials that must tell a metric for it to be a goal."""
WIRE = "bytes on the wire a message"
CPU = "client.cpu_per_message"
CANDIDATES = (CPU, WIRE)
"""The goals that not every target lets a trial tell."""
_LEAST = 1e-12
"""What stands for 0, which has no logarithm."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One metric and the direction that is better."""

    name: str
    """As a reader is told."""
    value: Callable[[Metrics], float | None]
    higher: bool = False

    def loss(self, metrics: Metrics) -> float | None:
        """Return the loss of a trial; None where it does not tell."""
        value = self.value(metrics)
        if value is None:
            return None
        return round(math.log(max(value, _LEAST)), 2) * (-1 if self.higher else 1)


def goals(objective: str, done: Sequence[Record]) -> tuple[Goal, ...]:
    """Return the goals that these trials can be judged by.

    The highest rate where each point was searched for it, else the throughput; the latency that the sweep's
    objective names, else `latency.p99`; the client's CPU time a message; the bytes on the wire a message.
    """
    finished = [record for record in done if record.metrics]
    searched = any(record.metrics.get("max_rate") is not None for record in finished)
    series = vocabulary.split(objective)[1].partition(".")[0] if objective != "max" else ""
    latency = objective if series in vocabulary.LATENCIES else "latency.p99"
    candidates = (
        _metric("max_rate" if searched else "throughput", higher=True),
        _metric(latency),
        _metric(CPU),
        Goal(WIRE, wire),
    )
    return tuple(goal for goal in candidates if _known(goal, finished))


def wire(metrics: Metrics) -> float | None:
    """Return the bytes that a message takes on the wire after compression; None where that was not measured.

    bytes / compression.ratio is bytes sent a second; divided by throughput, bytes sent a message.
    """
    sent, ratio, rate = (metrics.get(name) for name in ("bytes", "compression.ratio", "throughput"))
    return sent / ratio / rate if sent and ratio and rate else None


def losses(wanted: Sequence[Goal], metrics: Metrics) -> Losses | None:
    """Return the losses of a trial in all goals; None where it does not tell one of them."""
    found = [goal.loss(metrics) for goal in wanted]
    known = tuple(loss for loss in found if loss is not None)
    return known if known and len(known) == len(found) else None


def dominates(one: Losses, other: Losses) -> bool:
    """Return whether one is no worse in any goal and better in some (Deb 2001, definition 2.5)."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def mean(several: Sequence[Losses]) -> Losses:
    """Return the mean of a point's repeats."""
    return tuple(math.fsum(column) / len(column) for column in zip(*several, strict=True))


def _metric(name: str, higher: bool = False) -> Goal:
    return Goal(name, lambda metrics: metrics.get(name), higher)


def _known(goal: Goal, finished: Sequence[Record]) -> bool:
    told = sum(goal.value(record.metrics) is not None for record in finished)
    return bool(finished) and told >= KNOWN * len(finished)
