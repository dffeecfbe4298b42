"""Declarations: wrong ones are refused by path before any load, and any value can be moved by its dotted path."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit import keys, payloads, shapes
from loadkit.errors import ScenarioError
from loadkit.scenario import (
    ConsumerWorkload,
    Pause,
    ProducerWorkload,
    Scenario,
    Topic,
    Transactions,
    check,
    declare,
    parse_assignment,
    paths,
    with_value,
)

ORDERS = Topic("orders", partitions=12, config={"retention.ms": 3600000})


def producer(**fields: Any) -> ProducerWorkload:
    """Return a declared producing class."""
    return declare(ProducerWorkload, "Checkout", {"name": "Checkout", "topic": ORDERS, **fields})


def consumer(**fields: Any) -> ConsumerWorkload:
    """Return a declared consuming class."""
    return declare(ConsumerWorkload, "Billing", {"name": "Billing", "topic": ORDERS, **fields})


def scenario(*workloads: ProducerWorkload | ConsumerWorkload) -> Scenario:
    """Return a scenario of classes; two by default."""
    found = workloads or (producer(config={"linger.ms": 5}), consumer())
    return Scenario(
        name="orders",
        producers=tuple(w for w in found if isinstance(w, ProducerWorkload)),
        consumers=tuple(w for w in found if isinstance(w, ConsumerWorkload)),
    )


def applies(role: str, name: str) -> bool:
    """Say which bare properties a role takes."""
    return (
        name
        in {
            "producer": ("linger.ms", "client.id", "compression.type"),
            "consumer": ("fetch.min.bytes", "client.id"),
            "topic": ("retention.ms", "compression.type"),
        }[role]
    )


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"rat": 5}, "Checkout.rat: unknown field (did you mean 'rate'?)"),
        ({"rate": "-5/s"}, "Checkout.rate: '-5/s' is not a rate"),
        ({"rate": "20kB"}, "Checkout.rate: '20kB' has an unknown unit 'kB'"),
        ({"arrivals": "random"}, "Checkout.arrivals: Input should be 'even' or 'poisson'"),
        ({"payload": "jsonlike"}, "Checkout.payload: unknown kind 'jsonlike' (did you mean 'json_like'?)"),
        ({"payload": {"kind": "constant", "sise": 5}}, "Checkout.payload: sise: no such field (did you mean 'size'?)"),
        ({"key": "zipf"}, "Checkout.key: n: Field required"),
        ({"transactions": {"mesages": 5}}, "Checkout.transactions.mesages: unknown field (did you mean 'messages'?)"),
        ({"transactions": {"interval": "0s"}}, "Checkout.transactions.interval: Input should be greater than 0"),
        ({"config": {"linger.ms": [5]}}, "Checkout.config.linger.ms: [5] is not a property value"),
        ({"tombstones": 2}, "Checkout.tombstones: Input should be less than or equal to 1"),
        ({"topic": "orders"}, "Checkout.topic: Input should be a valid dictionary or instance of Topic"),
        ({"fixed_count": 0}, "Checkout.fixed_count: Input should be greater than or equal to 1"),
        ({"stamp": "footer"}, "Checkout.stamp: Input should be 'value' or 'header'"),
        ({"rate": float("inf")}, "Checkout.rate: inf is not a rate"),
    ],
)
def test_a_wrong_producer_is_refused_by_its_path(fields: dict[str, Any], says: str) -> None:
    """The message names class and field and, where there is one, the nearest valid name."""
    with pytest.raises(ScenarioError, match=re.escape(says)):
        producer(**fields)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"groupid": "x"}, "Billing.groupid: unknown field (did you mean 'group_id'?)"),
        ({"group_id": "a b"}, "Billing.group_id: String should match pattern"),
        ({"process_time": "5"}, "Billing.process_time: '5' has no unit of time"),
        ({"start": "latest"}, "Billing.start: 'latest' is not a start: write 'now', 'earliest', or a delay"),
        ({"pause": {"at": 5, "length": 0}}, "Billing.pause.length: Input should be greater than 0"),
        ({"pause": {"at": 5, "lenght": 1}}, "Billing.pause.lenght: unknown field (did you mean 'length'?)"),
        ({"protocol": "kip848"}, "Billing.protocol: Input should be 'classic', 'consumer' or 'share'"),
        ({"poll_size": 0}, "Billing.poll_size: Input should be greater than or equal to 1"),
    ],
)
def test_a_wrong_consumer_is_refused_by_its_path(fields: dict[str, Any], says: str) -> None:
    """The same for consuming classes, also inside what they hold."""
    with pytest.raises(ScenarioError, match=re.escape(says)):
        consumer(**fields)


def test_every_wrong_field_is_named_at_once() -> None:
    """Two mistakes are two lines."""
    with pytest.raises(ScenarioError) as caught:
        producer(rat=5, payloat="x")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["Checkout.rat", "Checkout.payloat"]


def test_a_topic_declared_twice_must_be_the_same() -> None:
    """Two classes may name one topic; with different settings nobody knows which to create."""
    same = Topic("orders", partitions=12, config={"retention.ms": "3600000"})
    assert check(scenario(producer(), consumer(topic=same)))
    with pytest.raises(ScenarioError, match=r"Billing.topic: topic 'orders' is declared twice"):
        check(scenario(producer(), consumer(topic=Topic("orders", partitions=6))))


def test_a_scenario_without_a_kafka_user_is_refused() -> None:
    """It says which classes are missing and where to find an example."""
    with pytest.raises(ScenarioError, match="orders: no ProducerUser or ConsumerUser class in it"):
        check(Scenario(name="orders"))


@pytest.mark.parametrize("name", ["", "a b", "x" * 201, "ä"])
def test_a_topic_name_is_one_that_kafka_takes(name: str) -> None:
    """Letters, digits, dots, dashes and underscores; short enough for a prefix and a run id before it."""
    with pytest.raises(ValueError, match="name"):
        Topic(name)


def test_declarations_cannot_be_changed() -> None:
    """A value that several trials share stays what it was."""
    with pytest.raises(ValueError, match="frozen"):
        ORDERS.partitions = 5


@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        ("Checkout.rate", "20k/s", lambda s: s.producers[0].rate == 20_000),
        ("Checkout.payload.size", "2KiB", lambda s: s.producers[0].payload.mean_size() == 2048),
        ("Checkout.payload", "random(size=100)", lambda s: s.producers[0].payload.mean_size() == 100),
        ("Checkout.key", "uniform(5)", lambda s: s.producers[0].key == keys.uniform(5)),
        ("Checkout.shape", "sine", lambda s: s.producers[0].shape == shapes.sine()),
        ("Checkout.config.linger.ms", 0, lambda s: s.producers[0].config == {"linger.ms": "0"}),
        ("Checkout.config.enable.idempotence", True, lambda s: s.producers[0].config["enable.idempotence"] == "true"),
        ("Checkout.headers.trace", "on", lambda s: s.producers[0].headers == {"trace": "on"}),
        ("Checkout.transactions", {"messages": 9}, lambda s: s.producers[0].transactions == Transactions(messages=9)),
        ("Checkout.fixed_count", 8, lambda s: s.producers[0].fixed_count == 8),
        ("Billing.start", "30s", lambda s: s.consumers[0].late_start == 30),
        ("Billing.pause", {"at": "5s", "length": 1}, lambda s: s.consumers[0].pause == Pause(at=5, length=1)),
        ("orders.partitions", 24, lambda s: [w.topic.partitions for w in s.workloads] == [24, 24]),
        ("Checkout.topic.partitions", 24, lambda s: [w.topic.partitions for w in s.workloads] == [24, 24]),
        ("orders.config.retention.ms", 5, lambda s: s.topics["orders"].config == {"retention.ms": "5"}),
        ("linger.ms", 7, lambda s: s.producers[0].config == {"linger.ms": "7"} and s.consumers[0].config == {}),
        ("fetch.min.bytes", 9, lambda s: s.consumers[0].config == {"fetch.min.bytes": "9"} and len(s.producers[0].config) == 1),
        ("client.id", "x", lambda s: all(w.config["client.id"] == "x" for w in s.workloads)),
        ("compression.type", "lz4", lambda s: s.producers[0].config["compression.type"] == "lz4" and "compression.type" not in ORDERS.config),
        ("retention.ms", 99, lambda s: [w.topic.config["retention.ms"] for w in s.workloads] == ["99", "99"]),
        ("seed", 42, lambda s: s.seed == 42),
    ],
)  # fmt: skip
def test_any_value_moves_by_its_path(path: str, value: Any, read: Any) -> None:
    """One path sets one thing, validated as if it had been declared so; what it was before is untouched."""
    before = scenario()
    dumped = before.model_dump_json()
    after = check(with_value(before, path, value, applies))
    assert read(after)
    assert before.model_dump_json() == dumped


def test_topics_with_dots_in_their_names_are_reached() -> None:
    """The longest topic name before a dot is meant: `orders.v1.partitions` is not a field of `orders`."""
    made = scenario(producer(topic=Topic("orders")), consumer(topic=Topic("orders.v1")))
    after = with_value(made, "orders.v1.partitions", 3, applies)
    assert {name: topic.partitions for name, topic in after.topics.items()} == {"orders": 6, "orders.v1": 3}
    assert with_value(made, "orders.partitions", 2, applies).topics["orders"].partitions == 2


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("Checkout.rat", 5, "Checkout.rat: unknown field (did you mean 'rate'?)"),
        ("Chekout.rate", 5, "Chekout.rate: no such class, topic or property (did you mean 'Checkout.rate'?)"),
        ("Checkout.name", "Other", "Checkout.name: unknown field"),
        ("orders.name", "other", "orders.name: unknown field"),
        ("orders.partition", 5, "orders.partition: unknown field (did you mean 'partitions'?)"),
        ("orders.partitions", 0, "orders.partitions: Input should be greater than or equal to 1"),
        ("Checkout.topic.partitons", 5, "Checkout.topic.partitons: unknown field (did you mean 'partitions'?)"),
        ("Checkout.rate", "-1/s", "Checkout.rate: '-1/s' is not a rate"),
        ("Checkout.rate.x", 1, "Checkout.rate.x: rate has no fields of its own; set Checkout.rate as a whole"),
        ("Checkout.payload.sise", 1, "Checkout.payload.sise: unknown field (did you mean 'size'?)"),
        ("Checkout.payload.kind", "random", "Checkout.payload.kind: unknown field"),
        ("Checkout.payload.size", "x", "Checkout.payload.size"),
        (
            "Checkout.transactions.messages",
            5,
            "transactions has no fields of its own; set Checkout.transactions as a whole",
        ),
        ("linger.ms", [1], "[1] is not a property value"),
        ("Checkout", 5, "Checkout: no such class, topic or property"),
        ("seed", "x", "orders.seed: Input should be a valid integer"),
        ("", 5, "no such class, topic or property"),
    ],
)
def test_a_wrong_path_or_value_is_refused_by_name(path: str, value: Any, says: str) -> None:
    """The message names the path and the nearest that exists."""
    with pytest.raises(ScenarioError, match=re.escape(says)):
        with_value(scenario(), path, value, applies)


def test_a_property_that_only_missing_roles_take_is_refused() -> None:
    """`linger.ms` in a scenario without producers would otherwise vary nothing in a sweep."""
    with pytest.raises(ScenarioError, match=re.escape("linger.ms: no workload of this scenario takes it")):
        with_value(scenario(consumer()), "linger.ms", 5, applies)


def test_every_path_that_is_offered_can_be_set_to_what_it_is() -> None:
    """`paths` lists only what `with_value` takes."""
    made = scenario()
    for path in paths(made):
        place: Any = made
        for part in path.split("."):
            named = {**{w.name: w for w in made.workloads}, **made.topics} if place is made else {}
            place = named.get(part) or getattr(place, part)
        assert with_value(made, path, place, applies) == made, path


def full() -> Scenario:
    """Return a scenario that uses every field."""
    return scenario(
        producer(
            rate="2k/s", shape=shapes.spike(5, "10s", "5s"), arrivals="poisson", key=keys.zipf(1000, exponent=1.1),
            payload=payloads.random(size="1KiB", compressibility=0.5), headers={"a": "b"}, tombstones=0.1,
            transactions={"messages": 10, "interval": "50ms", "abort": 0.1}, stamp="header", config={"linger.ms": 5},
        ),
        consumer(group_id="billing", process_time="2ms", pause={"at": "5s", "length": "1s"}, start="20s", protocol="consumer"),
        consumer(name="Audit", start="earliest", commit="poll"),
    )  # fmt: skip


def test_a_scenario_survives_json() -> None:
    """What a result holds of its scenario is the scenario: nested declarations keep all their fields."""
    assert Scenario.model_validate(json.loads(full().model_dump_json())) == full()


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("Checkout.rate=20k/s", "Checkout.rate", "20k/s"), ("linger.ms=5", "linger.ms", 5), ("a=true", "a", True), ("a=True", "a", True),
        ("a=null", "a", None), ("a=[1, 2]", "a", [1, 2]), ("a='5'", "a", "5"), ("a=b=c", "a", "b=c"), ("a=", "a", ""), (" a = 1.5 ", "a", 1.5),
        ("a={'at': 5}", "a", {"at": 5}), ("a=0777", "a", "0777"), ("a={[]: 1}", "a", "{[]: 1}"), ("a=100B", "a", "100B"),
    ],
)  # fmt: skip
def test_assignments_are_read(text: str, path: str, value: Any) -> None:
    """Numbers, truth values and lists are Python's; the rest is text as it stands."""
    assert parse_assignment(text) == (path, value)


@given(st.text())
def test_every_text_with_a_path_and_an_equals_sign_is_an_assignment(text: str) -> None:
    """Whatever stands on a command line, it is read or refused by name."""
    if text.partition("=")[0].strip() and "=" in text:
        assert parse_assignment(text)[0] == text.partition("=")[0].strip()
    else:
        with pytest.raises(ScenarioError, match="write PATH=VALUE"):
            parse_assignment(text)
