"""The fast lane's consumer: classic and KIP-848 groups by `rd_kafka_consume_batch_queue`.

A take fetches addresses of messages and one reading of the clock. Many takes are made into arrays at once; each message
is then destroyed by a call of its own, which has no form for many (`map` makes it, in C).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from contextlib import contextmanager
from ctypes import POINTER, byref, c_int64
from time import monotonic
from typing import TYPE_CHECKING, Any

from loadkit import clock, stamp
from loadkit.targets import librdkafka
from loadkit.targets.fast_client import FastClient, Held, stamps_of
from loadkit.targets.kafka import UNHEARD
from loadkit.targets.lane import Received
from loadkit.targets.librdkafka import ASSIGN_PARTITIONS, FEW, NO_ERROR, PARTITION_EOF, TopicPartitions

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM = 16_384
"""Messages whose addresses are kept before arrays are made of them; more is made for a larger take."""
WATERMARK_MS = 10_000


class FastConsumer(FastClient):
    """A member of a classic or KIP-848 consumer group on one topic; see `lane.ConsumerLane`."""

    def __init__(
        self, config: Mapping[str, str], topic: str, form: stamp.Form, run: int, from_end: bool = False
    ) -> None:
        """Take librdkafka's properties, the real topic name, where stamps are, and the run to account for.

        `from_end`: start behind what a topic holds already, at a position known before `connect` returns.
        """
        self.form: stamp.Form = form
        self._run, self._from_end = run, from_end
        self._assigned, self._committing = 0, 0
        self._commits: deque[tuple[int, int]] = deque()
        self._held = Held(ROOM)
        self._few = True
        """Whether the last take was of few messages, as the next will probably be."""
        super().__init__(librdkafka.CONSUMER, "consumer", config, topic)
        self.lib.poll_set_consumer(self._rk)
        self._queue = self.lib.queue_get_consumer(self._rk)

    def _prepare(self, conf: int) -> None:
        self._group_callbacks = librdkafka.REBALANCE_CB(self._on_rebalance), librdkafka.COMMIT_CB(self._on_commit)
        self.lib.conf_set_rebalance_cb(conf, self._group_callbacks[0])
        self.lib.conf_set_offset_commit_cb(conf, self._group_callbacks[1])

    def connect(self, timeout: float) -> None:
        """Join the group and wait for an assignment (which may hold no partition); blocks."""
        topics = self.lib.topic_partition_list_new(1)
        self.lib.topic_partition_list_add(topics, self.topic.encode(), librdkafka.ANY_PARTITION)
        code = self.lib.subscribe(self._rk, topics)
        self.lib.topic_partition_list_destroy(topics)
        self._check(code)
        deadline = monotonic() + timeout
        while not self._assigned:
            self._take(1, 50)
            late = monotonic() > deadline
            self._raise_first_error(late)
            self._raise_denied(self._doing)
            if late:
                raise self._refused(self._doing, timeout)

    def _raise_first_error(self, late: bool) -> None:
        """Raise what was received as an error; a topic that is not yet heard of is one only when it is late."""
        if self._held.count:
            codes = self._held.messages()[0]["err"]
            for code in codes[(codes != NO_ERROR) & (codes != PARTITION_EOF)].tolist():
                if late or self.lib.name(code) != UNHEARD:
                    self._check(code)

    def _on_rebalance(self, rk: int, code: int, partitions: Any, _: int) -> None:
        """Take or give back partitions; the first assignment may have to begin behind what is there."""
        lib, cooperative = self.lib, self.lib.rebalance_protocol(rk) == b"COOPERATIVE"
        if code != ASSIGN_PARTITIONS:
            lib.taken(lib.incremental_unassign(rk, partitions)) if cooperative else lib.assign(rk, None)
            return
        if self._from_end and not self._assigned:
            self._to_end(rk, partitions)
        lib.taken(lib.incremental_assign(rk, partitions)) if cooperative else lib.assign(rk, partitions)
        self._assigned += 1

    def _to_end(self, rk: int, partitions: Any) -> None:
        low, high = c_int64(), c_int64()
        for i in range(partitions.contents.cnt):
            place = partitions.contents.elems[i]
            if not self.lib.query_watermark_offsets(
                rk, place.topic, place.partition, byref(low), byref(high), WATERMARK_MS
            ):
                place.offset = high.value

    def take(self, most: int) -> int:
        """Take up to `most` messages that have arrived and return how many; never blocks."""
        return self._take(most, 0)

    def _take(self, most: int, wait_ms: int) -> int:
        consume = self.lib.consume_few if self._few and not wait_ms else self.lib.consume_batch_queue
        n: int = max(consume(self._queue, wait_ms, self._held.place(most), most), 0)
        self._few = n <= FEW
        if n:
            self._held.took(n, clock.now_ns())
        return n

    def pending(self) -> int:
        """Return how many messages taken wait for `take_received`."""
        return self._held.count

    def take_received(self) -> Received | None:
        """Return the messages taken since the last call: those of this run as arrays, the others counted."""
        n = self._held.count
        if not n:
            return None
        rows, clocks = self._held.messages()
        failed = rows["err"] != NO_ERROR
        if failed.any():
            rows["len"][failed] = 0  # what such a message holds is the text of an error
        found = stamps_of(rows, self.form)
        deque(map(self.lib.message_destroy, self._held.pointers[:n].tolist()), maxlen=0)
        self._held.clear()
        own = found.valid & (found.stamps["run"] == self._run)
        stamps, sizes, errors, foreign = found.stamps, found.sizes, Counter[str](), 0
        if not own.all():
            errors.update(self.lib.name(code) for code in rows["err"][failed].tolist() if code != PARTITION_EOF)
            foreign = int((~own & ~failed).sum())
            rows, stamps, sizes, clocks = rows[own], stamps[own], sizes[own], clocks[own]
        return Received(stamps, clocks, rows["partition"].copy(), rows["offset"].copy(), sizes, foreign, errors)

    @contextmanager
    def _assignment(self) -> Iterator[Any]:
        found = POINTER(TopicPartitions)()
        self._check(self.lib.assignment(self._rk, byref(found)))
        try:
            yield found
        finally:
            self.lib.topic_partition_list_destroy(found)

    def pause(self, paused: bool) -> None:
        """Stop or resume fetching from the partitions held."""
        with self._assignment() as partitions:
            (self.lib.pause_partitions if paused else self.lib.resume_partitions)(self._rk, partitions)

    def commit(self) -> None:
        """Commit what was taken, without waiting; one at a time."""
        if not self._committing:
            self._committing = clock.now_ns()
            self.lib.commit(self._rk, None, 1)

    def _on_commit(self, _: int, code: int, __: int, ___: int) -> None:
        begun, self._committing = self._committing, 0
        if begun and code == NO_ERROR:
            self._commits.append((begun, clock.now_ns()))

    def take_commits(self) -> list[tuple[int, int]]:
        """Return (begun, done) clocks of the commits confirmed since the last call."""
        return [self._commits.popleft() for _ in range(len(self._commits))]

    def rebalances(self) -> int:
        """Return how often partitions were assigned so far."""
        return self._assigned

    def close(self) -> None:
        """Commit by the group's own policy, leave the group, and end the client."""
        if not self._rk:
            return
        self.take_received()
        self._find_again()  # closing waits for the group's coordinator, and nobody looks at statistics meanwhile
        rk, self._rk = self._rk, None
        self.lib.consumer_close(rk)
        self.lib.queue_destroy(self._queue)
        self.lib.destroy(rk)
