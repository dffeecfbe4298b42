"""How the points of a sweep stand against each other: their numbers over repeats, the SLO, and which is best.

A point's number is the median over its repeats: each repeat is a whole trial of its own, whose percentile was taken
from merged histograms. Best is only ever a point that is safe, ran to its end, kept the SLO, and was not limited by
the generator, whose figures say nothing of the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from loadkit import vocabulary
from loadkit.slo import Objective, parse_all
from loadkit.sweep.spec import Point, Record, Sweep

MAX = "max"
"""The objective that searches for the highest rate at each point."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One point and what its trials say together."""

    point: Point
    trials: tuple[Record, ...]
    """Those that ran to their end."""
    failed: int
    metrics: Mapping[str, float | None]
    limit: str | None
    """The limit of its trials; unknown where they differ."""
    verdict: str | None
    """pass, fail or inconclusive against the SLO; None without one."""
    value: float | None
    """Its number for the objective."""

    @property
    def eligible(self) -> bool:
        """Whether it may be named best."""
        sound = self.point.safe and self.value is not None and self.limit != "generator"
        return sound and self.verdict in (None, "pass")


def metric_of(objective: str) -> str:
    """Return the metric that an objective ranks by."""
    return "max_rate" if objective == MAX else objective


def higher_is_better(objective: str) -> bool:
    """Return whether a higher number of the objective is the better one."""
    found = vocabulary.metric(vocabulary.split(metric_of(objective))[1])
    return bool(found and found.higher_is_better)


def standings(sweep: Sweep, points: Sequence[Point], trials: Sequence[Record]) -> list[Standing]:
    """Return every valid point that was tried, the best first; those that cannot be named best come last."""
    objectives = parse_all(sweep.slo)
    found = [_standing(sweep, point, [r for r in trials if r.point == point.id], objectives) for point in points]
    sign = -1.0 if higher_is_better(sweep.objective) else 1.0

    def rank(one: Standing) -> tuple[bool, bool, float]:
        return not one.eligible, one.value is None, sign * (one.value or 0.0)

    return sorted((one for one in found if one.trials or one.failed), key=rank)


def best(found: Sequence[Standing]) -> Standing | None:
    """Return the best of points in order of standing; None when none may be named so."""
    return found[0] if found and found[0].eligible else None


def verdict_of(sweep: Sweep, found: Sequence[Standing]) -> str | None:
    """Return whether some safe point keeps the SLO: pass, fail or inconclusive; None without an SLO."""
    if not sweep.slo:
        return None
    said = [one.verdict for one in found if one.point.safe]
    return "pass" if "pass" in said else "fail" if said and set(said) == {"fail"} else "inconclusive"


def _standing(sweep: Sweep, point: Point, trials: Sequence[Record], objectives: Sequence[Objective]) -> Standing:
    whole = tuple(record for record in trials if record.status == "complete")
    metrics = {name: _middle(whole, name) for name in dict.fromkeys(n for record in whole for n in record.metrics)}
    limits = {record.limit for record in whole}
    return Standing(
        point, whole, sum(record.status == "failed" for record in trials), metrics,
        limit=limits.pop() if len(limits) == 1 else "unknown" if limits else None,
        verdict=_verdict(whole, objectives), value=metrics.get(metric_of(sweep.objective)),
    )  # fmt: skip


def _middle(trials: Sequence[Record], name: str) -> float | None:
    """Return the median of a metric over repeats; None where one of them withholds it."""
    values = [record.metrics.get(name) for record in trials]
    known = [value for value in values if value is not None]
    return median(known) if known and len(known) == len(values) else None


def _verdict(trials: Sequence[Record], objectives: Sequence[Objective]) -> str | None:
    """Return pass where every repeat keeps every objective, fail where one of them is broken."""
    if not objectives or not trials:
        return None if not objectives else "inconclusive"
    held = [one.holds(record.metrics) for record in trials for one in objectives]
    return "fail" if False in held else "inconclusive" if None in held else "pass"
