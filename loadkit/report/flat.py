"""Nested facts of a result as flat rows of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text(value: Any) -> str:
    """Return a fact as a reader expects it: true, false, "–" for nothing, a list with commas."""
    if value is None or value in ("", [], (), {}):
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value):
        return f"{value:,.0f}"
    if isinstance(value, (list, tuple)):
        return ", ".join(text(item) for item in value)
    return str(value)


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return (dotted name, text) of every leaf of nested mappings, in their order."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        path = f"{prefix}{name}"
        found += flat(value, f"{path}.") if isinstance(value, Mapping) and value else [(path, text(value))]
    return found
