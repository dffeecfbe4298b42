"""The simulated sink: takes messages in real time, confirms each after a delay that depends only on seed and message.

It is what `simulated` means where time is real: under plain `locust`, in calibration and in tests of
scaling. Consumers receive what producers of the same process sent; there is no log behind it, so
loss, duplicates and order are not judged.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loadkit import clock, hashing
from loadkit.targets.lane import Acks, Batch, Failure, Received

CAPACITY = 200_000
_Pending = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass(slots=True)
class SinkTopic:
    """One topic's messages on their way from producers to groups of this process."""

    partitions: int
    delay: float = 0.002
    jitter: float = 0.5
    seed: int = 1
    ends: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    groups: dict[str, deque[tuple[Any, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ends = np.zeros(self.partitions, np.int64)

    def place(self, partition: np.ndarray) -> np.ndarray:
        """Return the offsets that messages get, in order of arrival."""
        order = np.argsort(partition, kind="stable")
        ranked = partition[order]
        rank = np.arange(len(ranked)) - np.searchsorted(ranked, ranked)
        offsets = np.empty(len(partition), np.int64)
        offsets[order] = self.ends[ranked] + rank
        self.ends += np.bincount(partition, minlength=self.partitions)
        return offsets

    def delays_ns(self, producer: int, seq: np.ndarray) -> np.ndarray:
        """Return the time each message takes, uniform within `jitter` around `delay`."""
        u = hashing.uniform(self.seed + producer, seq.astype(np.int64), 11)
        return (self.delay * (1 + self.jitter * (2 * u - 1)) * 1e9).astype(np.int64)


class SinkProducer:
    """A producer of the sink; see `lane.ProducerLane`."""

    gather_ns = 20_000_000

    def __init__(self, topic: SinkTopic) -> None:
        self.topic = topic
        self.queue_full = 0
        self._pending: deque[_Pending] = deque()
        self._waiting = 0
        self._acks: list[Acks] = []

    def connect(self, timeout: float) -> None:
        """Do nothing: there is nothing to reach."""

    def prime(self, first: Batch, partitions: int, timeout: float) -> None:
        """Do nothing: there are no connections."""

    def prepare(self, batch: Batch) -> Batch:
        """Return the batch."""
        return batch

    def send(self, prepared: Batch, first: int, n: int) -> int:
        """Take messages until the queue is full."""
        if n > CAPACITY - self._waiting:
            self.queue_full += 1
            n = CAPACITY - self._waiting
        if n:
            stamps = prepared.stamps[first : first + n]
            seq, producer = stamps["seq"].astype(np.int64), int(stamps["producer"][0])
            partition = (seq % self.topic.partitions).astype(np.int32)
            at = clock.now_ns() + np.sort(self.topic.delays_ns(producer, seq))
            size = prepared.values.sizes[first : first + n]
            self._pending.append((stamps, at, partition, self.topic.place(partition), size))
            self._waiting += n
        return n

    def poll(self) -> None:
        """Confirm what is due, at the clock of this reading."""
        now = clock.now_ns()
        while self._pending and self._pending[0][1][0] <= now:
            stamps, at, partition, offset, size = self._pending.popleft()
            n = int(np.searchsorted(at, now, side="right"))
            if n < len(at):
                self._pending.appendleft((stamps[n:], at[n:], partition[n:], offset[n:], size[n:]))
            self._confirm(Acks(stamps[:n], np.full(n, now), partition[:n], offset[:n], size[:n]))

    def _confirm(self, acks: Acks) -> None:
        self._acks.append(acks)
        self._waiting -= len(acks.offset)
        for queue in list(self.topic.groups.values()):  # a group may join meanwhile
            queue.append((acks.stamps, acks.partition, acks.offset, acks.size))

    def in_flight(self) -> int:
        """Return how many messages wait for their confirmation."""
        return self._waiting

    def pending(self) -> int:
        """Return how many served confirmations wait for `take_acks`."""
        return sum(len(acks.offset) for acks in self._acks)

    def take_acks(self) -> Acks | None:
        """Return the confirmations served since the last call."""
        acks, self._acks = self._acks, []
        if not acks:
            return None
        return Acks(*(np.concatenate([getattr(a, name) for a in acks]) for name in Acks.__slots__))

    def take_failures(self) -> list[Failure]:
        """Return nothing: the sink takes everything."""
        return []

    def take_statistics(self) -> list[dict[str, Any]]:
        """Return nothing."""
        return []

    def begin(self) -> None:
        """Do nothing."""

    def end(self, commit: bool) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class SinkConsumer:
    """A consumer of the sink; the members of a group in this process share one queue."""

    gather_ns = 20_000_000

    def __init__(self, topic: SinkTopic, group: str, run: int) -> None:
        self._queue = topic.groups.setdefault(group, deque())
        self._run = run
        self._paused = False
        self._taken: list[tuple[Any, ...]] = []

    def connect(self, timeout: float) -> None:
        """Do nothing."""

    def take(self, most: int) -> int:
        """Take up to `most` messages that were confirmed."""
        taken = 0
        while taken < most and self._queue and not self._paused:
            part = self._queue.popleft()
            if len(part[2]) > most - taken:
                self._queue.appendleft(tuple(column[most - taken :] for column in part))
            stamps, partition, offset, size = (column[: most - taken] for column in part)
            self._taken.append((stamps, np.full(len(offset), clock.now_ns()), partition, offset, size))
            taken += len(offset)
        return taken

    def pending(self) -> int:
        """Return how many messages taken wait for `take_received`."""
        return sum(len(part[2]) for part in self._taken)

    def take_received(self) -> Received | None:
        """Return the messages taken since the last call."""
        parts, self._taken = self._taken, []
        if not parts:
            return None
        stamps, clocks, partition, offset, size = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Received(stamps, clocks, partition, offset, size)

    def pause(self, paused: bool) -> None:
        """Stop or resume taking."""
        self._paused = paused

    def commit(self) -> None:
        """Do nothing."""

    def take_commits(self) -> list[tuple[int, int]]:
        """Return nothing."""
        return []

    def take_statistics(self) -> list[dict[str, Any]]:
        """Return nothing."""
        return []

    def rebalances(self) -> int:
        """Return 0."""
        return 0

    def close(self) -> None:
        """Do nothing."""
