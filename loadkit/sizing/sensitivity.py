"""How much each input matters: the plan made anew with one of them at its low and its high end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from loadkit.sizing import search
from loadkit.sizing.demand import Setup
from loadkit.sizing.interval import Interval, of
from loadkit.sizing.model.scaling import Law
from loadkit.sizing.search import Fit
from loadkit.sizing.shapes import TEXT, Candidate, Ceiling
from loadkit.sizing.workload import Flow

STATED = 0.2
"""By how much what is stated may be off."""


@dataclass(frozen=True, slots=True)
class Swing:
    """One input, from its low to its high end."""

    key: str
    text: str
    ends: tuple[str, str]
    counts: tuple[int | None, int | None]
    """Brokers that it takes; None: no number is enough."""
    fullness: tuple[float, float]
    """Of the recommended cluster: above 1 it does not fit."""
    measurable: bool = False
    """Whether a measurement would narrow it."""

    @property
    def width(self) -> float:
        """How far the fullness moves."""
        return abs(self.fullness[1] - self.fullness[0])


Change = Callable[[Setup], Setup]


def tornado(chosen: Fit, law: Law | None = None) -> tuple[Swing, ...]:
    """Return every input's swing, the widest first."""
    found = [
        _swing(chosen, law, key, text, ends, changes, measurable)
        for key, text, ends, changes, measurable in _inputs(chosen.setup)
    ]
    return tuple(sorted(found, key=lambda one: -one.width))


def _swing(
    chosen: Fit, law: Law | None, key: str, text: str, ends: tuple[str, str], changes: tuple[Change, Change], m: bool
) -> Swing:
    setups = [change(chosen.setup) for change in changes]
    fits = [search.smallest(setup, law, near=chosen.n).fit for setup in setups]
    low, high = (fit.n if fit else None for fit in fits)
    full = [search.fit(setup, chosen.n, law).binding.fullness for setup in setups]
    return Swing(key, text, ends, (low, high), (full[0], full[1]), m)


def _inputs(setup: Setup) -> Iterator[tuple[str, str, tuple[str, str], tuple[Change, Change], bool]]:
    less, more = f"-{STATED:.0%}", f"+{STATED:.0%}"
    flows = setup.flows

    def both(change: Callable[[Flow, float], Flow]) -> tuple[Change, Change]:
        return tuple(
            lambda s, by=by: replace(s, flows=tuple(change(flow, by) for flow in s.flows))
            for by in (1 - STATED, 1 + STATED)
        )  # type: ignore[return-value]

    if any(flow.peak for flow in flows):
        yield "rate", "message rates", (less, more), both(lambda flow, by: flow.scaled(by)), False
        yield "size", "message size", (less, more), both(_resized), False
        yield "compression", "compression", (less, more), both(_packed), True
    if any(flow.share for flow in flows):
        yield "hottest_key", "share of the hottest key", (less, more), both(_hotter), True
    if any(flow.topic.cleanup != "compact" for flow in flows):
        yield "retention", "retention", (less, more), both(_longer), False
    if any(flow.per_month for flow in flows):
        yield "growth", "growth a month", (less, more), both(_growing), False
    for resource, ceiling in setup.candidate.ceilings.items():
        if ceiling.value.high > ceiling.value.low:
            yield resource, f"ceiling: {TEXT[resource]}", _ends(ceiling.value), _ceilings(resource), True
    each = setup.candidate.cost.each()
    if "cpu" in setup.candidate.ceilings and each.high > each.low:
        yield "cpu_cost", "CPU a byte", (f"{each.low * 1e6:.3g} cores a MB/s", f"{each.high * 1e6:.3g}"), _cpu(), True
    partition = setup.candidate.partition_in
    if partition and partition.value.high > partition.value.low:
        yield "partition", "ceiling of a partition", _ends(partition.value), _partition(), True


def _resized(flow: Flow, by: float) -> Flow:
    return replace(flow, topic=flow.topic.model_copy(update={"size": max(1, round(flow.topic.size * by))}))


def _packed(flow: Flow, by: float) -> Flow:
    return replace(flow, ratio=max(1.0, flow.ratio * by))


def _hotter(flow: Flow, by: float) -> Flow:
    return replace(flow, share=min(1.0, flow.share * by))


def _longer(flow: Flow, by: float) -> Flow:
    topic = flow.topic
    kept = (
        {"local_retention": topic.local_retention * by}
        if topic.local_retention
        else {"retention": topic.retention * by}
    )
    return replace(flow, topic=topic.model_copy(update=kept))


def _growing(flow: Flow, by: float) -> Flow:
    return replace(flow, per_month=flow.per_month * by)


def _ends(value: Interval) -> tuple[str, str]:
    scale, unit = (1e6, "M") if value.high >= 1e6 else (1.0, "")
    return f"{value.low / scale:.3g}{unit}", f"{value.high / scale:.3g}{unit}"


def _with(setup: Setup, ceilings: Mapping[str, Ceiling] | None = None, **changes: object) -> Setup:
    candidate: Candidate = replace(setup.candidate, **changes)  # type: ignore[arg-type]
    if ceilings:
        candidate = replace(candidate, ceilings={**candidate.ceilings, **ceilings})
    return replace(setup, candidate=candidate)


def _ceilings(resource: str) -> tuple[Change, Change]:
    def at(setup: Setup, low: bool) -> Setup:
        ceiling = setup.candidate.ceilings[resource]
        end = ceiling.value.low if low else ceiling.value.high
        return _with(setup, {resource: replace(ceiling, value=of(end))})

    return (lambda s: at(s, True)), (lambda s: at(s, False))


def _cpu() -> tuple[Change, Change]:
    def at(setup: Setup, low: bool) -> Setup:
        cost = setup.candidate.cost
        ends = cost.each() / cost.each().mid
        return _with(setup, cost=replace(cost, factor=ends.low if low else ends.high))

    return (lambda s: at(s, True)), (lambda s: at(s, False))


def _partition() -> tuple[Change, Change]:
    def at(setup: Setup, low: bool) -> Setup:
        there = setup.candidate.partition_in
        assert there is not None
        return _with(setup, partition_in=replace(there, value=of(there.value.low if low else there.value.high)))

    return (lambda s: at(s, True)), (lambda s: at(s, False))
