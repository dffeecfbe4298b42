"""The fast lane's producer: whole batches to librdkafka and back, no Python for a single message.

Messages are handed over by `rd_kafka_produce_batch` from an array of structs that point into the payloads' and keys'
arrays; the library copies them. Delivery reports come as events of many messages, one clock reading an event: all of
an event's messages were confirmed by one response of a broker. Stamps are read back from the payloads in the events,
so each is exact whatever the partitioner, retries or errors did; only then is the event destroyed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from ctypes import POINTER, byref
from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from loadkit import clock, stamp
from loadkit.errors import TargetError
from loadkit.targets import librdkafka
from loadkit.targets.fast_client import FastClient, Held, stamps_of
from loadkit.targets.kafka import FLUSH, UNHEARD
from loadkit.targets.lane import Acks, Batch, Failure
from loadkit.targets.librdkafka import (
    ANY_PARTITION,
    BY_PARTITION,
    COPY,
    FEW,
    MESSAGE,
    NO_ERROR,
    QUEUE_FULL,
    Metadata,
    address,
)

ROOM = 16_384
"""Confirmations whose places are kept before arrays are made of them; more is made when one event holds more."""
ENDLESS = -1
"""The time limit of a transaction's end: the library's own."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    rows: NDArray[np.void]
    at: int
    """Address of the rows."""
    batch: Batch
    """What the rows point into."""


class FastProducer(FastClient):
    """A producer of one topic; see `lane.ProducerLane`."""

    def __init__(self, config: Mapping[str, str], topic: str, form: stamp.Form) -> None:
        """Take librdkafka's properties, the real topic name, and the form of stamps in values."""
        super().__init__(librdkafka.PRODUCER, "producer", config, topic)
        self.form: stamp.Form = form
        self.queue_full = 0
        self._topic = self.lib.topic_new(self._rk, topic.encode(), None)
        self._queue = self.lib.queue_get_main(self._rk)
        self._transactional = "transactional.id" in config
        self._held = Held(ROOM)
        self._events: list[int] = []
        self._acks: list[Acks] = []
        self._failures: deque[Failure] = deque()
        self._flying = 0
        self._poll = self.lib.queue_poll

    def _prepare(self, conf: int) -> None:
        self.lib.conf_set_events(conf, librdkafka.EVENT_DR)

    def connect(self, timeout: float) -> None:
        """Reach the cluster and every partition's leader, and get a producer id; blocks."""
        deadline = monotonic() + timeout
        while (code := self._topic_error(timeout)) != NO_ERROR:
            if self.lib.name(code) != UNHEARD or monotonic() > deadline:
                self._check(code)
            self._serve(self.lib.queue_wait(self._queue, 100))
        if self._transactional:
            self._check_error(self.lib.init_transactions(self._rk, round(timeout * 1000)))

    def _topic_error(self, timeout: float) -> int:
        """Return the error code with which the cluster tells of the topic; TargetError if it does not answer."""
        found = POINTER(Metadata)()
        self._check(self.lib.metadata(self._rk, 0, self._topic, byref(found), round(timeout * 1000)))
        code: int = found.contents.topics[0].err
        self.lib.metadata_destroy(found)
        return code

    def prime(self, first: Batch, partitions: int, timeout: float) -> None:
        """Send one message to each partition and wait for all: opens every connection and the producer id."""
        if self._transactional:
            self.begin()
        prepared = self.prepare(first)
        prepared.rows["partition"] = np.arange(partitions)
        self._hand_over(prepared, 0, partitions, BY_PARTITION)
        deadline = monotonic() + timeout
        while self._flying and monotonic() < deadline:
            self._serve(self.lib.queue_wait(self._queue, 50))
            self._raise_denied(self._doing)
        self._convert()
        if self._flying:
            raise self._refused(self._doing, timeout)
        self._forgive(self._failures, partitions)
        if self._transactional:
            self._check_error(self.lib.commit_transaction(self._rk, round(timeout * 1000)))

    def prepare(self, batch: Batch) -> _Prepared:
        """Return the batch as structs that point into its arrays."""
        rows = np.zeros(len(batch.values), MESSAGE)
        values, keys = batch.values, batch.keys
        rows["payload"], rows["len"] = address(values.data) + values.offsets[:-1].astype(np.uint64), values.sizes
        if keys is not None:
            rows["key"], rows["key_len"] = address(keys.data) + keys.offsets[:-1].astype(np.uint64), keys.sizes
        return _Prepared(rows, address(rows), batch)

    def send(self, prepared: _Prepared, first: int, n: int) -> int:
        """Hand over n messages from `first` on; return how many were taken (fewer when the queue is full)."""
        return self._hand_over(prepared, first, n, 0)

    def _hand_over(self, prepared: _Prepared, first: int, n: int, flags: int) -> int:
        at = prepared.at + first * MESSAGE.itemsize
        produce = self.lib.produce_few if n <= FEW else self.lib.produce_batch
        good: int = produce(self._topic, ANY_PARTITION, COPY | flags, at, n)
        self._flying += good
        return n if good == n else self._partly(prepared, first, n)

    def _partly(self, prepared: _Prepared, first: int, n: int) -> int:
        """Account for what was not taken: from a full queue on it is tried again, what else was refused failed."""
        codes = prepared.rows["err"][first : first + n]
        full = np.flatnonzero(codes == QUEUE_FULL)
        taken = int(full[0]) if len(full) else n
        if taken < n:
            self.queue_full += 1
            self._convert()  # confirmed messages keep their room in the queue until their events are destroyed
        for i in np.flatnonzero(codes[:taken]).tolist():
            due = int(prepared.batch.stamps["intended"][first + i])
            self._failures.append(Failure(clock.now_ns(), self.lib.name(int(codes[i])), due))
        return taken

    def poll(self) -> None:
        """Serve confirmations that have arrived; never blocks."""
        self._serve_all()
        if self._dead:
            self._raise_fatal(self._doing)

    def _serve_all(self) -> None:
        while event := self._poll(self._queue, 0):
            self._serve(event)

    def _serve(self, event: int | None) -> None:
        """Keep the messages of one event, and the event with them; hear what another one tells."""
        if not event:
            return
        if self.lib.event_type(event) != librdkafka.EVENT_DR:
            self._hear(event)
            self.lib.event_destroy(event)
            return
        now, n = clock.now_ns(), self.lib.event_message_count(event)
        self.lib.event_message_array(event, self._held.place(n), n)
        self._held.took(n, now)
        self._events.append(event)
        self._flying -= n

    def in_flight(self) -> int:
        """Return how many messages are handed over and not yet confirmed or failed."""
        return self._flying

    def pending(self) -> int:
        """Return how many served confirmations wait for `take_acks`."""
        return self._held.count + sum(map(len, self._acks))

    def _convert(self) -> None:
        """Copy what events say into arrays, then destroy the events."""
        if not self._events:
            return
        rows, clocks = self._held.messages()
        found = stamps_of(rows, self.form)
        for event in self._events:
            self.lib.event_destroy(event)
        self._events = []
        self._held.clear()
        good = rows["err"] == NO_ERROR
        stamps, sizes = found.stamps, found.sizes
        if not good.all():
            for i in np.flatnonzero(~good).tolist():
                due = int(stamps["intended"][i]) if found.valid[i] else 0
                self._failures.append(Failure(int(clocks[i]), self.lib.name(int(rows["err"][i])), due))
            rows, clocks, stamps, sizes = rows[good], clocks[good], stamps[good], sizes[good]
        if len(rows):
            self._acks.append(Acks(stamps, clocks, rows["partition"].copy(), rows["offset"].copy(), sizes))

    def take_acks(self) -> Acks | None:
        """Return the confirmations served since the last call."""
        self._convert()
        made, self._acks = self._acks, []
        if len(made) <= 1:
            return made[0] if made else None
        columns = (np.concatenate([getattr(a, name) for a in made]) for name in Acks.__slots__[1:])
        return Acks(stamp.joined([a.stamps for a in made]), *columns)

    def take_failures(self) -> list[Failure]:
        """Return the failures served since the last call."""
        return [self._failures.popleft() for _ in range(len(self._failures))]

    def begin(self) -> None:
        """Begin a transaction."""
        self._check_error(self.lib.begin_transaction(self._rk))

    def end(self, commit: bool) -> None:
        """Commit or abort the open transaction; blocks.

        The library waits until every message's event is destroyed, so all of them are served and converted first;
        aborting before the broker knows of the transaction is fatal besides (librdkafka #4849).
        """
        deadline = monotonic() + FLUSH
        while self._flying and monotonic() < deadline:
            self._serve(self.lib.queue_wait(self._queue, 10))
            self._convert()
        self._convert()
        ending = self.lib.commit_transaction if commit else self.lib.abort_transaction
        found = self.lib.taken(ending(self._rk, ENDLESS))
        if found:
            raise TargetError(f"transaction on {self.topic}: {found[1]}")

    def close(self) -> None:
        """Give up what is still in flight, and end the client."""
        if not self._rk:
            return
        if self._flying:
            self.lib.purge(self._rk, librdkafka.PURGE_ALL)
            self._serve_all()
        self._convert()
        rk, self._rk = self._rk, None
        self.lib.queue_destroy(self._queue)
        self.lib.topic_destroy(self._topic)
        self.lib.destroy(rk)
