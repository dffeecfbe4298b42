"""Lanes in memory with a clock that tests move, for drivers and the loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from strategies import Ints, stamped

from loadkit import stamp
from loadkit.blobs import Blobs
from loadkit.stamp import Stamps
from loadkit.targets.lane import Acks, Batch, Failure, Received


@dataclass
class Clock:
    """What monotonic_ns reads."""

    now: int = 1_000_000_007

    def __call__(self) -> int:
        """Return the instant."""
        return self.now


class Numbered:
    """A payload whose values are the message's number and its stamp."""

    stamp_form = "binary"
    smallest = stamp.SIZE

    def values(self, numbers: NDArray[np.int64], stamps: Stamps | None) -> Blobs:
        """Return 8 bytes of number, then the stamp where there is one."""
        rows = np.ascontiguousarray(numbers, np.int64).view(np.uint8).reshape(len(numbers), 8)
        return Blobs.rows(np.ascontiguousarray(rows if stamps is None else np.hstack([rows, stamp.as_bytes(stamps)])))


class Keyed:
    """Keys that are the message's number as text."""

    def indices(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers."""
        return numbers

    def blobs(self, numbers: NDArray[np.int64]) -> Blobs:
        """Return the numbers as text."""
        return Blobs.of([str(number).encode() for number in numbers.tolist()])


@dataclass(frozen=True)
class Item:
    """One message as the lane was given it, and when."""

    number: int
    seq: int
    intended: int
    key: bytes
    at: int


@dataclass
class ProducerLane:
    """Takes what `room` allows, confirms after `delay` ns of its clock; transactions as Kafka has them."""

    clock: Clock
    gather_ns: int = 20_000_000
    room: Callable[[int], int] = lambda n: n
    delay: int = 0
    queue_full: int = 0
    items: list[Item] = field(default_factory=list)
    open: bool = False
    ended: list[tuple[bool, int]] = field(default_factory=list)
    """Whether each transaction was committed, and how many messages it held."""
    failing: BaseException | None = None
    closed: bool = False
    _waiting: deque[tuple[int, Item]] = field(default_factory=deque)
    _served: list[tuple[int, int, Item]] = field(default_factory=list)
    _offset: int = 0
    _in_transaction: int = 0

    def prepare(self, batch: Batch) -> Batch:
        """Return the batch."""
        return batch

    def send(self, prepared: Batch, first: int, n: int) -> int:
        """Take as many as there is room for."""
        taken = min(n, self.room(n))
        self.queue_full += taken < n
        values, keys = prepared.values.tolist(), prepared.keys.tolist() if prepared.keys else []
        for i in range(first, first + taken):
            number = int.from_bytes(values[i][:8], "little")
            seq, intended = int(prepared.stamps["seq"][i]), int(prepared.stamps["intended"][i])
            assert values[i][8:] == prepared.stamps[i].tobytes(), "the stamp inside is the stamp beside"
            item = Item(number, seq, intended, keys[i], self.clock.now)
            self.items.append(item)
            self._waiting.append((self.clock.now + self.delay, item))
        self._in_transaction += taken
        return taken

    def poll(self) -> None:
        """Confirm what is due."""
        while self._waiting and self._waiting[0][0] <= self.clock.now:
            self._serve()

    def _serve(self) -> None:
        _, item = self._waiting.popleft()
        self._served.append((self.clock.now, self._offset, item))
        self._offset += 1

    def in_flight(self) -> int:
        """Return what waits."""
        return len(self._waiting)

    def pending(self) -> int:
        """Return what is served."""
        return len(self._served)

    def take_acks(self) -> Acks | None:
        """Return what was served, offsets being positions in `items`."""
        served, self._served = self._served, []
        if not served:
            return None
        n = len(served)
        stamps = stamped(7, [item.seq for _, _, item in served], [item.intended for _, _, item in served])
        clocks, offsets = np.array([clock for clock, _, _ in served]), np.array([offset for _, offset, _ in served])
        return Acks(stamps, clocks, np.zeros(n, np.int32), offsets, np.full(n, 32))

    def take_failures(self) -> list[Failure]:
        """Return none."""
        return []

    def take_statistics(self) -> list[dict[str, Any]]:
        """Return none."""
        return []

    def begin(self) -> None:
        """Begin a transaction."""
        assert not self.open
        self.open, self._in_transaction = True, 0

    def end(self, commit: bool) -> None:
        """Serve everything, as a commit does, and end the transaction."""
        assert self.open
        if self.failing:
            raise self.failing
        while self._waiting:
            self._serve()
        self.ended.append((commit, self._in_transaction))
        self.open = False

    def connect(self, timeout: float) -> None:
        """Do nothing."""

    def prime(self, first: Batch, partitions: int, timeout: float) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Note it."""
        self.closed = True


@dataclass
class ConsumerLane:
    """Gives out numbered messages that a test lets arrive."""

    clock: Clock
    gather_ns: int = 20_000_000
    arrived: int = 0
    given: int = 0
    takes: list[tuple[int, int]] = field(default_factory=list)
    """When how many were taken."""
    paused: list[tuple[int, bool]] = field(default_factory=list)
    commits: int = 0
    _held: list[tuple[int, int, int]] = field(default_factory=list)

    def take(self, most: int) -> int:
        """Take up to `most` of what arrived."""
        n = 0 if self.paused and self.paused[-1][1] else min(most, self.arrived - self.given)
        if n:
            self.takes.append((self.clock.now, n))
            self._held.append((self.clock.now, self.given, n))
        self.given += n
        return n

    def pending(self) -> int:
        """Return what was taken."""
        return sum(n for _, _, n in self._held)

    def take_received(self) -> Received | None:
        """Return what was taken."""
        held, self._held = self._held, []
        if not held:
            return None
        offsets: Ints = np.concatenate([np.arange(first, first + n) for _, first, n in held])
        clocks = np.concatenate([np.full(n, at) for at, _, n in held])
        return Received(
            stamped(1, offsets.tolist(), clocks.tolist()), clocks, np.zeros(len(offsets), np.int32), offsets, offsets
        )

    def pause(self, paused: bool) -> None:
        """Stop or resume."""
        self.paused.append((self.clock.now, paused))

    def commit(self) -> None:
        """Count."""
        self.commits += 1

    def connect(self, timeout: float) -> None:
        """Do nothing."""

    def take_commits(self) -> list[tuple[int, int]]:
        """Return none."""
        return []

    def take_statistics(self) -> list[dict[str, Any]]:
        """Return none."""
        return []

    def rebalances(self) -> int:
        """Return 1."""
        return 1

    def close(self) -> None:
        """Do nothing."""
