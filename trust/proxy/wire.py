"""The few bytes of Kafka's protocol that the proxy reads: which records a produce or fetch carries, by offset.

Written from the protocol's message definitions (clients/src/main/resources/common/message in Apache Kafka) for the
versions that clients of 2024 and later speak. Any other version is refused: a log that guesses is no truth.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

PRODUCE, FETCH = 0, 1
VERSIONS = {PRODUCE: range(9, 14), FETCH: range(12, 19)}
"""All of them flexible: compact lengths, tagged fields."""
BY_ID = 13
"""From this version on both requests name topics by id."""
NAMES = {PRODUCE: "produce", FETCH: "fetch"}
_BATCH_HEAD = 61
_MAGIC = 2


class WireError(Exception):
    """Bytes that are not what the proxy reads."""


@dataclass(frozen=True, slots=True)
class Part:
    """Records of one partition."""

    topic: str
    """Its name, or its id as 32 hexadecimal digits."""
    partition: int
    first: int
    """Offset of the first record; -1 where the broker has not given it yet."""
    count: int


class Reader:
    """Big-endian fields, one after the other."""

    __slots__ = ("data", "at")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, size: int) -> bytes:
        """Return the next bytes; WireError beyond the end."""
        if not 0 <= size <= len(self.data) - self.at:
            raise WireError(f"{size} bytes wanted at {self.at} of {len(self.data)}")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        """Return a signed integer of so many bytes."""
        return int.from_bytes(self.take(size), "big", signed=True)

    def uvarint(self) -> int:
        """Return an unsigned number in groups of seven bits."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def compact(self) -> bytes | None:
        """Return compact bytes or a compact string."""
        size = self.uvarint()
        return None if size == 0 else self.take(size - 1)

    def text(self) -> bytes | None:
        """Return a nullable string with a length of two bytes, as request headers have it."""
        size = self.number(2)
        return None if size < 0 else self.take(size)

    def each(self, one: Callable[[], None]) -> None:
        """Have the elements of a compact array read."""
        for _ in range(self.uvarint() - 1):
            one()

    def tags(self) -> None:
        """Pass over tagged fields."""
        for _ in range(self.uvarint()):
            self.uvarint()
            self.take(self.uvarint())

    def topic(self, version: int) -> str:
        """Return a topic's name or id."""
        return UUID(bytes=self.take(16)).hex if version >= BY_ID else (self.compact() or b"").decode()

    def end(self) -> None:
        """Raise WireError unless all was read: then every field was what it was taken for."""
        if self.at != len(self.data):
            raise WireError(f"{len(self.data) - self.at} bytes are left over")


@dataclass(frozen=True, slots=True)
class Head:
    """What every request begins with."""

    key: int
    version: int
    correlation: int


def head(frame: bytes) -> Head:
    """Return the head of a request (without its length); WireError when it is too short to be one."""
    reader = Reader(frame)
    return Head(reader.number(2), reader.number(2), reader.number(4))


def correlation_of(frame: bytes) -> int:
    """Return the correlation id of a response (without its length)."""
    return Reader(frame).number(4)


def check(asked: Head) -> None:
    """Raise WireError where the proxy cannot read a produce or fetch of this version."""
    known = VERSIONS[asked.key]
    if asked.version not in known:
        raise WireError(f"{NAMES[asked.key]} of version {asked.version}: versions {known[0]} to {known[-1]} are read")


def produced(frame: bytes) -> list[Part]:
    """Return the records of a produce request, without offsets; WireError where nobody will answer it (acks=0)."""
    reader, asked = Reader(frame, 8), head(frame)
    reader.text()
    reader.tags()
    reader.compact()
    if reader.number(2) == 0:
        raise WireError("acks=0: no response will tell where the records are")
    reader.number(4)
    parts: list[Part] = []

    def topic() -> None:
        name = reader.topic(asked.version)
        reader.each(lambda: partition(name))
        reader.tags()

    def partition(name: str) -> None:
        number, records = reader.number(4), reader.compact() or b""
        reader.tags()
        parts.append(Part(name, number, -1, sum(count for _, count in batches(records))))

    reader.each(topic)
    reader.tags()
    reader.end()
    return parts


def placed(frame: bytes, version: int, sent: list[Part]) -> list[Part]:
    """Return the records of a produce request with the offsets that its response gives; those refused are left out."""
    reader, counts = Reader(frame, 4), {(part.topic, part.partition): part.count for part in sent}
    reader.tags()
    parts: list[Part] = []

    def topic() -> None:
        name = reader.topic(version)
        reader.each(lambda: partition(name))
        reader.tags()

    def partition(name: str) -> None:
        number, error, base = reader.number(4), reader.number(2), reader.number(8)
        reader.take(16)
        reader.each(record_error)
        reader.compact()
        reader.tags()
        if error == 0:
            parts.append(Part(name, number, base, counts[name, number]))

    def record_error() -> None:
        reader.number(4)
        reader.compact()
        reader.tags()

    reader.each(topic)
    reader.number(4)
    reader.tags()
    reader.end()
    return parts


def fetched(frame: bytes, version: int) -> list[Part]:
    """Return the records of a fetch response, a part for each whole batch."""
    reader = Reader(frame, 4)
    reader.tags()
    reader.take(10)
    parts: list[Part] = []

    def topic() -> None:
        name = reader.topic(version)
        reader.each(lambda: partition(name))
        reader.tags()

    def partition(name: str) -> None:
        number = reader.number(4)
        reader.take(26)
        reader.each(aborted)
        reader.number(4)
        parts.extend(Part(name, number, first, count) for first, count in batches(reader.compact() or b""))
        reader.tags()

    def aborted() -> None:
        reader.take(16)
        reader.tags()

    reader.each(topic)
    reader.tags()
    reader.end()
    return parts


def batches(records: bytes) -> list[tuple[int, int]]:
    """Return first offset and number of offsets of each record batch; a last one that is cut short is left out."""
    found, at = [], 0
    while at + _BATCH_HEAD <= len(records):
        first, length = struct.unpack_from(">qi", records, at)
        if records[at + 16] != _MAGIC:
            raise WireError(f"a record batch of format {records[at + 16]}: format {_MAGIC} is read")
        if at + 12 + length > len(records):
            break
        (delta,) = struct.unpack_from(">i", records, at + 23)
        found.append((first, delta + 1))
        at += 12 + length
    return found
