"""Mappings that remember the line of each key, and their scalars by dotted path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadkit.sizing.check.model import Value


class Mapped(dict[str, Any]):
    """A mapping with the line of each of its keys (`lines`) and its own (`line`)."""

    lines: dict[str, int]
    line: int


def flat(value: Any, path: str = "", line: int = 1) -> Iterator[tuple[str, Value]]:
    """Yield each scalar in a document by its dotted path, with its line."""
    if isinstance(value, Mapped):
        for name, inner in value.items():
            yield from flat(inner, f"{path}.{name}" if path else name, value.lines[name])
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from flat(inner, f"{path}[{at}]", line)
    else:
        yield path, Value(plain(value), line)


def plain(value: Any) -> str:
    """Return a scalar as settings are written: `true`, `5`, `text`; nothing as nothing."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def part(document: Any, name: str) -> Mapped:
    """Return a mapping within a mapping; an empty one where there is none."""
    found = document.get(name) if isinstance(document, Mapping) else None
    if isinstance(found, Mapped):
        return found
    empty = Mapped()
    empty.lines, empty.line = {}, getattr(document, "line", 0)
    return empty
