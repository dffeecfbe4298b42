"""What a state of a cluster asks of one broker, resource by resource, and how that stands to its ceilings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from loadkit.sizing.interval import Interval
from loadkit.sizing.loads import ASKED, Load
from loadkit.sizing.model import failure
from loadkit.sizing.requirements import Requirements
from loadkit.sizing.shapes import STORED_FAILED, Candidate, Ceiling
from loadkit.sizing.split import Split, split
from loadkit.sizing.workload import Flow

GUARD = 0.95
"""Share of the low end of a measured ceiling that the load may take: the worst case still fits."""


@dataclass(frozen=True, slots=True)
class State:
    """An instant in the life of a cluster."""

    key: str
    text: str
    month: float = 0.0
    broker: bool = False
    zone: bool = False
    restart: bool = False
    catch_up: bool = False
    binds: bool = True
    """Whether the plan must survive it."""

    @property
    def steady(self) -> bool:
        """Whether it is the normal one, for which vendors recommend."""
        return not (self.broker or self.zone or self.restart or self.catch_up)


def states(needs: Requirements, managed: bool) -> tuple[State, ...]:
    """Return the states that a plan is looked at in; on managed platforms failures are the vendor's affair."""
    end = float(needs.growth.horizon_months)
    zone = survives_zone(needs)
    found = [
        State("today", "today's peak, all brokers"),
        State("horizon", f"the peak in {end:g} months, all brokers", end),
        State("catch_up", "catching up after the longest outage, at that peak", end, catch_up=True),
    ]
    if managed:
        return tuple(replace(one, text=one.text.replace(", all brokers", "")) for one in found)
    found.append(State("broker", "one broker lost, at that peak", end, broker=True, binds=needs.survive.broker or zone))
    if needs.platform.zones > 1:
        found.append(State("zone", "one zone lost, at that peak", end, zone=True, binds=zone))
    return (*found, State("restart", "rolling restart, at that peak", end, restart=True))


def survives_zone(needs: Requirements) -> bool:
    """Return whether the loss of a zone must be survived: as stated, else where there are three or more."""
    wanted = needs.survive.zone
    return needs.platform.zones >= 3 if wanted is None else wanted


@dataclass(frozen=True, slots=True)
class Use:
    """One resource in one state: what is asked of the fullest broker against what it has."""

    resource: str
    state: State
    demand: Interval
    ceiling: Ceiling
    most: float
    formula: str
    """With its numbers."""

    @property
    def share(self) -> Interval:
        """Demand over ceiling."""
        return self.demand / self.ceiling.value

    @property
    def fullness(self) -> float:
        """How full it is of what is planned: above 1 it does not fit."""
        full = self.share.mid / self.most if self.most else math.inf
        if self.ceiling.guarded:
            full = max(full, self.demand.mid / self.ceiling.value.low / GUARD)
        return full


@dataclass(frozen=True, slots=True)
class Setup:
    """All that uses follow from, but the number of brokers."""

    needs: Requirements
    flows: tuple[Flow, ...]
    candidate: Candidate
    consumer: float = 0.0
    """Messages/s that one consumer was measured to take."""


def splits(setup: Setup, n: int) -> tuple[Split, ...]:
    """Return the partitions of every topic on n brokers, enough up to the horizon."""
    end = setup.needs.growth.horizon_months
    zones, later = setup.needs.platform.zones, [flow.grown(end) for flow in setup.flows]
    return tuple(split(flow, setup.candidate, n, zones, setup.consumer, part(flow, later)) for flow in later)


def part(flow: Flow, flows: Sequence[Flow]) -> float:
    """Return the part of all load that one topic has, of bytes or of messages, whichever is more."""
    write = sum(other.count * other.peak * other.record for other in flows)
    messages = sum(other.count * other.peak for other in flows)
    return max(flow.peak * flow.record / write, flow.peak / messages) if write and messages else 0.0


def uses(setup: Setup, n: int, found: Sequence[Split], state: State) -> list[Use]:
    """Return the use of every resource that the shape has a ceiling for, of the fullest of n brokers in a state."""
    flows = [flow.grown(state.month) for flow in setup.flows]
    return list(_uses(setup, n, found, state, flows))


def _uses(setup: Setup, n: int, found: Sequence[Split], state: State, flows: Sequence[Flow]) -> Iterator[Use]:
    needs, candidate = setup.needs, setup.candidate
    left = failure.left(n, needs.platform.zones, broker=state.broker or state.restart, zone=state.zone)
    load = Load(
        needs, candidate, tuple(flows), tuple(found), left, hold=left if state.broker else n,
        live=needs.platform.replication_factor * (left / n if state.restart else 1.0), catching_up=state.catch_up,
    )  # fmt: skip
    for resource, ceiling in candidate.ceilings.items():
        asked = None if resource.endswith("_steady") and not state.steady else ASKED[resource](load)
        if asked is not None:
            most = STORED_FAILED if resource == "storage" and not state.steady else ceiling.most
            yield Use(resource, state, asked.value, ceiling, most, asked.formula)
