"""The standard lane's consumers: classic and KIP-848 groups, and share groups.

`consume(n, timeout)` waits for all n messages, so it is always called with timeout 0. Messages are kept as the client
gave them, with the clock of each take, and made into arrays many at a time: a few at a time cost ten times as much.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from operator import methodcaller
from time import monotonic
from typing import Any

import confluent_kafka as ck
import numpy as np
from numpy.typing import NDArray

from loadkit import clock, stamp
from loadkit.errors import TargetError
from loadkit.targets.kafka import HEADER, UNHEARD, Client
from loadkit.targets.lane import Received

_VALUE, _PARTITION, _OFFSET = methodcaller("value"), methodcaller("partition"), methodcaller("offset")
_HEADERS = methodcaller("headers")


class KafkaConsumer(Client):
    """A member of a classic or KIP-848 consumer group on one topic; see `lane.ConsumerLane`."""

    def __init__(self, config: Mapping[str, str], topic: str, form: str, run: int, from_end: bool = False) -> None:
        """Take librdkafka's properties, the real topic name, where stamps are, and the run to account for.

        `from_end`: start behind what a topic holds already, at a position known before `connect` returns.
        """
        super().__init__(topic)
        self.form, self._run, self._from_end = form, run, from_end
        self._assigned = 0
        strategy = config.get("partition.assignment.strategy", "")
        self._cooperative = "cooperative" in strategy or config.get("group.protocol") == "consumer"
        self._taken = _Taken()
        self._commits: deque[tuple[int, int]] = deque()
        self._committing = 0
        try:
            self._consumer = ck.Consumer({**self._config(config), "on_commit": self._committed})
        except ck.KafkaException as error:
            raise TargetError(f"consumer of {topic}: {error.args[0].str()}") from None

    def connect(self, timeout: float) -> None:
        """Join the group and wait for an assignment (which may hold no partition); blocks."""
        self._consumer.subscribe([self.topic], on_assign=self._on_assign)
        deadline, unheard = monotonic() + timeout, None
        while not self._assigned:
            for message in self._consumer.consume(1, 0.05):
                if (error := message.error()) is not None and error.name() == UNHEARD:
                    unheard = error
                    continue
                self._raise_error(error)
                self._taken.add([message])
            self._raise_denied(f"consumer of {self.topic}")
            if monotonic() > deadline:
                self._raise_error(unheard)
                raise self._refused(f"consumer of {self.topic}", timeout)

    def _raise_error(self, error: Any) -> None:
        if error is not None and error.code() != ck.KafkaError._PARTITION_EOF:
            raise self._told(error, f"consumer of {self.topic}")

    def _on_assign(self, _: Any, partitions: list[Any]) -> None:
        """Note the assignment; the first one may have to begin behind what is there (later ones have commits)."""
        if self._from_end and not self._assigned and partitions:
            for place in partitions:
                place.offset = self._consumer.get_watermark_offsets(place, timeout=10)[1]
            (self._consumer.incremental_assign if self._cooperative else self._consumer.assign)(partitions)
        self._assigned += 1

    def take(self, most: int) -> int:
        """Take up to `most` messages that have arrived and return how many; never blocks."""
        return self._taken.add(self._consumer.consume(most, 0))

    def pending(self) -> int:
        """Return how many messages taken wait for `take_received`."""
        return len(self._taken.messages)

    def take_received(self) -> Received | None:
        """Return the messages taken since the last call."""
        return self._taken.cut(self.form, self._run)

    def pause(self, paused: bool) -> None:
        """Stop or resume fetching from the partitions held."""
        (self._consumer.pause if paused else self._consumer.resume)(self._consumer.assignment())

    def commit(self) -> None:
        """Commit what was taken, without waiting; one at a time."""
        if not self._committing:
            self._committing = clock.now_ns()
            self._consumer.commit(asynchronous=True)

    def _committed(self, error: Any, _: Any) -> None:
        begun, self._committing = self._committing, 0
        if begun and error is None:
            self._commits.append((begun, clock.now_ns()))

    def take_commits(self) -> list[tuple[int, int]]:
        """Return (begun, done) clocks of the commits confirmed since the last call."""
        return [self._commits.popleft() for _ in range(len(self._commits))]

    def rebalances(self) -> int:
        """Return how often partitions were assigned so far."""
        return self._assigned

    def close(self) -> None:
        """Commit by the group's own policy and leave the group."""
        self._consumer.close()


class KafkaShareConsumer(Client):
    """A member of a share group (KIP-932) on one topic: no partitions held, no order, records acknowledged on poll."""

    def __init__(self, config: Mapping[str, str], topic: str, form: str, run: int) -> None:
        super().__init__(topic)
        self.form, self._run = form, run
        self._taken = _Taken()
        try:
            self._consumer = ck.ShareConsumer(self._config(config))
        except (AttributeError, ck.KafkaException) as error:
            said = (
                "this confluent-kafka has no ShareConsumer; use 2.15 or newer"
                if isinstance(error, AttributeError)
                else error.args[0].str()
            )
            raise TargetError(f"share consumer of {topic}: {said}") from None

    def connect(self, timeout: float) -> None:
        """Subscribe; a share group tells nobody when it is ready, so this only waits for an error."""
        self._consumer.subscribe([self.topic])

    def take(self, most: int) -> int:
        """Take the messages of one poll and return how many; never blocks."""
        return self._taken.add(list(self._consumer.poll(0)))

    def pending(self) -> int:
        """Return how many messages taken wait for `take_received`."""
        return len(self._taken.messages)

    def take_received(self) -> Received | None:
        """Return the messages taken since the last call."""
        return self._taken.cut(self.form, self._run)

    def pause(self, paused: bool) -> None:
        """Do nothing: a share consumer that is not polled fetches nothing."""

    def commit(self) -> None:
        """Do nothing: records are acknowledged by the next poll."""

    def take_commits(self) -> list[tuple[int, int]]:
        """Return nothing."""
        return []

    def rebalances(self) -> int:
        """Return 0: a share group does not tell."""
        return 0

    def close(self) -> None:
        """Leave the group; what was not acknowledged goes to another member."""
        self._consumer.close()


class _Taken:
    """Messages as the client gave them, with the clock of each take; made into arrays many at a time."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self._counts: list[int] = []
        self._clocks: list[int] = []

    def add(self, messages: list[Any]) -> int:
        """Keep the messages of one take; return how many."""
        n = len(messages)
        if n:
            self.messages += messages
            self._counts.append(n)
            self._clocks.append(clock.now_ns())
        return n

    def cut(self, form: str, run: int) -> Received | None:
        """Return and forget what was kept."""
        if not self.messages:
            return None
        made = received(self.messages, np.repeat(self._clocks, self._counts), form, run)
        self.messages, self._counts, self._clocks = [], [], []
        return made


def received(messages: list[Any], clocks: NDArray[np.int64], form: str, run: int) -> Received:
    """Return those messages that are of this run as arrays, the others counted.

    Only what has no stamp of this run is asked whether it is an error: asking each message costs a tenth of everything.
    """
    found = _stamps(messages, form)
    own = found.valid & (found.stamps["run"] == run)
    stamps, size, errors, foreign = found.stamps, found.sizes, Counter[str](), 0
    if not own.all():
        pairs = list(zip(messages, own.tolist(), strict=True))
        others = [message.error() for message, mine in pairs if not mine]
        errors.update(error.name() for error in others if error is not None)
        foreign = others.count(None)
        del errors["_PARTITION_EOF"]
        messages = [message for message, mine in pairs if mine]
        stamps, size, clocks = stamps[own], size[own], clocks[own]
    n = len(messages)
    partition = np.fromiter(map(_PARTITION, messages), np.int32, n)
    offset = np.fromiter(map(_OFFSET, messages), np.int64, n)
    if form == "header":
        size = np.fromiter(map(len, messages), np.int64, n)
    return Received(stamps, clocks, partition, offset, size, foreign, errors)


def _stamps(messages: Sequence[Any], form: str) -> stamp.Read:
    if form != "header":
        return stamp.read(list(map(_VALUE, messages)), form)  # type: ignore[arg-type]
    return stamp.read([_header(headers) for headers in map(_HEADERS, messages)], "binary")


def _header(headers: Sequence[tuple[str, bytes]] | None) -> bytes | None:
    for name, value in headers or ():
        if name == HEADER:
            return value
    return None
