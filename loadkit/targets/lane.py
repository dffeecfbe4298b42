"""The boundary between the load loop and a client library: arrays in, arrays out, never single messages.

A lane is one producer or one consumer of one topic. The standard lane (`kafka.py`) and the simulated
sink (`sink.py`) stand behind it; a faster one is one more file. All clocks are `time.monotonic_ns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from loadkit.blobs import Blobs
from loadkit.stamp import Stamps

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """n messages to hand over at once."""

    values: Blobs
    keys: Blobs | None
    stamps: Stamps
    """Who, which number, due when; already inside `values` unless the lane stamps headers."""
    nulls: NDArray[np.bool_] | None = None
    """Which values are absent (tombstones)."""


@dataclass(frozen=True, slots=True)
class Acks:
    """Confirmed messages: when each confirmation was served, and where the message lies."""

    stamps: Stamps
    acked_ns: Ints
    partition: NDArray[np.int32]
    offset: Ints
    """-1 or less where the broker gave none (acks=0) or nobody wanted it."""
    size: Ints
    """Bytes of each value."""

    def __len__(self) -> int:
        """Return how many."""
        return len(self.acked_ns)


@dataclass(frozen=True, slots=True)
class Received:
    """Messages of this run, in the order in which they came."""

    stamps: Stamps
    received_ns: Ints
    """The messages of one take share a clock reading."""
    partition: NDArray[np.int32]
    offset: Ints
    size: Ints
    foreign: int = 0
    """Messages without a stamp of this run."""
    errors: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many."""
        return len(self.received_ns)


@dataclass(frozen=True, slots=True)
class Failure:
    """A message that the client gave up."""

    acked_ns: int
    code: str
    intended_ns: int


class ProducerLane(Protocol):
    """One producer of one topic."""

    queue_full: int
    """How often the client's queue had no room."""
    gather_ns: int
    """How long confirmations may wait to be made into arrays, many at once.

    Longer, and each time would hold up sending by milliseconds; shorter, and it costs more than the messages do.
    """

    def connect(self, timeout: float) -> None:
        """Reach every partition's leader and get a producer id; blocks; raises TargetError."""

    def prime(self, first: Batch, partitions: int, timeout: float) -> None:
        """Send one message to each partition and wait for all: opens every connection and the producer id."""

    def prepare(self, batch: Batch) -> Any:
        """Return the batch in whatever form `send` takes fastest; done ahead of time."""

    def send(self, prepared: Any, first: int, n: int) -> int:
        """Hand over n messages from `first` on; return how many were taken (fewer when the queue is full)."""

    def poll(self) -> None:
        """Serve confirmations that have arrived; never blocks."""

    def in_flight(self) -> int:
        """Return how many messages are handed over and not yet confirmed or failed."""

    def pending(self) -> int:
        """Return how many served confirmations wait for `take_acks`."""

    def take_acks(self) -> Acks | None:
        """Return the confirmations served since the last call."""

    def take_failures(self) -> list[Failure]:
        """Return the failures served since the last call."""

    def take_statistics(self) -> list[dict[str, Any]]:
        """Return the client's own statistics since the last call, as flat numbers."""

    def begin(self) -> None:
        """Begin a transaction."""

    def end(self, commit: bool) -> None:
        """Commit or abort the open transaction; blocks."""

    def close(self) -> None:
        """Let go of the client; what is still in flight is given up."""


class ConsumerLane(Protocol):
    """One consumer of one topic."""

    gather_ns: int
    """How long messages taken may wait to be made into arrays, many at once."""

    def connect(self, timeout: float) -> None:
        """Join the group, get partitions and a first position; blocks; raises TargetError."""

    def take(self, most: int) -> int:
        """Take up to `most` messages that have arrived and return how many; never blocks."""

    def pending(self) -> int:
        """Return how many messages taken wait for `take_received`."""

    def take_received(self) -> Received | None:
        """Return the messages taken since the last call."""

    def pause(self, paused: bool) -> None:
        """Stop or resume fetching from the partitions held."""

    def commit(self) -> None:
        """Commit what was taken, without waiting."""

    def take_commits(self) -> list[tuple[int, int]]:
        """Return (begun, done) clocks of the commits confirmed since the last call."""

    def take_statistics(self) -> list[dict[str, Any]]:
        """Return the client's own statistics since the last call, as flat numbers."""

    def rebalances(self) -> int:
        """Return how often partitions were assigned so far."""

    def close(self) -> None:
        """Leave the group."""
