"""Whether a trial holds its objectives and was sustained: pass, fail or unknown, and how near the edge. Pure.

The distance of a value from its bound is the logarithm of their ratio, positive beyond it: 0.05 is 5 % too much. A
short trial has no honest confidence interval, so what lies within a stated guard band of a bound decides nothing by
itself: the search repeats it and lets the repetitions vote.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loadkit import vocabulary
from loadkit.slo import Objective
from loadkit.summary import BEYOND
from loadkit.sweep.observation import Observation
from loadkit.units import format_duration

GUARD = 0.05
"""Relative distance from a bound within which one trial decides nothing."""
SUSTAINED = 0.005
"""Share of the offered rate by which what waits, or a group's lag, may grow."""
CLEAR = 0.02
"""The same from which one trial is enough to say that it was not sustained."""

Verdict = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one trial."""

    verdict: Verdict
    distance: float
    """Of the worst criterion from its bound; NaN where that cannot be told."""
    reasons: tuple[str, ...] = ()
    """Why it did not pass at once, the worst first."""
    failing: str | None = None
    """The worst criterion: an objective's text, or `sustained`, `lag`, `errors`, `replicas`, `trial`, `generator`."""
    generator: bool = False
    """Whether the generator was the limit: then the trial says nothing of the target."""
    sustained: bool = True
    """Whether the load was kept up with, however long each message took."""


@dataclass(frozen=True, slots=True)
class _Criterion:
    """One thing that must hold."""

    name: str
    distance: float
    text: str


def judge(seen: Observation, objectives: Sequence[Objective], guard: float = GUARD) -> Judged:
    """Return whether a trial passes: every criterion inside its bound by more than the guard band."""
    if seen.error:
        return Judged("fail", math.inf, (seen.error,), "trial", sustained=False)
    if late := _by_generator(seen, objectives):
        return Judged("unknown", math.nan, (late,), "generator", generator=True)
    found = [*_kept_up(seen, guard), *_sound(seen), *(_criterion(one, seen) for one in objectives)]
    told = sorted((one for one in found if not math.isnan(one.distance)), key=lambda one: -one.distance)
    untold = [one for one in found if math.isnan(one.distance)]
    distance = told[0].distance if told else -math.inf
    if untold and distance <= guard:
        return Judged("unknown", math.nan, tuple(one.text for one in untold), untold[0].name)
    near = [one for one in told if one.distance >= -guard]
    return Judged(
        "pass" if distance < -guard else "fail" if distance > guard else "unknown", distance,
        tuple(one.text for one in near), near[0].name if near else None,
        sustained=not any(one.name in ("sustained", "lag") for one in near),
    )  # fmt: skip


def messages_needed(objectives: Sequence[Objective]) -> float:
    """Return how many messages a trial needs for every quantile that the objectives name to be shown."""
    found = (vocabulary.quantile(_parts(one)[1]) for one in objectives)
    return max((BEYOND / (1 - q) for q in found if q and q > 0.5), default=0.0)


def shown(name: str, value: float | None) -> str:
    """Return a metric's value as a reader sees it."""
    metric = vocabulary.metric(vocabulary.split(name)[1])
    assert metric
    return metric.show(value)


def _by_generator(seen: Observation, objectives: Sequence[Objective]) -> str | None:
    """Return the sign that the generator was the limit, also where an objective fails by its lateness alone."""
    if seen.limit == "generator":
        return next((text for text in seen.evidence if text.startswith("generator")), "the generator was the limit")
    for one in objectives if seen.limit == "none" else ():
        place, statistic = _parts(one)
        owner = place.rpartition(".")[0]
        delay = seen.metrics.get(".".join(filter(None, (owner, "send_delay", statistic))))
        value = seen.metrics.get(one.metric)
        slow = place.endswith(("latency", "end_to_end")) and one.holds(seen.metrics) is False
        if slow and value and delay and delay >= value / 2:
            return f"generator: messages left {format_duration(delay)} late ({statistic}), half of {one.metric} or more"
    return None


def _parts(one: Objective) -> tuple[str, str]:
    """Return ("Checkout.latency", "p99") of an objective on `Checkout.latency.p99`."""
    owner, metric = vocabulary.split(one.metric)
    series, _, statistic = metric.partition(".")
    return f"{owner}.{series}" if owner else series, statistic


def _kept_up(seen: Observation, guard: float) -> Iterator[_Criterion]:
    """Yield what grew more than it may, scaled so that `CLEAR` lies a guard band beyond the bound."""
    for name, grew, text in (
        ("sustained", None if seen.achieved is None else 1 - seen.achieved, "what waits grew by {:.1%} of the rate"),
        ("lag", seen.lag_growth, "consumers fell behind by {:.1%} of the rate"),
    ):
        if grew is not None and grew > SUSTAINED:
            yield _Criterion(name, guard * (grew - SUSTAINED) / (CLEAR - SUSTAINED), text.format(grew))


def _sound(seen: Observation) -> Iterator[_Criterion]:
    """Yield what a sustained load may have none of."""
    for name, count, text in (
        ("errors", seen.metrics.get("errors"), "messages failed"),
        ("errors", seen.metrics.get("lost"), "messages were lost"),
        ("replicas", seen.under_replicated, "partitions lacked a replica"),
    ):
        if count:
            yield _Criterion(name, math.inf, f"{count:,.0f} {text}")


def _criterion(one: Objective, seen: Observation) -> _Criterion:
    name, value = one.metric, seen.metrics.get(one.metric)
    if value is None:
        name, value = next(_stand_ins(one, seen.metrics), (name, None))
    if value is None:
        why = seen.withheld.get(name, "it was not measured")
        return _Criterion(one.text, math.nan, f"{name} is not known: {why}")
    return _Criterion(one.text, _distance(one, value), f"{name} {shown(name, value)}, objective {one.text}")


def _distance(one: Objective, value: float) -> float:
    if value <= 0 or one.bound <= 0 or one.compare == "==":
        return -math.inf if one.holds({one.metric: value}) else math.inf
    beyond = math.log(value / one.bound)
    return beyond if one.compare in ("<", "<=") else -beyond


def _stand_ins(one: Objective, metrics: Mapping[str, float | None]) -> Iterator[tuple[str, float]]:
    """Yield what settles an upper bound on a quantile that was withheld because the trial had too few messages.

    No quantile lies above the maximum: where that holds, so does the quantile. None lies below a lower quantile: where
    that fails, so does the higher one.
    """
    place, statistic = _parts(one)
    wanted = vocabulary.quantile(statistic)
    if one.compare not in ("<", "<=") or wanted is None:
        return
    for other in vocabulary.STATISTICS:
        name, q = f"{place}.{other}", vocabulary.quantile(other)
        value = metrics.get(name)
        if value is None:
            continue
        holds = one.holds({one.metric: value})
        if (other == "max" and holds) or (q is not None and q < wanted and not holds):
            yield name, value


def untellable(one: Objective, seen: Observation) -> str | None:
    """Return why no trial of this scenario can tell an objective; None where one can, if need be a longer one."""
    place, statistic = _parts(one)
    name = f"{place}.max" if vocabulary.quantile(statistic) is not None else one.metric
    if seen.metrics.get(name) is not None or not seen.metrics.get("throughput"):
        return None
    return seen.withheld.get(name, "it was not measured")
