"""Values of client properties as librdkafka's text, and the table of what each property takes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from loadkit.errors import nearest
from loadkit.units import parse_duration, parse_size

_TABLE = json.loads(resources.files("loadkit.targets").joinpath("librdkafka_properties.json").read_text("utf-8"))
KNOWN: Mapping[str, Mapping[str, Any]] = _TABLE["properties"]
"""Facts of every librdkafka property: role (P, C or *), type, min, max, values, default, alias, deprecated, share."""
LIBRDKAFKA: str = _TABLE["librdkafka"]
"""The version of librdkafka the table was written from."""

_VALUES = {
    "auto.offset.reset": ["earliest", "latest", "error"],
    "partitioner": ["random", "consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"],
    "partition.assignment.strategy": ["range", "roundrobin", "cooperative-sticky"],
    "sasl.mechanism": ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"],
}
_JAVA_ASSIGNORS = "org.apache.kafka.clients.consumer."
_SYNONYMS = {
    "auto.offset.reset": {
        "none": "error",
        "smallest": "earliest",
        "beginning": "earliest",
        "largest": "latest",
        "end": "latest",
    },
    "partition.assignment.strategy": {
        f"{_JAVA_ASSIGNORS}CooperativeStickyAssignor": "cooperative-sticky",
        f"{_JAVA_ASSIGNORS}RangeAssignor": "range",
        f"{_JAVA_ASSIGNORS}RoundRobinAssignor": "roundrobin",
    },
}
_SIZES = re.compile(r"bytes$|^batch\.size$")


def text(name: str, value: Any) -> str:
    """Return the value as librdkafka reads it; `ValueError` says what would be right."""
    facts = KNOWN[name]
    if isinstance(value, list | tuple):
        value = ",".join(str(item) for item in value)
    if name == "acks":
        return _acks(value)
    if facts["type"] == "bool":
        return _boolean(value)
    if facts["type"] in ("int", "float"):
        return _number(name, facts, value)
    if isinstance(value, bool | Mapping) or value is None:
        raise ValueError("must be text")
    return _listed(name, facts, str(value))


def _acks(value: Any) -> str:
    text = {"-1": "all"}.get(str(value).lower(), str(value).lower())
    if text not in ("all", "0", "1") or isinstance(value, bool):
        raise ValueError("must be 'all', 1 or 0")
    return text


def _boolean(value: Any) -> str:
    text = str(value).lower()
    if text not in ("true", "false") or (isinstance(value, int) and not isinstance(value, bool)):
        raise ValueError("must be true or false")
    return text


def _number(name: str, facts: Mapping[str, Any], value: Any) -> str:
    number = _plain_number(name, value)
    if facts["type"] == "int" and number != int(number):
        raise ValueError("must be a whole number")
    low, high = facts["min"], facts["max"]
    if not low <= number <= high:
        raise ValueError(f"must lie between {low} and {high}")
    return str(int(number)) if number == int(number) else repr(number)


def _plain_number(name: str, value: Any) -> float:
    """Return the number in the property's own unit: `"64KiB"` for bytes, `"5ms"` for milliseconds, or bare."""
    if isinstance(value, bool):
        raise TypeError("must be a number")
    try:
        number = float(value)
    except ValueError:
        number = _with_unit(name, str(value))
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _with_unit(name: str, text: str) -> float:
    if name.endswith(".ms"):
        return round(parse_duration(text) * 1000, 6)
    if _SIZES.search(name):
        return parse_size(text)
    if name.endswith(".kbytes"):
        return math.ceil(parse_size(text) / 1024)
    raise ValueError("must be a number")


def _listed(name: str, facts: Mapping[str, Any], text: str) -> str:
    if name == "ssl.endpoint.identification.algorithm" and not text:
        return "none"
    if not text.strip():
        raise ValueError("is empty: leave it out to keep librdkafka's default")
    if name == "bootstrap.servers":
        return ",".join(f"{host}:{port}" for host, port in servers(text))
    allowed = _VALUES.get(name, facts.get("values"))
    if not allowed:
        return text
    several = facts["type"] == "csv" or name == "partition.assignment.strategy"
    words = [word.strip() for word in text.split(",")] if several else [text.strip()]
    return ",".join(_word(_synonym(name, word), allowed) for word in words)


def _synonym(name: str, word: str) -> str:
    return _SYNONYMS.get(name, {}).get(word, word)


def _word(word: str, allowed: list[str]) -> str:
    for known in allowed:
        if known.lower() == word.lower():
            return known
    raise ValueError(f"must be one of {', '.join(allowed)}{nearest(word, allowed)}")


def servers(text: str) -> list[tuple[str, int]]:
    """Return host and port of each server of `bootstrap.servers`; port 9092 where none is said, as librdkafka has it.

    An IPv6 host stands in brackets and keeps them. Raises `ValueError` for what is not `host[:port]`.
    """
    found = []
    for entry in (part.strip() for part in text.split(",")):
        match = re.fullmatch(r"(?:[a-zA-Z_]+://)?(\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?", entry)
        if not match or not 0 < int(match[2] or 9092) < 65536:
            raise ValueError(f"{entry!r} is not host:port: write it like 'b1:9092,b2:9092'")
        found.append((match[1], int(match[2] or 9092)))
    return found
