"""What vendors and software limit, from the dated data files of this folder; each row has its source.

Every file names its platform and unit of sale; a `[[row]]` has `shape` (`*`: all), `source`, `verified_on`,
`confidence` and the limits it states. Where two rows state one limit of one shape, the lower is used and the others
stay visible as its conflicts. Values are numbers, or text with a unit that `units` reads.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from loadkit.errors import UsageError, nearest
from loadkit.sizing.facts import Platform
from loadkit.sizing.requirements import Override
from loadkit.units import parse_byte_rate, parse_duration, parse_size

PLAIN = frozenset(
    "cores replicas replicas_per_core partitions compacted_partitions partitions_per_topic connections requests "
    "messages groups min_count max_count max_cpu".split()
)
"""Limits that are plain numbers."""
RATES = frozenset(
    "ingress ingress_steady egress egress_steady disk_write partition_in partition_out ingress_per_core".split()
)
SIZES = frozenset("storage memory max_message memory_per_replica memory_per_core".split())
TIMES = frozenset({"retention"})
RESOURCES = PLAIN | RATES | SIZES | TIMES
HEAD = ("shape", "source", "verified_on", "confidence", "note")


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one shape, in bytes, bytes/s, seconds or a plain number."""

    shape: str
    resource: str
    value: float
    source: str
    verified_on: date | None
    confidence: str
    """high, medium or low; "stated" for the planner's own."""
    note: str = ""
    conflicts: tuple[Limit, ...] = ()
    """What other sources say of the same; each is higher."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is known of a platform."""

    platform: Platform
    unit: str
    rows: tuple[Limit, ...]
    """Every statement of the file, conflicts beside each other."""

    @property
    def shapes(self) -> tuple[str, ...]:
        """The shapes that the vendor sells."""
        return tuple(dict.fromkeys(row.shape for row in self.rows if row.shape != "*"))

    def of(self, shape: str, overrides: Sequence[Override] = ()) -> dict[str, Limit]:
        """Return the limits of a shape by resource: the lowest of what is stated, or the planner's own."""
        found: dict[str, list[Limit]] = {}
        for row in self.rows:
            if row.shape in (shape, "*"):
                found.setdefault(row.resource, []).append(row)
        chosen = {resource: _lowest(rows) for resource, rows in found.items()}
        return chosen | {one.resource: one for one in map(_stated, overrides) if one.shape in (shape, "*")}


def _lowest(rows: Sequence[Limit]) -> Limit:
    """Return the row with the lowest value, or the highest of a minimum, with those that differ as conflicts."""
    highest = rows[0].resource.startswith("min_")
    first, *rest = sorted(rows, key=lambda row: -row.value if highest else row.value)
    differ = tuple(row for row in rest if row.value != first.value)
    return Limit(first.shape, first.resource, first.value, first.source, first.verified_on, first.confidence,
                 first.note, differ)  # fmt: skip


@cache
def sheet(platform: Platform) -> Sheet:
    """Return what is known of a platform."""
    name = platform.replace("-", "_") + ".toml"
    data = tomllib.loads(resources.files("loadkit.sizing.limits").joinpath(name).read_text(encoding="utf-8"))
    return Sheet(data["platform"], data["unit"], tuple(_rows(data["row"])))


def _rows(rows: Sequence[Mapping[str, Any]]) -> Iterator[Limit]:
    for row in rows:
        for resource, value in row.items():
            if resource not in HEAD:
                yield Limit(row["shape"], resource, read(resource, value), row["source"], row["verified_on"],
                            row["confidence"], row.get("note", ""))  # fmt: skip


def _stated(one: Override) -> Limit:
    return Limit(plain_name(one.shape), one.resource, read(one.resource, one.value), one.source, None, "stated")


def read(resource: str, value: float | str) -> float:
    """Return a limit in the unit that we count in; UsageError for an unknown resource or unit."""
    if resource not in RESOURCES:
        known = ", ".join(sorted(RESOURCES))
        raise UsageError(f"limits: no resource {resource!r}{nearest(resource, RESOURCES)}; known ones are {known}")
    kinds = ((RATES, parse_byte_rate), (SIZES, parse_size), (TIMES, parse_duration))
    try:
        for names, parse in kinds:
            if resource in names:
                return float(parse(value))
        return float(value)
    except ValueError as error:
        raise UsageError(f"limits: {resource}: {error}") from None


def plain_name(shape: str) -> str:
    """Return a shape's name without the vendor's prefix: `kafka.m7g.large` is `m7g.large`."""
    return shape.removeprefix("kafka.").removeprefix("express.")
