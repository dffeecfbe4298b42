"""What was measured of one broker, one partition and one client, as intervals; and what may not be used, and why.

A ceiling was reached where a trial with the same settings and more load failed: the limit was the cluster's, or an
objective did not hold. Where nothing failed, the highest load carried is a lower bound ("at least"), and the plan
rests on assumptions; it is never taken for the capacity. Trials that could lose messages never count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadkit.errors import UsageError
from loadkit.sizing.evidence import Answer, Evidence, Point
from loadkit.sizing.interval import Interval, repeated
from loadkit.sizing.model import cpu, scaling
from loadkit.slo import Objective

NOISE = 0.05
"""Least relative half width of a measured ceiling: holds of a search are 2.5 % apart and repeats differ by more."""
WIDEST = 1.1
"""How far the mid of a ceiling lies above what was carried, at most: a failure far above says little."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the evidence says; rates a second, bytes on the wire."""

    source: str
    demo: str = ""
    """Why its figures are of no cluster that anybody would run; empty where they are."""
    shape: str | None = None
    brokers: int = 1
    """The most that were measured."""
    started: tuple[str, str] = ("", "")
    """When the oldest and the newest trial began."""
    trials: int = 0
    work: Interval | None = None
    """Write equivalents (bytes/s) of one broker; None where no ceiling was reached."""
    messages: Interval | None = None
    """Messages a second that one broker stores, copies counted; None likewise."""
    work_at_least: float = 0.0
    messages_at_least: float = 0.0
    partition: Interval | None = None
    """Bytes/s of one partition; None where no topic of one partition reached it."""
    partition_at_least: float = 0.0
    consumer_at_least: float = 0.0
    """Messages/s of one consumer."""
    cpu: cpu.Cost | None = None
    law: scaling.Law | None = None
    ratios: Mapping[str, float] = field(default_factory=dict)
    """Compression by topic."""
    shares: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    """Share of the hottest partition and how many there were, by topic."""
    broken: str = ""
    """The objective that no trial holds, with the best that was seen; empty where one does or nothing is asked."""
    unknown: tuple[str, ...] = ()
    """Objectives that no trial tells anything of."""
    best: Point | None = None
    """The trial whose settings carried most within the objectives."""
    notes: tuple[str, ...] = ()


def measure(evidence: Evidence, slo: Sequence[str] = (), *, demo: bool, shape: str | None = None) -> Measured:
    """Return the ceilings in the evidence within objectives; UsageError where only a demonstration could use them.

    `shape` is the one that the planner says was measured, where the target file does not.
    """
    real = [point for point in evidence.points if point.kind != "simulated" and not point.co_located]
    points = real or list(evidence.points)
    if not points:
        told = "; ".join(evidence.set_aside[:3])
        raise UsageError(f"--from {', '.join(evidence.folders)}: no trial can be used ({told})")
    why = "" if real else "simulated" if all(point.kind == "simulated" for point in points) else "co-located"
    if why and not demo:
        what = "come from a simulated cluster" if why == "simulated" else "were measured on the generator's own machine"
        raise UsageError(
            f"--from {', '.join(evidence.folders)}: its figures {what}, so they are no ceilings of any other; measure "
            "the real cluster with --target, or give --demo to see the method on them, labelled throughout"
        )
    objectives = [Objective.parse(text) for text in dict.fromkeys(slo)]
    # what a generator that gave out measured says nothing of the cluster, neither good nor bad
    judged = [point for point in points if point.limit != "generator"]
    asked = [one for one in objectives if any(point.metrics.get(one.metric) is not None for point in judged)]
    holding = [point for point in judged if _holds(point, asked)]
    answers = [one for one in evidence.answers if one.hold in points and _holds(one.hold, asked)]
    families = [_family(own, asked, [a for a in answers if a.hold.family == name]) for name, own in _families(points)]
    best = max(families, key=lambda one: (one.score, one.reached is not None))
    times = sorted(point.started_at for point in points if point.started_at)
    shapes = {point.shape for point in points if point.shape}
    busy = [pair for point in points for pair in point.busy]
    source = ", ".join(evidence.folders)
    sizes = [(one.point.brokers, one.score * one.point.brokers) for one in families if one.reached and one.point]
    carried = [point for point in holding if point.kept_up]
    return Measured(
        source, why, shape or (shapes.pop() if len(shapes) == 1 else None), max(point.brokers for point in points),
        (times[0], times[-1]) if times else ("", ""), len(points), *_reached(best),
        max((point.work() for point in carried), default=0.0),
        max((point.messages() for point in carried), default=0.0),
        _partition(families), max((_hottest(point) for point in carried), default=0.0),
        max((point.consumer_rate for point in carried), default=0.0),
        cpu.fitted(busy, source), scaling.fit(sizes),
        {topic: point.ratio for point in points if point.ratio for topic in point.topics},
        {topic: (share, point.partitions[topic]) for point in points for topic, share in point.hottest.items()},
        "" if holding or not asked else _best_seen(judged, asked),
        tuple(one.text for one in objectives if one not in asked), best.point,
        tuple(_notes(evidence, points, best)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Family:
    point: Point | None
    reached: Interval | None
    """Multiples of the point's own load at which its ceiling lies."""
    score: float
    """Write equivalents a broker: of the ceiling's mid, or carried."""


def _families(points: Sequence[Point]) -> list[tuple[str, list[Point]]]:
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(point.family, []).append(point)
    return list(found.items())


def _holds(point: Point, objectives: Sequence[Objective]) -> bool:
    return all(one.holds(point.metrics) for one in objectives)


def _family(points: Sequence[Point], objectives: Sequence[Objective], answers: Sequence[Answer]) -> _Family:
    """Return what trials that differ by rate only say of the ceiling of their settings."""
    found = [one for one in answers if one.bound == "cluster"]
    if found:
        hold = max(found, key=lambda one: one.rate).hold
        mid = repeated([one.rate for one in found], NOISE)
        ends = Interval(min(mid.low, *(one.low for one in found)), mid.mid, max(mid.high, *(one.high for one in found)))
        of_hold = ends / hold.throughput
        return _Family(hold, of_hold, hold.work() * of_hold.mid)
    passed = [point for point in points if point.kept_up and _holds(point, objectives)]
    failed = [point for point in points if not (point.kept_up and _holds(point, objectives))
              and (point.limit == "cluster" or (point.limit == "none" and objectives))]  # fmt: skip
    if not passed:
        full = [point for point in failed if point.limit == "cluster" and not objectives]
        if not full:
            return _Family(None, None, 0.0)
        top = max(full, key=lambda point: point.throughput)
        return _Family(top, repeated([1.0], NOISE), top.work())
    top = max(passed, key=lambda point: point.throughput)
    above = [point.offered for point in failed if point.offered > top.throughput * (1 + NOISE / 2)]
    if not above:
        return _Family(top, None, top.work())
    high = min(above) / top.throughput
    at = min(math.sqrt(high), WIDEST)
    reached = Interval(min(1.0, at / (1 + NOISE)), at, max(high, at * (1 + NOISE)))
    return _Family(top, reached, top.work() * at)


def _reached(best: _Family) -> tuple[Interval | None, Interval | None]:
    if best.reached is None or best.point is None:
        return None, None
    return best.reached * best.point.work(), best.reached * best.point.messages()


def _hottest(point: Point) -> float:
    return max((point.topics[topic] * share for topic, share in point.hottest.items() if topic in point.topics),
               default=0.0)  # fmt: skip


def _partition(families: Sequence[_Family]) -> Interval | None:
    """Return the ceiling of a partition, from families whose only topic has one partition."""
    found = [one for one in families if one.reached and one.point and set(one.point.partitions.values()) == {1}]
    tops = [one.reached * one.point.wire for one in found if one.reached and one.point]
    return max(tops, key=lambda one: one.mid, default=None)


def _best_seen(points: Sequence[Point], objectives: Sequence[Objective]) -> str:
    """Return the objective that no trial holds, and the nearest to it that was seen."""
    for one in objectives:
        seen = [(value, point) for point in points if (value := point.metrics.get(one.metric)) is not None]
        if any(one.holds(point.metrics) for _, point in seen):
            continue
        value, point = (min if one.compare in ("<", "<=", "==") else max)(seen, key=lambda pair: pair[0])
        return f"{one.text}: the best of {len(seen)} trials is {value:.4g} at {point.throughput:,.0f} msg/s"
    return f"{' and '.join(one.text for one in objectives)}: each holds in some trial, all together in none"


def _notes(evidence: Evidence, points: Sequence[Point], best: _Family) -> list[str]:
    said = []
    limited = [point for point in points if point.limit == "generator"]
    if limited:
        said.append(
            f"{len(limited)} of {len(points)} trials were limited by the generator: what they carried is a lower bound "
            "and no capacity of any shape"
        )
    if best.reached is None:
        said.append("no trial reached the cluster's limit, so what it can carry was not measured")
    if evidence.set_aside:
        said.append(f"{len(evidence.set_aside)} trials do not count, the first: {evidence.set_aside[0]}")
    return said
