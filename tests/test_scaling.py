"""A scenario at another total rate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit import shapes
from loadkit.errors import ScenarioError
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Scenario, Topic
from loadkit.sweep.scaling import at_rate, total_rate

TOPIC = Topic("orders")
SHAPES = [
    shapes.constant(), shapes.ramp(0.1, "500/s", "10s"), shapes.steps([1.0, "2k/s", 0.5], "3s"), shapes.spike("9k/s"),
    shapes.spike(4.0), shapes.sine(0.3, "20s"), shapes.points([(0, 1.0), ("5s", "1.5k/s")]),
]  # fmt: skip


def scenario(*workloads: ProducerWorkload) -> Scenario:
    """Return a scenario of some producers and a consumer."""
    return Scenario(name="s", producers=workloads, consumers=(ConsumerWorkload(name="Billing", topic=TOPIC),))


def producer(name: str, rate: float, shape: shapes.Shape | None = None) -> ProducerWorkload:
    """Return one producing class."""
    return ProducerWorkload(name=name, topic=TOPIC, rate=rate, shape=shape or shapes.constant())


@given(total=st.floats(0.01, 1e7), rates=st.lists(st.floats(0.1, 1e6), min_size=1, max_size=4))
def test_classes_keep_their_shares(total: float, rates: list[float]) -> None:
    """All classes are scaled by one factor, so that together they make the total."""
    before = scenario(*(producer(f"P{i}", rate) for i, rate in enumerate(rates)))
    after = at_rate(before, total)

    assert total_rate(after) == pytest.approx(total)
    for old, new in zip(before.producers, after.producers, strict=True):
        assert new.rate / total == pytest.approx(old.rate / sum(rates))
    assert after.consumers == before.consumers


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind)
def test_every_knot_of_every_shape_is_scaled(shape: shapes.Shape) -> None:
    """Levels that are multiples follow the rate, and those that are rates of their own are scaled like it."""
    before = scenario(producer("P", 1000.0, shape))
    after = at_rate(before, 250.0).producers[0]

    old, new = shape.knots(1000.0), after.shape.knots(after.rate)
    assert [time for time, _ in new] == [time for time, _ in old]
    assert [rate for _, rate in new] == pytest.approx([rate / 4 for _, rate in old])
    assert type(after.shape).model_validate(after.shape.model_dump()) == after.shape


def test_a_class_that_never_offers_its_rate_counts_with_its_highest_level() -> None:
    """The rate of a class whose shape is made of rates is a default that nobody set."""
    steps = producer("P", 100.0, shapes.steps(["2k/s", "8k/s"]))

    assert total_rate(scenario(steps, producer("Q", 500.0))) == 8500.0
    assert at_rate(scenario(steps), 4000.0).producers[0].shape.knots(1.0)[-1][1] == 4000.0


def test_without_a_rate_there_is_nothing_to_scale() -> None:
    """A scenario that only consumes has no rate."""
    with pytest.raises(ScenarioError, match="no class of it produces"):
        at_rate(scenario(), 100.0)
