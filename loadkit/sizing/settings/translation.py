"""Java's settings in librdkafka's words and back, by the dated table `translations.toml` and what librdkafka prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from loadkit.sizing.settings.tables import java, librdkafka, translations

Role = Literal["producer", "consumer"]

_ASSIGNORS = {
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor": "cooperative-sticky",
    "org.apache.kafka.clients.consumer.RangeAssignor": "range",
    "org.apache.kafka.clients.consumer.RoundRobinAssignor": "roundrobin",
}
_RESETS = {"none": "error"}
_WORDS = {"smallest": "earliest", "beginning": "earliest", "largest": "latest", "end": "latest", "error": "none"}
_LETTER = {"producer": "P", "consumer": "C"}


@dataclass(frozen=True, slots=True)
class Translated:
    """A setting in librdkafka's words; `name` None: it has no equivalent, and `note` says what to do instead."""

    name: str | None
    value: str
    note: str


def to_librdkafka(role: Role, name: str, value: str) -> Translated:
    """Return a Java setting as librdkafka has it."""
    row = _rows().get((role, name))
    if row is not None:
        target = row.get("librdkafka")
        return Translated(target, _forth(name, value), row.get("note", ""))
    facts = librdkafka()["properties"].get(name)
    if facts is None or facts["role"] not in ("*", _LETTER[role]) or facts.get("share"):
        return Translated(None, value, "librdkafka has no such setting")
    return Translated(name, _forth(name, value), "")


def to_java(role: Role, name: str, value: str) -> tuple[str, str]:
    """Return a librdkafka setting in Java's words; what only librdkafka has keeps its name."""
    plain = canonical(name)
    target = _back().get((role, plain), plain)
    if target == "buffer.memory" and value.isdigit():
        return target, str(int(value) * 1024)
    if target == "acks":
        return target, {"-1": "all"}.get(value, value)
    if target == "auto.offset.reset":
        return target, _WORDS.get(value, value)
    if target == "partition.assignment.strategy":
        classes = {short: long for long, short in _ASSIGNORS.items()}
        return target, ",".join(classes.get(word.strip(), word.strip()) for word in value.split(","))
    return target, value


def canonical(name: str) -> str:
    """Return the spelling of a librdkafka name that the table uses, of two that mean the same."""
    alias = str(librdkafka()["properties"].get(name, {}).get("alias", name))
    return _spellings().get(alias, alias)


def only_librdkafka(role: Role) -> list[tuple[str, str, str]]:
    """Return name, value and reason of what librdkafka needs said and Java does not."""
    return [(row["name"], row["value"], row["why"]) for row in translations()["librdkafka_only"] if row["role"] == role]


def default(client: Literal["java", "librdkafka"], role: Role, name: str) -> str:
    """Return a client's default of a setting, named and valued as in Java; empty where it has none."""
    if client == "java":
        return str(java()[role].get(name, {}).get("default", ""))
    target = to_librdkafka(role, name, "").name
    facts: Mapping[str, Any] = librdkafka()["properties"].get(target or name, {})
    return to_java(role, target or name, str(facts.get("default", "")))[1]


def _forth(name: str, value: str) -> str:
    if name == "buffer.memory" and value.isdigit():
        return str(max(1, math.ceil(int(value) / 1024)))
    if name in ("send.buffer.bytes", "receive.buffer.bytes"):
        return {"-1": "0"}.get(value, value)
    if name == "auto.offset.reset":
        return _RESETS.get(value, value)
    if name == "partition.assignment.strategy":
        return ",".join(_ASSIGNORS.get(word.strip(), word.strip()) for word in value.split(","))
    return value


@cache
def _rows() -> Mapping[tuple[str, str], Mapping[str, Any]]:
    return {(row["role"], row["java"]): row for row in translations()["setting"]}


@cache
def _back() -> Mapping[tuple[str, str], str]:
    """Return role and librdkafka's name to Java's; of several (compression levels) none."""
    found: dict[tuple[str, str], str] = {}
    for (role, name), row in _rows().items():
        key = (role, row.get("librdkafka", ""))
        found[key] = key[1] if key in found else name
    found.pop(("producer", ""), None)
    found.pop(("consumer", ""), None)
    return found


@cache
def _spellings() -> Mapping[str, str]:
    """Return the target of each alias to the spelling that the table uses: `message.timeout.ms` to Java's name."""
    properties = librdkafka()["properties"]
    ours = {row.get("librdkafka") for row in translations()["setting"]}
    found = {facts["alias"]: name for name, facts in properties.items() if "alias" in facts and name in ours}
    return {**found, "auto.commit.enable": "enable.auto.commit"}
