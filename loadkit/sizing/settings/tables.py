"""The data files beside the code: what both clients, topics and brokers know, and what platforms fix."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

Kind = Literal["producer", "consumer", "topic", "broker"]


@cache
def java() -> Mapping[str, Any]:
    """Return name to type, default and range by kind, as printed by Kafka's jars, and their version as `kafka`."""
    return json.loads(_text("sizing", "data", "java_properties.json"))  # type: ignore[no-any-return]


@cache
def librdkafka() -> Mapping[str, Any]:
    """Return `properties` (name to role, type, min, max, values, default, alias) and the version as `librdkafka`."""
    return json.loads(_text("targets", "librdkafka_properties.json"))  # type: ignore[no-any-return]


@cache
def translations() -> Mapping[str, Any]:
    """Return the rows of `translations.toml`."""
    return tomllib.loads(_text("sizing", "data", "translations.toml"))


@cache
def platforms() -> Mapping[str, Any]:
    """Return the platforms of `platforms.toml` by name."""
    return tomllib.loads(_text("sizing", "data", "platforms.toml"))


def _text(*parts: str) -> str:
    """Return a file's text; the folder of another package is only read, never imported."""
    return resources.files("loadkit").joinpath(*parts).read_text("utf-8")
