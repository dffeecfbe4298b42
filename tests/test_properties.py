"""Client properties: one spelling, checked values, and nothing librdkafka would take silently and not mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.errors import ScenarioError, UsageError
from loadkit.targets import properties
from loadkit.targets.java_names import HINTS, OWNED, TRANSLATED
from loadkit.targets.properties import KNOWN, Layer, Role, cautions, effective, normalise

WHERE = "Checkout.config"


def refusal(config: Mapping[str, Any], role: Role | None = "producer") -> str:
    """Return what `normalise` says against a config."""
    with pytest.raises(UsageError) as caught:
        normalise(config, WHERE, role)
    assert str(caught.value).startswith(WHERE)
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"metadata.broker.list": "a:1, b"}, {"bootstrap.servers": "a:1,b:9092"}),
        ({"bootstrap.servers": ["a:1", "[::1]:2"]}, {"bootstrap.servers": "a:1,[::1]:2"}),
        ({"queue.buffering.max.ms": 0.5}, {"linger.ms": "0.5"}),
        ({"linger.ms": "5ms"}, {"linger.ms": "5"}),
        ({"linger.ms": 5.0}, {"linger.ms": "5"}),
        ({"request.required.acks": -1}, {"acks": "all"}),
        ({"acks": "ALL"}, {"acks": "all"}),
        ({"acks": 0}, {"acks": "0"}),
        ({"compression.codec": "LZ4"}, {"compression.type": "lz4"}),
        ({"max.in.flight": 3}, {"max.in.flight.requests.per.connection": "3"}),
        ({"message.send.max.retries": 7}, {"retries": "7"}),
        ({"message.timeout.ms": "2m"}, {"delivery.timeout.ms": "120000"}),
        ({"sasl.mechanisms": "plain"}, {"sasl.mechanism": "PLAIN"}),
        ({"batch.size": "64KiB"}, {"batch.size": "65536"}),
        ({"enable.idempotence": True}, {"enable.idempotence": "true"}),
        ({"enable.idempotence": "False"}, {"enable.idempotence": "false"}),
        ({"buffer.memory": 33554432}, {"queue.buffering.max.kbytes": "32768"}),
        ({"max.request.size": "2MiB"}, {"message.max.bytes": "2097152"}),
        ({"send.buffer.bytes": -1}, {"socket.send.buffer.bytes": "0"}),
        ({"debug": "broker, msg"}, {"debug": "broker,msg"}),
        ({"security.protocol": "SASL_SSL"}, {"security.protocol": "sasl_ssl"}),
        ({"ssl.endpoint.identification.algorithm": ""}, {"ssl.endpoint.identification.algorithm": "none"}),
        ({"sasl.username": "${USER_NAME}"}, {"sasl.username": "${USER_NAME}"}),
    ],
)  # fmt: skip
def test_one_spelling_and_librdkafkas_text(config: dict[str, Any], expected: dict[str, str]) -> None:
    """Aliases and Java's names fold to one name, values become the text librdkafka means."""
    assert normalise(config, WHERE, "producer") == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"fetch.message.max.bytes": "1MiB"}, {"max.partition.fetch.bytes": "1048576"}),
        ({"fetch.max.wait.ms": 100}, {"fetch.wait.max.ms": "100"}),
        ({"auto.offset.reset": "none"}, {"auto.offset.reset": "error"}),
        ({"auto.offset.reset": "smallest"}, {"auto.offset.reset": "earliest"}),
        (
            {"partition.assignment.strategy": "org.apache.kafka.clients.consumer.RangeAssignor,roundrobin"},
            {"partition.assignment.strategy": "range,roundrobin"},
        ),
    ],
)
def test_consumer_spellings(config: dict[str, Any], expected: dict[str, str]) -> None:
    """The same for consumers."""
    assert normalise(config, WHERE, "consumer") == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [("linger.ms", "queue.buffering.max.ms"), ("acks", "request.required.acks"),
     ("retries", "message.send.max.retries"),
     ("bootstrap.servers", "metadata.broker.list"), ("compression.type", "compression.codec"),
     ("buffer.memory", "queue.buffering.max.kbytes"), ("delivery.timeout.ms", "message.timeout.ms")],
)  # fmt: skip
def test_two_spellings_of_one_property_are_refused_by_both_names(one: str, other: str) -> None:
    """librdkafka would take the last without a word."""
    value = {"bootstrap.servers": "a:1", "compression.type": "lz4", "acks": 1}.get(one, 1024)
    text = refusal({one: value, other: value})
    assert one in text
    assert other in text
    assert "same property" in text


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ({"lingr.ms": 5}, "did you mean 'linger.ms'"),
        ({"linger.ms": "fast"}, "linger.ms = 'fast'"),
        ({"linger.ms": -1}, "between 0 and 900000"),
        ({"linger.ms": True}, "must be a number"),
        ({"batch.size": 1.5}, "whole number"),
        ({"batch.size": "5ms"}, "unit of size"),
        ({"batch.num.messages": "10k"}, "must be a number"),
        ({"acks": 2}, "'all', 1 or 0"),
        ({"acks": True}, "'all', 1 or 0"),
        ({"enable.idempotence": 1}, "true or false"),
        ({"compression.type": "lz5"}, "did you mean 'lz4'"),
        ({"partitioner": "murmur"}, "murmur2"),
        ({"client.id": ""}, "is empty"),
        ({"client.id": None}, "must be text"),
        ({"bootstrap.servers": "a:99999"}, "'a:99999' is not host:port"),
        ({"bootstrap.servers": "a b"}, "'a b' is not host:port"),
        ({"linger.ms": float("nan")}, "finite"),
        ({"fetch.min.bytes": 1}, "is a consumer's property, and this is the config of a producer"),
        ({"dr_cb": 1}, "takes a function"),
        ({"group.id": "team"}, "loadkit's to set"),
        ({"transactional.id": "team"}, "loadkit's to set"),
        ({"key.serializer": "x"}, "sends and reads bytes"),
        ({"ssl.truststore.location": "x.jks"}, "ssl.ca.location"),
        ({"sasl.jaas.config": "password=hunter22"}, "sasl.username"),
        ({"max.block.ms": 1}, "unsent"),
        ({"partitioner.class": "x"}, "murmur2_random"),
    ],
)
def test_what_cannot_be_meant_is_refused(config: dict[str, Any], part: str) -> None:
    """Each refusal names the place, the property and the way out."""
    text = refusal(config)
    assert part in text
    assert next(iter(config)) in text
    assert "hunter22" not in text


@pytest.mark.parametrize("name", ["acks", "linger.ms", "batch.size", "enable.idempotence", "buffer.memory"])
@pytest.mark.parametrize("role", ["consumer", "share", "admin"])
def test_a_producers_property_is_refused_elsewhere(name: str, role: Role) -> None:
    """librdkafka prints a warning and ignores it; the way out is in the message."""
    assert "[producer]" in refusal({name: 1}, role)


def test_javas_request_timeout_is_pointed_at_the_nearest_for_consumers() -> None:
    """In librdkafka request.timeout.ms is the producer's alone."""
    assert "socket.timeout.ms" in refusal({"request.timeout.ms": 1000}, "consumer")


def test_max_poll_records_belongs_to_share_consumers_alone() -> None:
    """A consumer would ignore it."""
    assert "poll_size" in refusal({"max.poll.records": 10}, "consumer")
    assert normalise({"max.poll.records": 10}, WHERE, "share") == {"max.poll.records": "10"}
    assert "share consumers do not have" in refusal({"isolation.level": "read_committed"}, "share")


def test_the_error_class_is_the_callers() -> None:
    """A scenario's mistake is a ScenarioError."""
    with pytest.raises(ScenarioError):
        normalise({"x": 1}, WHERE, "producer", ScenarioError)


def test_later_layers_win_and_a_general_one_gives_each_role_what_it_has() -> None:
    """[client] may hold a producer's property; a consumer passes over it."""
    client = Layer("t: [client]", {"linger.ms": 1, "buffer.memory": 2048, "fetch.min.bytes": 9}, shared=True)
    producer = effective("producer", [client, Layer(WHERE, {"queue.buffering.max.ms": 7})])
    assert (producer["linger.ms"], producer["queue.buffering.max.kbytes"]) == ("7", "2")
    consumer = effective("consumer", [client])
    assert consumer["fetch.min.bytes"] == "9"
    assert "linger.ms" not in consumer
    with pytest.raises(UsageError, match=r"\[client\]: unknown property 'lingr.ms'"):
        effective("consumer", [Layer("t: [client]", {"lingr.ms": 1}, shared=True)])


def test_the_defaults_are_safe_and_written_out() -> None:
    """acks=all, idempotence and Java's partitioner stand in the config, not in a library's head."""
    config = effective("producer", [])
    assert (config["acks"], config["enable.idempotence"], config["partitioner"]) == ("all", "true", "murmur2_random")
    assert cautions(config) == []


@pytest.mark.parametrize(("name", "value"), [("acks", 1), ("acks", 0), ("max.in.flight", 6), ("retries", 0)])
def test_idempotence_by_default_gives_way_and_says_so(name: str, value: int) -> None:
    """A sweep over acks works; the unsafe point is labelled. Written out, the contradiction is refused."""
    config = effective("producer", [Layer(WHERE, {name: value})])
    assert config["enable.idempotence"] == "false"
    assert "never recommended" in cautions(config)[0]
    with pytest.raises(UsageError, match=r"cannot work with enable.idempotence = true"):
        effective("producer", [Layer(WHERE, {name: value, "enable.idempotence": True})])


@pytest.mark.parametrize(
    ("delivery", "linger", "answer", "fits"),
    [(35000, 5000, 30000, True), (34999, 5000, 30000, False), (0, 5000, 30000, True),
     (20000, None, None, False), (20000, None, 10000, True)],
)  # fmt: skip
def test_a_delivery_timeout_has_room_for_lingering_and_one_request(
    delivery: int, linger: int | None, answer: int | None, fits: bool
) -> None:
    """delivery.timeout.ms >= linger.ms + request.timeout.ms, as Java's producer demands; 0 is no limit."""
    names = {"delivery.timeout.ms": delivery, "linger.ms": linger, "request.timeout.ms": answer}
    layer = Layer(WHERE, {name: value for name, value in names.items() if value is not None})
    if fits:
        assert effective("producer", [layer])["delivery.timeout.ms"] == str(delivery)
    else:
        with pytest.raises(UsageError, match=r"delivery.timeout.ms = .* is less than linger.ms \+ request.timeout.ms"):
            effective("producer", [layer])


def test_the_new_group_protocol_leaves_classic_settings_to_the_broker() -> None:
    """librdkafka refuses them together; the default goes, a written one is named."""
    config = effective("consumer", [Layer(WHERE, {"group.protocol": "consumer"})])
    assert "partition.assignment.strategy" not in config
    with pytest.raises(UsageError, match=r"session.timeout.ms cannot work with group.protocol = consumer"):
        effective("consumer", [Layer(WHERE, {"group.protocol": "consumer", "session.timeout.ms": 6000})])


def test_a_heartbeat_slower_than_the_session_is_refused() -> None:
    """librdkafka takes it and the member falls out of its group for ever."""
    with pytest.raises(UsageError, match=r"heartbeat"):
        effective("consumer", [Layer(WHERE, {"session.timeout.ms": 6000, "heartbeat.interval.ms": 6000})])


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ({"sasl.username": "me"}, "sasl.username is ignored with security.protocol = plaintext: set SASL_SSL"),
        ({"ssl.ca.location": "ca.pem"}, "set SSL"),
        ({"security.protocol": "SASL_PLAINTEXT", "ssl.ca.location": "ca.pem"}, "set SASL_SSL"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "me"}, "needs sasl.password"),
        (
            {"security.protocol": "SASL_SSL", "sasl.username": "me", "sasl.password": "${P}"},
            "sasl.mechanism is missing",
        ),
    ],
)
def test_security_settings_that_would_be_ignored_are_refused(config: dict[str, Any], part: str) -> None:
    """librdkafka would connect in the clear without a word."""
    with pytest.raises(UsageError) as caught:
        effective("admin", [Layer("t: [client]", config, shared=True)])
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("config", "size", "part"),
    [
        ({"batch.size": 4_000_000}, 100, "raise batch.num.messages to 40000"),
        ({"batch.size": 2_000_000}, 1000, "message.max.bytes=1000000 ends batches"),
        ({"batch.size": 65_536}, 100, ""),
        ({"batch.size": 65_536, "batch.num.messages": 100}, 100, "at 10000 bytes, before batch.size=65536"),
    ],
)
def test_batches_cut_short_are_told(config: dict[str, Any], size: int, part: str) -> None:
    """10,000 messages of 100 B are 1 MB, whatever batch.size says."""
    text = " ".join(cautions(effective("producer", [Layer(WHERE, config)]), size))
    assert part in text if part else text == ""


def test_the_table_is_what_the_installed_librdkafka_prints() -> None:
    """After an update of confluent-kafka, `python -m tests.librdkafka_table` writes the file anew."""
    librdkafka_table = pytest.importorskip("librdkafka_table")
    try:
        printed = librdkafka_table.document()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    stored = json.loads(resources.files("loadkit.targets").joinpath("librdkafka_properties.json").read_text("utf-8"))
    fresh = json.loads(printed)
    if fresh["librdkafka"] != stored["librdkafka"]:
        pytest.skip(f"librdkafka {fresh['librdkafka']} is installed, the table is of {stored['librdkafka']}")
    assert stored == fresh


def test_every_translation_leads_to_a_known_property_and_every_hint_to_an_unknown_one() -> None:
    """Else a translation would be refused, and a hint would hide a property that works."""
    assert {target for target, _ in TRANSLATED.values()} <= KNOWN.keys()
    assert not set(TRANSLATED) & KNOWN.keys()
    assert not set(HINTS) & KNOWN.keys()
    assert set(OWNED) <= KNOWN.keys()


@given(st.sampled_from(sorted(KNOWN)))
def test_the_canonical_name_is_a_fixed_point_and_keeps_the_role(name: str) -> None:
    """Folding twice changes nothing, and never moves a property to another client."""
    final = properties.canonical(name)
    assert properties.canonical(final) == final
    assert KNOWN[final]["role"] == KNOWN[name]["role"]


@given(
    st.sampled_from(
        sorted(n for n, f in KNOWN.items() if f["type"] == "int" and n not in ("acks", "request.required.acks"))
    ),
    st.data(),
)
def test_a_number_passes_exactly_when_it_lies_in_the_range(name: str, data: st.DataObject) -> None:
    """The bounds are librdkafka's own, and inclusive."""
    low, high = KNOWN[name]["min"], KNOWN[name]["max"]
    number = data.draw(st.one_of(st.integers(low, high), st.sampled_from([low, high, low - 1, high + 1])))
    if low <= number <= high:
        assert list(normalise({name: number}, WHERE, None).values()) == [str(number)]
    else:
        assert "must lie between" in refusal({name: number}, None)
