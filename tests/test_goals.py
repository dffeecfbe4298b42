"""What a guided sweep wants of a trial, and which trials beat which."""

from __future__ import annotations

import math

import pytest

from loadkit.sweep.goals import Metrics, dominates, goals, losses, mean, wire
from loadkit.sweep.spec import Record

WHOLE: Metrics = {
    "throughput": 1000.0, "latency.p99": 0.01, "client.cpu_per_message": 1e-5, "bytes": 1e6, "compression.ratio": 2.0,
    "max_rate": None,
}  # fmt: skip


def record(metrics: Metrics, place: int = 0) -> Record:
    return Record(f"p{place:03d}", 0, place, "", "complete", metrics=metrics)


def names(objective: str, *several: Metrics) -> list[str]:
    return [goal.name for goal in goals(objective, [record(metrics) for metrics in several])]


def test_goals_are_what_the_trials_tell() -> None:
    """Rate, latency, CPU and wire; what a target does not tell is no goal, and neither is what most withhold."""
    assert names("latency.p99", WHOLE) == [
        "throughput", "latency.p99", "client.cpu_per_message", "bytes on the wire a message",
    ]  # fmt: skip
    assert names("latency.p99", {"throughput": 1.0, "latency.p99": 1.0}) == ["throughput", "latency.p99"]
    few = [WHOLE, WHOLE, {**WHOLE, "client.cpu_per_message": None}]
    assert "client.cpu_per_message" not in names("latency.p99", *few)
    assert names("latency.p99") == []


@pytest.mark.parametrize(
    ("objective", "latency"),
    [
        ("end_to_end.p99.9", "end_to_end.p99.9"),
        ("Checkout.latency.p50", "Checkout.latency.p50"),
        ("throughput", "latency.p99"),
        ("max", "latency.p99"),
    ],
)
def test_the_objective_chooses_the_latency(objective: str, latency: str) -> None:
    """One that is no latency leaves the usual one."""
    assert names(objective, {**WHOLE, latency: 0.02})[1] == latency


def test_the_highest_rate_takes_the_place_of_throughput_where_it_was_searched_for() -> None:
    """`sweep --objective max` finds one at each point."""
    assert names("max", {**WHOLE, "max_rate": 5000.0})[0] == "max_rate"


def test_losses_are_logarithms_in_steps_of_one_percent() -> None:
    """More throughput is less loss; what differs by less than half a percent is the same."""
    wanted = goals("latency.p99", [record(WHOLE)])[:2]
    assert losses(wanted, {"throughput": math.e, "latency.p99": 1 / math.e}) == (-1.0, -1.0)
    assert losses(wanted, {"throughput": math.e * 1.001, "latency.p99": 1 / math.e}) == (-1.0, -1.0)
    assert losses(wanted, {"throughput": 0.0, "latency.p99": 1.0}) > (0.0, 0.0)  # type: ignore[operator]
    assert losses(wanted, {"throughput": 1.0, "latency.p99": None}) is None


def test_bytes_on_the_wire_a_message() -> None:
    """1 MB/s of values, halved by compression, in 1,000 messages a second."""
    assert wire(WHOLE) == 500.0
    assert wire({**WHOLE, "compression.ratio": None}) is None


@pytest.mark.parametrize(
    ("one", "other", "beats"),
    [((1, 1), (2, 2), True), ((1, 2), (1, 3), True), ((1, 3), (2, 2), False), ((1, 1), (1, 1), False)],
)
def test_dominance(one: tuple[float, ...], other: tuple[float, ...], beats: bool) -> None:
    """No worse in any, better in some."""
    assert dominates(one, other) is beats


def test_repeats_are_averaged_goal_by_goal() -> None:
    """The mean of each."""
    assert mean([(1.0, 10.0), (3.0, 20.0)]) == (2.0, 15.0)
