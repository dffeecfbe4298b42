"""What the proxy logged: every produce and fetch, when its request had passed and when its response had left."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from trust.proxy.wire import Part


@dataclass(frozen=True, slots=True)
class Passed:
    """One produce or fetch, in nanoseconds of the monotonic clock."""

    kind: str
    """"produce" or "fetch"."""
    request_ns: int
    """When all of the request had been passed on to the broker."""
    response_ns: int
    """When the last byte of the response was handed to the client's connection."""
    returned_ns: int
    """When that call had returned: a client on the same cores may have read the response long before."""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """All that one proxy logged, in the order in which responses left."""

    passed: list[Passed]
    wall_ns: int
    """What the wall clock was ahead of the monotonic one when the proxy began."""
    wall_end_ns: int
    """The same at its end."""
    resets: list[int] = field(default_factory=list)
    """When connections were reset."""

    def of(self, kind: str) -> list[Passed]:
        """Return the produces or fetches."""
        return [one for one in self.passed if one.kind == kind]

    def epoch(self, monotonic_ns: int) -> float:
        """Return an instant in seconds since 1970."""
        return (monotonic_ns + self.wall_ns) / 1e9


def write(path: Path, record: Record) -> None:
    """Write a log: a line of facts, then a line a produce or fetch."""
    facts = {"wall_ns": record.wall_ns, "wall_end_ns": record.wall_end_ns, "resets": record.resets}
    path.write_text("\n".join([json.dumps(facts), *map(_line, record.passed), ""]), "utf-8")


def read(path: Path) -> Record:
    """Return what a proxy logged."""
    first, *lines = path.read_text("utf-8").splitlines()
    return Record(list(_passed(lines)), **json.loads(first))


def _line(one: Passed) -> str:
    parts = [[part.topic, part.partition, part.first, part.count] for part in one.parts]
    return json.dumps([one.kind, one.request_ns, one.response_ns, one.returned_ns, parts])


def _passed(lines: Iterable[str]) -> Iterable[Passed]:
    for line in lines:
        kind, request_ns, response_ns, returned_ns, parts = json.loads(line)
        yield Passed(kind, request_ns, response_ns, returned_ns, tuple(Part(*part) for part in parts))
