"""The table from Java's settings to librdkafka's: its defaults are those that both print, and it works both ways."""

from __future__ import annotations

import pytest

from loadkit.sizing.settings.tables import java, librdkafka, platforms, translations
from loadkit.sizing.settings.translation import default, only_librdkafka, to_java, to_librdkafka

ROWS = translations()["setting"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['role']}-{row['java']}")
def test_defaults_are_those_that_the_clients_print(row: dict[str, str]) -> None:
    """A row that has aged is named; what has no equivalent says what to do instead."""
    assert row["java_default"] == java()[row["role"]][row["java"]].get("default", "")
    if "librdkafka" in row:
        facts = librdkafka()["properties"][row["librdkafka"]]
        assert row["librdkafka_default"] == facts.get("default", "")
        assert facts["role"] in ("*", row["role"][0].upper())
    else:
        assert row["note"]


def test_the_tables_say_when_and_from_where() -> None:
    """Dated and sourced; the versions are those of the tables they were read from."""
    table = translations()
    assert (table["java"], table["librdkafka"]) == (java()["kafka"], librdkafka()["librdkafka"])
    assert table["verified_on"]
    assert table["sources"]
    for rules in platforms().values():
        assert rules["source"].startswith("https://")
        assert rules["verified_on"]
        assert rules["confidence"] in ("high", "medium", "low")


def test_values_go_there_and_back() -> None:
    """Names, units and words of the other client."""
    there = [
        ("producer", "buffer.memory", "33554432", "queue.buffering.max.kbytes", "32768"),
        ("producer", "max.request.size", "1000", "message.max.bytes", "1000"),
        ("producer", "acks", "all", "acks", "all"),
        ("consumer", "auto.offset.reset", "none", "auto.offset.reset", "error"),
        ("consumer", "fetch.max.wait.ms", "5", "fetch.wait.max.ms", "5"),
        ("consumer", "partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
         "partition.assignment.strategy", "cooperative-sticky"),
    ]  # fmt: skip
    for role, name, value, other, text in there:
        found = to_librdkafka(role, name, value)  # type: ignore[arg-type]
        assert (found.name, found.value) == (other, text)
        assert to_java(role, other, text) == (name, value)  # type: ignore[arg-type]
    assert to_librdkafka("consumer", "max.poll.records", "5").name is None
    assert to_java("producer", "message.timeout.ms", "5") == ("delivery.timeout.ms", "5")
    assert to_java("producer", "acks", "-1") == ("acks", "all")


def test_defaults_in_force_are_in_javas_words() -> None:
    """What a missing line means differs between the clients."""
    assert default("java", "producer", "enable.idempotence") == "true"
    assert default("librdkafka", "producer", "enable.idempotence") == "false"
    assert default("librdkafka", "producer", "acks") == "all"
    assert default("librdkafka", "consumer", "auto.offset.reset") == "latest"
    assert default("java", "consumer", "isolation.level") == "read_uncommitted"
    assert default("librdkafka", "producer", "partitioner") == "consistent_random"


def test_what_only_librdkafka_needs_is_known_to_it() -> None:
    """Names and values that it takes."""
    for role in ("producer", "consumer"):
        for name, _, why in only_librdkafka(role):  # type: ignore[arg-type]
            assert name in librdkafka()["properties"]
            assert why
