"""What a platform fixes, forbids or leaves out, read from the dated table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from loadkit.sizing.settings.tables import platforms

Part = Literal["topic", "broker", "client"]


def without(platform: str, dialect: str) -> str:
    """Return why a dialect makes no sense on a platform; an empty string where it does."""
    return str(platforms()[platform].get("without", {}).get(dialect, ""))


def omitted(platform: str, part: Part, name: str) -> str:
    """Return why a key may not be set on a platform; an empty string where it may."""
    rules = platforms()[platform]
    if part == "client":
        return str(rules.get("omit", {}).get(name, "")) if name == "compression.type" else ""
    if name in rules.get("omit", {}):
        return str(rules["omit"][name])
    allowed = rules.get(f"{part}_keys")
    return "" if allowed is None or name in allowed else str(rules[f"{part}_why"])


def fixed(platform: str) -> Mapping[str, str]:
    """Return the topic properties that a platform sets itself, with their values."""
    return platforms()[platform].get("topic_fixed", {})  # type: ignore[no-any-return]


def copies(platform: str) -> tuple[int | None, int | None]:
    """Return the replication factor and min.insync.replicas that a platform fixes; None where they are yours."""
    rules = platforms()[platform]
    return rules.get("copies"), rules.get("in_sync")


def rack(platform: str) -> str:
    """Return why broker.rack is not yours to set; an empty string where it is."""
    return str(platforms()[platform].get("rack", ""))


def extra_topic(platform: str) -> list[tuple[str, str, str]]:
    """Return name, value and reason of topic properties that only this platform has."""
    extra: Mapping[str, Any] = platforms()[platform].get("extra_topic", {})
    return [(name, value, why) for name, (value, why) in extra.items()]


def extra_topic_names() -> set[str]:
    """Return the topic properties that some platform alone has."""
    return {name for rules in platforms().values() for name in rules.get("extra_topic", {})}


def source(platform: str) -> str:
    """Return where the platform's rules come from, with their date."""
    rules = platforms()[platform]
    return f"{rules['source']}, read on {rules['verified_on']}, confidence {rules['confidence']}"
