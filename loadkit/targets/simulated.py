"""The `simulated` target: a queueing model of a Kafka cluster in virtual time, whose true answers are known.

The target name and its parameters: `simspec`.

A message is due at `intended`, passes the generator and joins its producer's buffer at `sent`. It waits in the open
batch of its (producer, partition) until that is full or its linger is over. The batch reaches the cluster's queue
`network` later and is served for request_overhead + max(messages / service_rate, bytes on the wire / byte_rate). Its
ack comes at departure (+ `replication` for acks=all) + `network`. Consumers may see it at departure + `replication`,
never before what stands earlier in its log, and receive it `network` + `fetch` later, or when they have processed
what came before. In a `slow` partition replication takes longer by its time, as behind a slow follower; no server
works longer for it. Offsets follow the order in which service begins, so a log keeps each producer's order even with
several servers.

Not modelled: a limit of requests in flight (a client with linger 0 does not batch more under load), several
partitions in one request, the cost of compression, consumers' effect on the servers, and replicas that stand still in
a pause (what was served just before it is replicated in it).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from loadkit.targets.queueing import Ints, Pauses, messages_per_batch
from loadkit.targets.simspec import FAILED, LOST, SimulatedSpec, fates, service_time
from loadkit.targets.stages import (
    NEVER,
    Columns,
    Generator,
    Held,
    Log,
    OpenBatches,
    Readers,
    Sender,
    Servers,
    empty,
    join,
    pick,
)

__all__ = [
    "ERROR_CODE",
    "Acks",
    "Arrivals",
    "Batches",
    "Completed",
    "Deliveries",
    "SimGroup",
    "SimProducer",
    "SimulatedSpec",
    "Simulation",
    "capacity",
    "capacity_at",
    "fates",
]

ERROR_CODE = 19
"""What a failed message is acked with: Kafka's NOT_ENOUGH_REPLICAS, which promises that it was not stored."""

Int32s = npt.NDArray[np.int32]
_NAMES = ("producer", "number", "intended", "size", "partition")


@dataclass(frozen=True, slots=True)
class SimProducer:
    """A producer's settings; producers of one `topic` must agree on its partitions."""

    linger_s: float
    batch_bytes: int
    acks_all: bool
    partitions: int
    compression_ratio: float = 1.0
    topic: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for settings that no client has."""
        if not (self.linger_s >= 0 and self.batch_bytes >= 0 and self.partitions >= 1 and self.compression_ratio > 0):
            raise ValueError(f"these are no producer's settings: {self}")


@dataclass(frozen=True, slots=True)
class SimGroup:
    """A consumer group: it reads all of these producers' topics, from the earliest offset, from `start_s` on."""

    producers: tuple[int, ...]
    consumers: int
    process_time: float = 0.0
    start_s: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError for a group without consumers or one that works backwards."""
        if self.consumers < 1 or not self.process_time >= 0:
            raise ValueError(f"this is no consumer group: {self}")


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Messages of one producer in the order they are due; `size` in bytes."""

    number: Ints
    intended_ns: Ints
    size: Ints
    partition: Int32s


@dataclass(frozen=True, slots=True)
class Acks:
    """Acked messages in the order of their acks; `error` 0 is success, `offset` is -1 where there is none."""

    producer: Int32s
    number: Ints
    intended_ns: Ints
    sent_ns: Ints
    acked_ns: Ints
    partition: Int32s
    offset: Ints
    error: Int32s


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What one group received, in that order."""

    producer: Int32s
    number: Ints
    intended_ns: Ints
    received_ns: Ints
    partition: Int32s
    offset: Ints


@dataclass(frozen=True, slots=True)
class Batches:
    """Totals of the batches closed in a window, one entry a producer; `wire` is bytes after compression."""

    number: Ints
    messages: Ints
    bytes: Ints
    wire: Ints

    @property
    def count(self) -> int:
        """Return how many batches were closed."""
        return int(self.number.sum())

    @property
    def requests(self) -> int:
        """Return how many requests carried them: one each."""
        return self.count

    @property
    def mean_bytes(self) -> float:
        """Return the mean bytes of a batch before compression; NaN where there is none."""
        return int(self.bytes.sum()) / self.count if self.count else math.nan


@dataclass(frozen=True, slots=True)
class Completed:
    """What happened in one window: acks and deliveries by their own instant, `deliveries` one for each group."""

    acks: Acks
    deliveries: list[Deliveries]
    batches: Batches
    queue_full: int
    """Messages that found their producer's buffer full."""
    busy_s: float
    """Seconds worked by all servers together."""


def capacity(spec: SimulatedSpec, producer: SimProducer, size: int) -> float:
    """Return the true maximal rate (messages/s) for `size` bytes each in full batches, whatever the generator."""
    return _rate_of(spec, producer, size, max(1, producer.batch_bytes // max(size, 1)))


def capacity_at(spec: SimulatedSpec, producer: SimProducer, size: int, rate: float) -> float:
    """Return the same for the batches that form when `rate` messages/s come evenly, dealt over the partitions in turn.

    A schedule is sustained where `capacity_at(..., rate) >= rate`.
    """
    most = max(1, producer.batch_bytes // max(size, 1))
    return _rate_of(spec, producer, size, messages_per_batch(rate, producer.partitions, producer.linger_s, most))


def _rate_of(spec: SimulatedSpec, producer: SimProducer, size: int, messages: int) -> float:
    wire = np.array([messages * size / producer.compression_ratio])
    return spec.servers * messages / float(service_time(spec, np.array([messages]), wire)[0])


@dataclass
class Simulation:
    """The model, advanced in windows of virtual time; however they are cut, results are the same to the last ns."""

    spec: SimulatedSpec
    producers: Sequence[SimProducer]
    groups: Sequence[SimGroup]
    _horizon: int = field(default=-NEVER, init=False)

    def __post_init__(self) -> None:
        spec, producers = self.spec, self.producers
        pauses = Pauses.of([(_ns(at), _ns(length)) for at, length in spec.pause])
        self._streams = [np.random.default_rng([spec.seed, stream]) for stream in range(2)]
        self._generator = Generator(spec.generator_rate)
        self._senders = [Sender(spec.queue_limit, [*_NAMES, "ready"]) for _ in producers]
        self._first_group = _before([producer.partitions for producer in producers])
        lingers = np.array([_ns(producer.linger_s) for producer in producers], np.int64)
        limits = np.array([producer.batch_bytes for producer in producers], np.int64)
        self._open = OpenBatches(lingers, limits, self._first_group, [*_NAMES, "ready"])
        self._servers = Servers(spec.servers, pauses)
        self._late = np.zeros(max([0, *(p.partitions for p in producers), *(1 + at for at, _ in spec.slow)]), np.int64)
        for partition, more in spec.slow:
            self._late[partition] += _ns(more)
        self._waits = np.array([p.acks_all for p in producers], np.int64)
        self._ratio = np.array([producer.compression_ratio for producer in producers])
        self._ack_delay = np.array([_ns(spec.network + spec.replication * p.acks_all) for p in producers], np.int64)
        self._place_logs()
        self._acks = Held("acked", [*_NAMES, "sent", "offset", "error"])
        self._visible = Held("visible", [*_NAMES, "offset", "log"])
        self._received = [Held("received", [*_NAMES, "offset"]) for _ in self.groups]
        self._none = empty([*_NAMES, "ready", "sent"])
        self._batches: list[Columns] = []

    def _place_logs(self) -> None:
        partitions: dict[int, int] = {}
        for producer in self.producers:
            if partitions.setdefault(producer.topic, producer.partitions) != producer.partitions:
                raise ValueError(f"topic {producer.topic} has producers that disagree on its partitions")
        first = dict(zip(partitions, _before(list(partitions.values())).tolist(), strict=True))
        self._first_log = np.array([first[producer.topic] for producer in self.producers], np.int64)
        total = sum(partitions.values())
        self._log = Log(total)
        self._readers = []
        for group in self.groups:
            topics = sorted({self.producers[index].topic for index in group.producers})
            logs = [np.arange(first[topic], first[topic] + partitions[topic]) for topic in topics]
            times = _ns(group.process_time), _ns(group.start_s)
            self._readers.append(
                Readers(np.concatenate([np.empty(0, np.int64), *logs]), total, group.consumers, *times)
            )

    def advance(self, until_ns: int, arrivals: Sequence[Arrivals]) -> Completed:
        """Return what happens before `until_ns`, given each producer's arrivals due before it and not given yet."""
        if len(arrivals) != len(self.producers):
            raise ValueError(f"{len(arrivals)} blocks of arrivals for {len(self.producers)} producers")
        blocks = [self._checked(who, block, until_ns) for who, block in enumerate(arrivals)]
        due = join([empty(_NAMES), *blocks])
        due = pick(due, np.argsort(due["intended"], kind="stable"))
        due = {**due, "ready": self._generator.hand_over(due["intended"])}
        for who, sender in enumerate(self._senders):
            sender.add(pick(due, np.flatnonzero(due["producer"] == who)))
        return self._until(until_ns)

    def finish(self, end_ns: int | None = None) -> Completed:
        """Return what is still to happen (before `end_ns`, if given) when no more messages are due."""
        return self._until(NEVER if end_ns is None else end_ns)

    def _checked(self, who: int, block: Arrivals, until: int) -> Columns:
        """Return a producer's arrivals as columns; raise ValueError where they break the promise of `advance`."""
        times, partition = block.intended_ns, block.partition
        if len(times):
            if times[0] < self._horizon or times[-1] >= until or (np.diff(times) < 0).any():
                raise ValueError(f"producer {who}: arrivals must ascend from {self._horizon} to before {until} ns")
            if partition.min() < 0 or partition.max() >= self.producers[who].partitions:
                raise ValueError(f"producer {who}: it has partitions 0 to {self.producers[who].partitions - 1}")
        columns = (np.full(len(times), who), block.number, times, block.size, partition)
        return {name: np.asarray(column, np.int64) for name, column in zip(_NAMES, columns, strict=True)}

    def _until(self, until: int) -> Completed:
        if until < self._horizon:
            raise ValueError(f"time cannot go back from {self._horizon} to {until} ns")
        since, delayed = self._horizon, sum(sender.delayed for sender in self._senders)
        while self._horizon < until:
            horizon = self._next_horizon(until)
            self._step(horizon)
            self._horizon = horizon
        self._deliver()
        acks, received = self._acks.take(until), [held.take(until) for held in self._received]
        return Completed(
            _as(Acks, acks),
            [_as(Deliveries, rows) for rows in received],
            self._batch_totals(),
            sum(sender.delayed for sender in self._senders) - delayed,
            self._servers.busy(since, until),
        )

    def _next_horizon(self, until: int) -> int:
        """Return the instant up to which everything sent depends on acks that are known already."""
        if self.spec.queue_limit is None:
            return until
        bound = self._servers.earliest(self._horizon + _ns(self.spec.network)) + int(self._ack_delay.min(initial=NEVER))
        return min(until, max(bound, min((sender.unknown_from(bound) for sender in self._senders), default=NEVER)))

    def _step(self, horizon: int) -> None:
        sent = join([self._none, *(sender.release(horizon) for sender in self._senders)])
        batches, messages = self._open.close(sent, horizon)
        if not len(batches["closed"]):
            return
        wire = np.rint(batches["bytes"] / self._ratio[batches["producer"]]).astype(np.int64)
        departed = self._servers.serve(batches["closed"] + _ns(self.spec.network), self._service(batches, wire))
        late = self._late[batches["partition"]]
        acked = departed + self._ack_delay[batches["producer"]] + late * self._waits[batches["producer"]]
        logs = self._first_log[batches["producer"]] + batches["partition"]
        visible = self._log.high_watermark(logs, departed + _ns(self.spec.replication) + late)
        self._batches.append({**batches, "wire": wire})
        self._note_acks(np.repeat(batches["producer"], batches["messages"]), np.repeat(acked, batches["messages"]))
        times = {"acked": acked, "visible": visible, "log": logs}
        self._store({**messages, **{name: np.repeat(column, batches["messages"]) for name, column in times.items()}})

    def _service(self, batches: Columns, wire: Ints) -> Ints:
        """Return the service times (ns) drawn for these batches, in their order."""
        seconds = service_time(self.spec, batches["messages"], wire)
        exponential, normal = self._streams
        if self.spec.service == "exponential":
            seconds = seconds * exponential.standard_exponential(len(wire))
        if self.spec.noise:
            sigma = self.spec.noise
            seconds = seconds * np.exp(sigma * normal.standard_normal(len(wire)) - sigma**2 / 2)
        return np.asarray(np.maximum(np.rint(seconds * 1e9), 1), np.int64)

    def _note_acks(self, producer: Ints, acked: Ints) -> None:
        if self.spec.queue_limit is not None:
            for who, sender in enumerate(self._senders):
                sender.acked(acked[producer == who])

    def _store(self, rows: Columns) -> None:
        """Append messages to their logs by their fates; keep their acks and what consumers will see."""
        fate = fates(self.spec, rows["number"]) if self.spec.errors or self.spec.lose or self.spec.duplicate else None
        if fate is None:
            rows = {**rows, "offset": self._log.append(rows["log"]), "error": np.zeros(len(rows["log"]), np.int64)}
            self._acks.add(rows)
            self._visible.add(rows)
            return
        copies = np.array([1, 0, 1, 2])[fate]
        stored = pick(rows, np.repeat(np.arange(len(fate)), copies))
        offsets = self._log.append(stored["log"])
        first = np.append(offsets, -1)[np.cumsum(copies) - copies]
        failed = fate == FAILED
        self._acks.add({**rows, "offset": np.where(failed, -1, first), "error": np.where(failed, ERROR_CODE, 0)})
        self._visible.add(pick({**stored, "offset": offsets}, np.flatnonzero(np.repeat(fate, copies) != LOST)))

    def _deliver(self) -> None:
        """Give consumers what no batch still to come can precede."""
        network = _ns(self.spec.network)
        before = self._servers.earliest(self._horizon + network) + _ns(self.spec.replication)
        rows = self._visible.take(before)
        for readers, held in zip(self._readers, self._received, strict=True):
            held.add(readers.receive(rows, network + _ns(self.spec.fetch)))

    def _batch_totals(self) -> Batches:
        sums = np.zeros((4, len(self.producers)), np.int64)
        for batches in self._batches:
            for row, name in enumerate(("messages", "bytes", "wire"), start=1):
                np.add.at(sums[row], batches["producer"], batches[name])
            sums[0] += np.bincount(batches["producer"], minlength=len(self.producers))
        self._batches = []
        return Batches(*sums)


def _as(kind: Any, rows: Columns) -> Any:
    """Return columns as one of the public dataclasses: `x_ns` is column `x`, indices become int32."""
    small = ("producer", "partition", "error")
    columns = {f.name: rows[f.name.removesuffix("_ns")] for f in fields(kind)}
    return kind(**{name: column.astype(np.int32) if name in small else column for name, column in columns.items()})


def _before(counts: list[int]) -> Ints:
    return np.cumsum(counts, dtype=np.int64) - np.array(counts, np.int64)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
