"""The plan as a whole: what binds, what else there was, what cannot be, and how sure it is."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sizing_fixture import BASE, data, measured, needs

from loadkit.errors import UsageError
from loadkit.sizing import plan as planning
from loadkit.sizing import recommend
from loadkit.sizing.ceilings import Measured
from loadkit.sizing.facts import PLATFORMS
from loadkit.sizing.handover import facts_of
from loadkit.sizing.interval import around
from loadkit.sizing.plan import Plan
from loadkit.sizing.requirements import OWN_SHAPES, Requirements, parse

TODAY = date(2026, 11, 26)


def plan(found: Requirements, seen: Measured | None = None, **more: Any) -> Plan:
    """Return the plan of today."""
    return planning.make(found, seen, TODAY, **more)


def test_the_binding_resource_is_the_fullest_and_one_step_fewer_breaks_it() -> None:
    """28,500 messages in three copies are 94,100 a second; with a zone lost 12 brokers have 11,765 each, below 80 %."""
    made = plan(needs(), measured(messages=around(15_000.0, 0.05)))
    assert made.fit is not None
    binding = made.fit.binding
    assert (binding.resource, binding.state.key, made.fit.n) == ("messages", "zone", 12)
    less = next(one for one in made.alternatives if one.text.startswith("9 "))
    assert not less.meets
    assert "measured message rate is at" in less.reason
    assert binding.fullness <= 1
    assert made.confidence.level == "high"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_has_a_plan_with_three_alternatives_and_their_reasons(platform: str) -> None:
    """With a binding resource each, and headroom in every state."""
    changes: dict[str, Any] = {"platform__kind": platform}
    if platform not in OWN_SHAPES:
        changes["platform__shapes"] = None
    made = plan(needs(**changes, topics__0__groups__0__process_time="0.1ms"))
    assert made.fit is not None, made.problems
    assert len(made.alternatives) >= 3
    assert all(one.reason and one.binding for one in made.alternatives)
    states = [state.key for state, _ in planning.headroom(made.fit)]
    assert states[:3] == ["today", "horizon", "catch_up"]
    assert ("zone" in states) == (not made.fit.setup.candidate.managed)
    assert made.lasts
    assert made.tornado
    assert made.next
    assert made.confidence.level in ("low", "medium")


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        ({"platform__max_brokers": 1}, "platform.max_brokers", "3 are the fewest"),
        ({"platform__max_brokers": 3, "topics__0__rate": "200k/s", "topics__0__peak": "400k/s",
          "topics__0__groups": []}, "platform.max_brokers", "3 are too few"),
        ({"platform__zones": 2, "survive": {"zone": True}}, "survive.zone", "writes stop"),
        ({"platform__zones": 1, "survive": {"zone": True}}, "survive.zone", "it takes three zones"),
        ({"topics__0__retention": "2h"}, "topics[0].retention", "deleted unread"),
        ({"topics__0__hottest_key": "60%", "topics__0__groups": []}, "topics[0].hottest_key", "no number of partitions"),
        ({"topics__0__hottest_key": "10%"}, "topics[0].groups[0].process_time", "no number of partitions helps"),
        ({"platform__shapes__0__disk": "1GiB", "topics__0__retention": "1000y"}, "platform", "storage is at"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_an_answer_with_the_requirement_that_makes_it_so(
    changes: dict[str, Any], path: str, says: str
) -> None:
    """And with what would be possible if one requirement were given up."""
    found = needs(**changes)
    if "60%" in changes.values():
        found = needs(**{**changes, "topics__0__rate": "50k/s", "topics__0__peak": "50k/s"})
    made = plan(found)
    assert not made.feasible
    assert made.fit is None
    assert path in [problem.path for problem in made.problems]
    assert says in " ".join(problem.text for problem in made.problems)
    assert len(made.alternatives) >= 3


def test_an_objective_that_no_trial_holds_is_named() -> None:
    """With its place in the file and the best that was seen."""
    seen = measured(broken="latency.p99 < 1ms: the best of 9 trials is 0.0042 at 4,000 msg/s")
    made = plan(needs(topics__0__slo=["latency.p99 < 1ms"]), seen)
    assert [problem.path for problem in made.problems] == ["topics[0].slo[0]"]
    assert "0.0042" in made.problems[0].text
    assert len(made.alternatives) >= 3
    assert any("gives up topics[0].slo[0]" in one.reason for one in made.alternatives), "what helps is to give it up"


def test_nothing_at_all_is_carried_by_the_fewest() -> None:
    """A rate of 0 takes three brokers, lasts for ever and crashes nothing."""
    made = plan(needs(topics__0__rate="0/s", topics__0__peak="0/s"), measured())
    assert made.fit is not None
    assert made.fit.n == 3
    assert made.first is None


def test_without_growth_nothing_runs_out_and_with_it_the_binding_resource_does_first() -> None:
    """The months are those until the binding state no longer fits."""
    still = plan(needs(growth__per_month=0, growth__horizon_months=0), measured())
    assert still.first is None
    growing = plan(needs(growth__per_month="10%", growth__horizon_months=6), measured(messages=around(13_000.0, 0.05)))
    assert growing.first is not None
    assert growing.fit is not None
    assert growing.first.resource == growing.fit.binding.resource
    assert growing.first.months is not None
    assert growing.first.months >= 6


def test_measurements_of_another_shape_are_not_used() -> None:
    """The plan rests on assumptions, says so, and says what to measure."""
    made = plan(needs(), measured(shape="4 cores"))
    assert made.fit is not None
    assert "work" not in made.fit.setup.candidate.ceilings
    assert made.confidence.level == "low"
    assert any("4 cores" in because for because in made.confidence.because)
    demo = plan(needs(), measured(shape=None, demo="simulated"))
    assert demo.fit is not None
    assert "work" in demo.fit.setup.candidate.ceilings
    assert demo.confidence.level == "demonstration"
    assert demo.next[0].command.startswith("loadkit max scenario.py --target target.toml")


def test_old_measurements_lower_the_confidence() -> None:
    """Half a year is old."""
    old = measured(started=("2025-01-01T00:00:00+00:00", "2025-01-02T00:00:00+00:00"))
    made = plan(needs(), old)
    assert made.confidence.level == "medium"
    assert made.age() == (693, 694)


def test_the_cheapest_is_taken_where_prices_are_known_and_a_missing_price_is_named() -> None:
    """Lines without a price are unknown, and so is the sum."""
    two = [dict(data()["platform"]["shapes"][0], name=name, cores=cores) for name, cores in (("a", 8), ("b", 16))]
    prices: dict[str, Any] = {"currency": "EUR", "date": "2026-11-01", "hour": {"a": 2.0, "b": 1.0},
                              "storage_gb_month": 0.1, "cross_zone_gb": 0.01}  # fmt: skip
    dear = plan(needs(platform__shapes=two, prices=prices))
    assert dear.fit is not None
    assert dear.fit.setup.candidate.name == "b"
    assert dear.bill is not None
    assert dear.bill.total is not None
    assert next(item for item in dear.bill.items if item.name.startswith("b")).month == pytest.approx(dear.fit.n * 730)
    del prices["storage_gb_month"]
    unknown = plan(needs(platform__shapes=two, prices=prices))
    assert unknown.bill is not None
    assert unknown.bill.total is None
    assert unknown.bill.missing == ("prices.storage_gb_month",)
    assert unknown.fit is not None
    assert unknown.fit.setup.candidate.name == "a", "fewest cores, since the cost is not known"


def test_partitions_there_already_are_kept_while_they_are_enough() -> None:
    """More are only planned where they are needed, which is a migration on a keyed topic."""
    kept = plan(needs(topics__0__partitions=90), measured())
    assert kept.fit is not None
    assert kept.fit.splits[0].partitions == 90
    more = plan(needs(topics__0__partitions=4), measured())
    assert more.fit is not None
    assert more.fit.splits[0].partitions > 4


def test_units_of_a_vendor_are_not_asked_to_survive_what_it_survives() -> None:
    """No state of a broker lost, and fewer units than brokers would be."""
    made = plan(needs(platform__kind="confluent-cloud", platform__shapes=None, platform__sizes=["enterprise"]))
    assert made.fit is not None
    assert {state.key for state, _ in planning.headroom(made.fit)} == {"today", "horizon", "catch_up"}
    assert planning.repair(made.fit) is None


RATES = st.floats(0, 2e6) | st.just(0.0)
GROUPS = st.lists(
    st.fixed_dictionaries({"process_time": st.floats(0, 1), "tail": st.booleans(), "replay": st.floats(0, 1e9)}),
    max_size=3,
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Return any requirements that the file's rules allow."""
    topics = []
    for at in range(draw(st.integers(1, 3))):
        rate = draw(RATES)
        topic: dict[str, Any] = {
            "name": f"t{at}", "rate": rate, "size": draw(st.integers(1, 10**7)), "count": draw(st.sampled_from([1, 7, 500])),
            "retention": draw(st.floats(1, 1e9) | st.just("forever")), "keyed": draw(st.booleans()),
            "groups": [{"name": f"g{i}", **one} for i, one in enumerate(draw(GROUPS))],
        }  # fmt: skip
        if draw(st.booleans()):
            topic["peak"] = rate * draw(st.floats(1, 10))
        if topic["keyed"]:
            topic["hottest_key"] = draw(st.none() | st.floats(0, 1))
            if draw(st.booleans()):
                topic |= {
                    "cleanup": draw(st.sampled_from(["compact", "compact,delete"])),
                    "live_keys": draw(st.integers(1, 10**9)),
                }
        topic = {key: value for key, value in topic.items() if value is not None}
        topics.append(topic)
    kind = draw(st.sampled_from(PLATFORMS))
    shape = {"name": "s", "cores": draw(st.floats(0.1, 128)), "memory": draw(st.integers(2**30, 2**40)),
             "network": draw(st.floats(1, 2e10)), "disk": draw(st.integers(2**30, 2**50)), "disk_write": draw(st.floats(1, 1e11))}  # fmt: skip
    platform: dict[str, Any] = {
        "kind": kind,
        "zones": draw(st.integers(1, 5)),
        "connections": draw(st.integers(0, 10**6)),
    }
    if kind in OWN_SHAPES:
        platform["shapes"] = [shape]
    if draw(st.booleans()):
        platform["max_brokers"] = draw(st.integers(1, 200))
    return {
        "name": "h", "platform": platform, "topics": topics, "copies": draw(st.integers(0, 2)),
        "growth": {"per_month": draw(st.floats(0, 1)), "horizon_months": draw(st.integers(0, 60))},
        "survive": {"broker": draw(st.booleans()), "outage": draw(st.floats(0, 1e6)), "catch_up": draw(st.floats(1, 1e6))},
    }  # fmt: skip


@given(documents(), st.booleans())
@settings(max_examples=40)
def test_any_requirements_have_an_answer(document: dict[str, Any], seen: bool) -> None:
    """A plan whose every rule holds, or the requirement that forbids it; the planner's numbers are used as they are."""
    found = parse(document)
    made = plan(found, replace(measured(), demo="simulated") if seen else None)
    assert made.feasible != bool(made.problems)
    for flow, topic in zip(made.flows, document["topics"], strict=True):
        assert flow.average == topic["rate"], "no silent clamp"
        assert flow.topic.size == topic["size"]
    if made.fit:
        assert all(use.fullness <= 1 + 1e-9 for use in made.fit.uses if use.state.binds)
        assert not made.fit.problems
    else:
        assert all(problem.path and problem.text for problem in made.problems)
    if made.feasible:
        with tempfile.TemporaryDirectory() as folder:
            recommend.write(facts_of(made), Path(folder) / "configs")  # raises where the checker refuses a file
    assert len(made.alternatives) >= 3


def test_tombstones_that_the_platform_removes_too_soon_make_a_plan_impossible() -> None:
    """Event Hubs keeps them a day whatever the topic says; consumers away for two would keep what was deleted."""
    topic = {**BASE["topics"][0], "cleanup": "compact", "live_keys": 1000, "keyed": True}
    hubs = {"kind": "event-hubs", "zones": 3, "replication_factor": 3}
    away = {**BASE, "platform": hubs, "topics": [topic], "survive": {"outage": 172_800.0}}
    made = plan(parse(away))
    assert [problem.path for problem in made.problems] == ["topics[0].cleanup"]
    assert "delete.retention.ms is not among" in made.problems[0].text
    assert plan(parse({**away, "survive": {"outage": 3600.0}})).feasible


def test_offsets_that_the_platform_forgets_too_soon_make_a_plan_impossible() -> None:
    """MSK's Express brokers keep a group's offsets seven days whatever anybody says."""
    topic = {**BASE["topics"][0], "retention": 30 * 86_400.0}
    express = {"kind": "msk-express", "zones": 3}
    away = {**BASE, "platform": express, "topics": [topic], "survive": {"outage": 6 * 86_400.0, "catch_up": 86_401.0}}
    made = plan(parse(away))
    assert [problem.path for problem in made.problems] == ["survive.outage"]
    assert "offsets.retention.minutes is read-only" in made.problems[0].text
    assert plan(parse({**away, "survive": {"outage": 6 * 86_400.0, "catch_up": 86_400.0}})).feasible


def test_a_shape_that_was_not_stated_is_refused_before_anything_is_planned() -> None:
    """A vendor's shape that it does not sell."""
    with pytest.raises(UsageError, match="has no"):
        plan(needs(platform__kind="msk-express", platform__shapes=None, platform__sizes=["t3.small"]))
