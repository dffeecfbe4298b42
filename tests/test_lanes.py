"""Which lane a class takes, and why."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from loadkit import Topic, clusters, keys, lanes, payloads, stamp
from loadkit.blobs import Blobs
from loadkit.errors import ScenarioError, UsageError
from loadkit.scenario import ConsumerWorkload, ProducerWorkload
from loadkit.targets import librdkafka, sink
from loadkit.targets.kafka import KafkaProducer
from loadkit.targets.lane import Batch

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


@pytest.mark.parametrize(
    ("rate", "users", "config", "milliseconds"),
    [
        ("1M/s", 1, {"batch.size": "65536"}, "1"),
        ("100k/s", 1, {"batch.size": "65536"}, "7"),
        ("100k/s", 2, {"batch.size": "65536"}, None),
        ("1M/s", 1, {}, None),
    ],
)
def test_a_producer_without_keys_leaves_a_partition_when_a_batch_is_full(
    rate: str, users: int, config: dict[str, str], milliseconds: str | None
) -> None:
    """At 100 B; where a batch takes librdkafka's own 10 ms or longer to fill, nothing is set."""
    workload = producer(rate=rate, fixed_count=users, payload=payloads.constant(size="100B"))
    assert clusters.stickiness(workload, config).get(clusters.STICKY) == milliseconds


def test_a_key_chooses_the_partition_alone() -> None:
    """How long to stay with one is of no account."""
    workload = producer(rate="5M/s", key=keys.zipf(100), payload=payloads.constant(size="100B"))
    assert clusters.stickiness(workload, {"batch.size": "65536"}) == {}


def test_a_message_that_was_sent_again_is_confirmed_without_its_place() -> None:
    """A broker that has it already says no more than that, after a request that timed out; the run ended of it."""
    made = KafkaProducer({"bootstrap.servers": "127.0.0.1:1"}, "orders", "binary")
    confirm = made._callback()
    value = stamp.as_bytes(stamp.stamps(1, 1, 0, np.zeros(1, np.int64)))[0].tobytes()
    for offset in (7, None, 9):
        confirm(None, SimpleNamespace(value=lambda: value, partition=lambda: 0, offset=lambda at=offset: at))
    acks = made.take_acks()
    assert acks is not None
    assert acks.offset.tolist() == [7, -1, 9]
    made.close()


def test_a_group_may_join_the_sink_while_it_confirms() -> None:
    """A late consumer connects in another thread, between two groups that are told of a confirmation."""
    topic = sink.SinkTopic(1, delay=0.0)

    class Joined(deque[Any]):
        def append(self, item: Any) -> None:
            topic.groups.setdefault("late", deque())
            super().append(item)

    topic.groups["first"] = Joined()
    made = sink.SinkProducer(topic)
    stamps = stamp.stamps(1, 1, 0, np.zeros(3, np.int64))
    made.send(Batch(Blobs.of([b"value"] * 3), None, stamps), 0, 3)
    made.poll()
    assert made.pending() == 3
