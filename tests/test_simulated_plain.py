"""The simulated cluster against the same model told plainly: one event after the other, one message at a time."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.targets.simulated import Arrivals, SimGroup, SimProducer, SimulatedSpec, Simulation

SECOND, MILLI, MICRO = 10**9, 10**6, 10**3
LONG_AGO = -(10**18)
Place = tuple[int, int]


def ns(seconds: float) -> int:
    """Return whole nanoseconds."""
    return round(seconds * SECOND)


@dataclass
class PlainCluster:
    """The model as a loop over instants; nothing in it is shared with the arrays of the real one."""

    spec: SimulatedSpec
    producers: Sequence[SimProducer]
    blocks: Sequence[Arrivals]
    instants: list[int] = field(default_factory=list)
    ready: list[tuple[int, int, int]] = field(default_factory=list)
    waiting: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    inside: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    open: dict[Place, tuple[int, list[int]]] = field(default_factory=dict)
    closed: dict[Place, list[list[int]]] = field(default_factory=lambda: defaultdict(list))
    ack_at: dict[int, list[Place]] = field(default_factory=lambda: defaultdict(list))
    sent_at: dict[Place, int] = field(default_factory=dict)
    acked: list[tuple[int, int, int, int]] = field(default_factory=list)
    batches: int = 0

    def run(self) -> list[tuple[int, int, int, int]]:
        """Return (producer, number, sent, acked) of every message, sorted."""
        self.servers = [LONG_AGO] * self.spec.servers
        self.hand_over()
        while self.instants:
            now = heapq.heappop(self.instants)
            while self.instants and self.instants[0] == now:
                heapq.heappop(self.instants)
            self.instant(now)
        return sorted(self.acked)

    def hand_over(self) -> None:
        due = sorted((t, p, i) for p, b in enumerate(self.blocks) for i, t in enumerate(b.intended_ns.tolist()))
        gap, soonest = SECOND / self.spec.generator_rate, LONG_AGO
        for place, (intended, who, index) in enumerate(due):
            time = max(intended, soonest)
            self.ready.append((time, who, index))
            heapq.heappush(self.instants, time)
            soonest = time + math.floor((place + 1) * gap) - math.floor(place * gap)

    def instant(self, now: int) -> None:
        for who, index in self.ack_at.pop(now, []):
            self.inside[who] -= 1
            self.acked.append((who, index, self.sent_at[who, index], now))
        while self.ready and self.ready[0][0] <= now:
            _, who, index = self.ready.pop(0)
            self.waiting[who].append(index)
        for who, queue in self.waiting.items():
            while queue and (self.spec.queue_limit is None or self.inside[who] < self.spec.queue_limit):
                self.send(now, who, queue.pop(0))
        for place in [place for place, (deadline, _) in self.open.items() if deadline == now]:
            self.close(place)
        for place in sorted(self.closed):
            for indices in self.closed.pop(place):
                self.serve(now, place[0], indices)

    def send(self, now: int, who: int, index: int) -> None:
        self.inside[who] += 1
        self.sent_at[who, index] = now
        place, most = (who, int(self.blocks[who].partition[index])), self.producers[who].batch_bytes
        if place in self.open and self.bytes(who, [*self.open[place][1], index]) > most:
            self.close(place)
        deadline, held = self.open.setdefault(place, (now + ns(self.producers[who].linger_s), []))
        held.append(index)
        heapq.heappush(self.instants, deadline)
        if self.bytes(who, held) >= most:
            self.close(place)

    def bytes(self, who: int, indices: list[int]) -> int:
        return sum(int(self.blocks[who].size[index]) for index in indices)

    def close(self, place: Place) -> None:
        self.closed[place].append(self.open.pop(place)[1])

    def serve(self, now: int, who: int, indices: list[int]) -> None:
        spec, producer = self.spec, self.producers[who]
        wire = round(self.bytes(who, indices) / producer.compression_ratio)
        work = spec.request_overhead + max(len(indices) / spec.service_rate, wire / spec.byte_rate)
        server = self.servers.index(min(self.servers))
        self.servers[server] = self.worked(max(self.servers[server], now + ns(spec.network)), max(1, ns(work)))
        late = sum(more for at, more in spec.slow if at == self.blocks[who].partition[indices[0]])
        ack = self.servers[server] + ns(spec.network + (spec.replication + late) * producer.acks_all)
        self.ack_at[ack] += [(who, index) for index in indices]
        heapq.heappush(self.instants, ack)
        self.batches += 1

    def worked(self, time: int, work: int) -> int:
        """Return when `work` begun at `time` is done, standing still in every pause."""
        for start, length in sorted((ns(at), ns(length)) for at, length in self.spec.pause):
            if time + work <= start:
                break
            if time < start + length:
                work -= max(0, start - time)
                time = start + length
        return time + work


_PRODUCERS = st.builds(
    SimProducer,
    linger_s=st.sampled_from([0.0, 0.0003, 0.001]),
    batch_bytes=st.sampled_from([1, 100, 250]),
    acks_all=st.booleans(),
    partitions=st.just(2),
    compression_ratio=st.sampled_from([1.0, 3.0]),
    topic=st.integers(0, 1),
)
_SPECS = st.builds(
    SimulatedSpec,
    service_rate=st.sampled_from([5_000.0, 50_000.0]),
    byte_rate=st.sampled_from([1e6, 1e9]),
    request_overhead=st.sampled_from([0.0, 50e-6]),
    servers=st.integers(1, 3),
    network=st.sampled_from([10e-6, 0.0002]),
    replication=st.sampled_from([0.0, 0.001]),
    slow=st.sampled_from([(), ((1, 0.0007),)]),
    pause=st.sampled_from([(), ((0.002, 0.003),), ((0.001, 0.001), (0.0015, 0.002), (0.006, 0.001))]),
    generator_rate=st.sampled_from([math.inf, 7_000.0]),
    queue_limit=st.sampled_from([None, 1, 3, 8]),
)


@st.composite
def _blocks(draw: st.DrawFn, producers: int) -> list[Arrivals]:
    """Draw schedules on a grid of 100 us, so that many things happen at the same instant."""
    blocks = []
    for _ in range(producers):
        rows = draw(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 120), st.integers(0, 1)), max_size=25))
        times = np.array(sorted(time for time, _, _ in rows), np.int64) * 100 * MICRO
        size, partition = (np.array([row[k] for row in rows], np.int64) for k in (1, 2))
        blocks.append(Arrivals(np.arange(len(rows)), times, size, partition.astype(np.int32)))
    return blocks


@settings(max_examples=300, deadline=None)
@given(st.data(), _SPECS, st.lists(_PRODUCERS, min_size=1, max_size=3))
def test_the_model_is_the_plain_simulation(
    data: st.DataObject, spec: SimulatedSpec, producers: list[SimProducer]
) -> None:
    """Every send, ack and batch is where an event-by-event simulation puts it, to the nanosecond."""
    blocks = data.draw(_blocks(len(producers)))
    done, plain = Simulation(spec, producers, []).advance(SECOND, blocks), PlainCluster(spec, producers, blocks)
    expected = plain.run()
    acks = done.acks
    columns = (acks.producer, acks.number, acks.sent_ns, acks.acked_ns)
    assert sorted(zip(*(column.tolist() for column in columns), strict=True)) == expected
    assert done.batches.count == plain.batches
    if spec.queue_limit:
        late = [(who, sent) for who, _, sent, _ in expected]
        for who, sent in late:
            inside = sum(1 for other, _, s, a in expected if other == who and s <= sent < a)
            assert inside <= spec.queue_limit


def _everything(spec: SimulatedSpec, producers: list[SimProducer], blocks: list[Arrivals], cuts: list[int]) -> Any:
    """Return all columns and totals of a run cut into windows."""
    groups = [SimGroup(tuple(range(len(producers))), 1, 0.0002), SimGroup((0,), 2, 0.0001, 0.004)]
    simulation, windows = Simulation(spec, producers, groups), []
    for since, until in pairwise([0, *cuts]):
        parts = [_between(block, since, until) for block in blocks]
        windows.append(simulation.advance(until, parts))
        for times in (windows[-1].acks.acked_ns, *(seen.received_ns for seen in windows[-1].deliveries)):
            assert ((times >= since) & (times < until)).all()
    windows.append(simulation.finish())
    tables = [_joined([w.acks for w in windows])] + [_joined([w.deliveries[g] for w in windows]) for g in range(2)]
    batches = [w.batches for w in windows]
    totals = np.sum([[b.number, b.messages, b.bytes, b.wire] for b in batches], axis=0).tolist()
    return tables, totals, sum(w.queue_full for w in windows), round(sum(w.busy_s for w in windows), 9)


def _joined(parts: Sequence[Any]) -> dict[str, list[int]]:
    return {f.name: np.concatenate([getattr(part, f.name) for part in parts]).tolist() for f in fields(parts[0])}


def _between(block: Arrivals, since: int, until: int) -> Arrivals:
    inside = (block.intended_ns >= since) & (block.intended_ns < until)
    return Arrivals(*(getattr(block, f.name)[inside] for f in fields(block)))


@settings(max_examples=200, deadline=None)
@given(st.data(), _SPECS, st.lists(_PRODUCERS, min_size=1, max_size=3), st.sets(st.integers(1, 60), max_size=30))
def test_however_time_is_cut_into_windows_the_results_are_the_same(
    data: st.DataObject, spec: SimulatedSpec, producers: list[SimProducer], cuts: set[int]
) -> None:
    """Random service, faults, pauses and full buffers included: nothing is lost, doubled or moved by a nanosecond,
    and each window tells exactly what happened in it."""
    spec = replace(spec, noise=0.5, service="exponential", errors=0.1, lose=0.1, duplicate=0.1)
    blocks = data.draw(_blocks(len(producers)))
    ends = [100_000 * MICRO]
    assert _everything(spec, producers, blocks, [cut * 100 * MICRO for cut in sorted(cuts)] + ends) == _everything(
        spec, producers, blocks, ends
    )


@given(st.data(), _SPECS, st.sampled_from([0.0, 0.0003]))
def test_consumers_are_a_plain_queue_behind_the_log(data: st.DataObject, spec: SimulatedSpec, process: float) -> None:
    """Each consumer takes the records of its partitions as they become visible and is busy `process` with each."""
    spec, blocks = replace(spec, servers=1), data.draw(_blocks(1))
    producer = SimProducer(0.0003, 250, True, 2)
    done = Simulation(spec, [producer], [SimGroup((0,), 2, process, 0.003)]).advance(SECOND, blocks)
    free, expected = [-SECOND, -SECOND], []
    for number, partition, acked in zip(done.acks.number, done.acks.partition, done.acks.acked_ns, strict=True):
        received = max(int(acked) + round(spec.fetch * SECOND), 3 * MILLI, free[partition])
        free[partition] = received + round(process * SECOND)
        expected.append((int(number), received))
    seen = done.deliveries[0]
    assert sorted(zip(seen.number.tolist(), seen.received_ns.tolist(), strict=True)) == sorted(expected)
