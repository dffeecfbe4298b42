"""Which lane a class takes, and why."""

from __future__ import annotations

from typing import Any

import pytest

from loadkit import Topic, lanes
from loadkit.errors import ScenarioError, UsageError
from loadkit.scenario import ConsumerWorkload, ProducerWorkload
from loadkit.targets import librdkafka

TOPIC = Topic("orders")


def producer(**fields: Any) -> ProducerWorkload:
    return ProducerWorkload(name="Checkout", topic=TOPIC, **fields)


def consumer(**fields: Any) -> ConsumerWorkload:
    return ConsumerWorkload(name="Billing", topic=TOPIC, **fields)


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment asks for no lane."""
    monkeypatch.delenv(lanes.ENVIRONMENT, raising=False)


@pytest.mark.parametrize("workload", [producer(), consumer(), consumer(protocol="consumer"), producer(lane="fast")])
def test_the_fast_lane_is_taken_where_it_can_be(workload: Any) -> None:
    """Plain classes take it without being asked."""
    assert str(lanes.chosen(workload, "binary", {})) == "fast"


@pytest.mark.parametrize(
    ("workload", "form", "config", "why"),
    [
        (producer(), "header", {}, "stamps travel in headers"),
        (producer(headers={"a": "b"}), "json", {}, "no headers"),
        (consumer(protocol="share"), "json", {}, "share groups"),
        (producer(), "json", {"plugin.library.paths": "x.so"}, "plugins"),
    ],
)
def test_what_batches_cannot_carry_takes_the_standard_lane_and_says_why(
    workload: Any, form: str, config: dict[str, str], why: str
) -> None:
    """The reason stands beside the lane; asked for all the same, the fast lane is refused with it."""
    found = lanes.chosen(workload, form, config)
    assert found.name == "standard"
    assert why in str(found)
    with pytest.raises(ScenarioError, match=rf"{workload.name}\.lane: .*{why}"):
        lanes.chosen(workload.model_copy(update={"lane": "fast"}), form, config)


def test_standard_asked_for_needs_no_reason() -> None:
    """A class that names the standard lane gets it."""
    assert str(lanes.chosen(producer(lane="standard"), "json", {})) == "standard"


def test_the_environment_decides_for_classes_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class's own word stands above it; a word that is no lane is refused."""
    monkeypatch.setenv(lanes.ENVIRONMENT, "standard")
    assert lanes.chosen(producer(), "json", {}).name == "standard"
    assert lanes.chosen(producer(lane="fast"), "json", {}).name == "fast"
    monkeypatch.setenv(lanes.ENVIRONMENT, "slow")
    with pytest.raises(UsageError, match="LOADKIT_LANE=slow"):
        lanes.chosen(producer(), "json", {})


def test_doubt_about_the_library_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever makes the library unfit is the reason."""

    def unfit() -> None:
        raise librdkafka.Unavailable("librdkafka 9.9.9 is not a version whose layout is known")

    monkeypatch.setattr(librdkafka, "library", unfit)
    assert "9.9.9" in str(lanes.chosen(producer(), "json", {}))
