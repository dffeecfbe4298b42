"""What one broker is asked for, resource by resource: the model's formulas put together, each written out in numbers.

It is always the fullest broker: an even share, a tenth more for leaders that are never spread quite evenly, and what
the topic that is spread worst puts on one broker beyond that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from loadkit.sizing.interval import Interval, of
from loadkit.sizing.model import cpu, disk, network, page_cache, storage
from loadkit.sizing.requirements import Requirements
from loadkit.sizing.shapes import Candidate
from loadkit.sizing.split import Split
from loadkit.sizing.workload import Flow, Total, total

IMBALANCE = 1.1
"""Of the fullest broker over the mean: leader.imbalance.per.broker.percentage of Kafka lets leaders differ by 10 %."""
MB, GB, GIB = 1e6, 1e9, 2**30


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a resource, and the formula with its numbers."""

    value: Interval
    formula: str


@dataclass(frozen=True)
class Load:
    """One state of a cluster: its topics, and how many brokers share what."""

    needs: Requirements
    candidate: Candidate
    flows: tuple[Flow, ...]
    splits: tuple[Split, ...]
    left: int
    """Brokers that carry traffic."""
    hold: int
    """Brokers that hold data."""
    live: float
    """Copies that are written."""
    catching_up: bool = False

    @cached_property
    def sums(self) -> Total:
        """All topics together."""
        return total(self.flows, self.needs.copies)

    @property
    def caught(self) -> float:
        """Bytes/s read to catch up."""
        return self.sums.catch_up if self.catching_up else 0.0

    @property
    def read(self) -> float:
        """Bytes/s to all consumers of the cluster."""
        return self.sums.tail + self.sums.replay + self.caught

    @cached_property
    def hot(self) -> float:
        """Bytes/s beyond its even share that the fullest broker gets of the topic that is spread worst."""
        return self._beyond([flow.peak * flow.record for flow in self.flows], self.sums.write)

    @cached_property
    def hot_messages(self) -> float:
        """The same in messages a second."""
        return self._beyond([flow.peak for flow in self.flows], self.sums.messages)

    @property
    def stored(self) -> float:
        """Messages/s that the fullest broker stores, copies with them."""
        return IMBALANCE * self.sums.messages * self.live / self.left + self.hot_messages

    def _beyond(self, loads: Sequence[float], whole: float) -> float:
        """Return the excess of the topic that is spread worst, less what `IMBALANCE` allows for already.

        The fullest brokers of topics differ, so only one topic counts.
        """
        extra = (
            network.hot_excess(load, flow.share, one.partitions, self.left)
            for load, flow, one in zip(loads, self.flows, self.splits, strict=True)
        )
        return max(0.0, max(extra, default=0.0) - (IMBALANCE - 1) * whole / self.left)

    @property
    def into(self) -> float:
        """Bytes/s into the fullest broker, copies with them."""
        return IMBALANCE * network.into_broker(self.sums.write, self.live, self.left) + self.hot

    @property
    def out(self) -> float:
        """Bytes/s out of the fullest broker."""
        even = network.out_of_broker(self.sums.write, self.live, self.read, self.left)
        fan_out = (self.live - 1) + (self.sums.tail / self.sums.write if self.sums.write else 0.0)
        return IMBALANCE * even + self.hot * fan_out

    @property
    def share(self) -> str:
        """The even share and its imbalance, for formulas."""
        return f"x {IMBALANCE:g} / {self.left}"

    @property
    def beside(self) -> str:
        """What the topic that is spread worst adds, for formulas."""
        return f" + {self.hot / MB:.3g} MB/s of the fullest leader" if self.hot else ""

    @property
    def count(self) -> int:
        """Partitions of all topics, without copies."""
        return sum(one.flow.count * one.partitions for one in self.splits)


def _written(load: Load) -> Asked:
    value = IMBALANCE * disk.written(load.sums.write, load.live, load.left) + load.hot
    text = f"{load.sums.write / MB:.4g} MB/s x {load.live:.3g} copies {load.share}{load.beside}"
    return Asked(of(value), f"{text} = {value / MB:.4g} MB/s")


def _out(load: Load) -> Asked:
    followers = f"{load.sums.write / MB:.4g} MB/s x {load.live - 1:.3g} to followers"
    beside = load.beside and f"{load.beside} x its fan-out"
    text = f"({followers} + {load.read / MB:.4g} MB/s to consumers) {load.share}{beside}"
    return Asked(of(load.out), f"{text} = {load.out / MB:.4g} MB/s")


def _read_cold(load: Load) -> Asked:
    value = IMBALANCE * disk.read_cold(load.sums.replay, load.caught, load.left)
    text = f"({load.sums.replay / MB:.4g} MB/s of replays + {load.caught / MB:.4g} MB/s of catching up) {load.share}"
    return Asked(of(value), f"{text} = {value / MB:.4g} MB/s")


def _work(load: Load) -> Asked:
    value = cpu.work(load.into, load.out)
    text = f"{load.into / MB:.4g} MB/s in + {cpu.READ_COST:g} x {load.out / MB:.4g} MB/s out"
    return Asked(of(value), f"{text} = {value / MB:.4g} MB/s")


def _cpu(load: Load) -> Asked:
    work, cost = cpu.work(load.into, load.out), load.candidate.cost
    cores = cost.at(work, load.stored)
    text = f"{cost.idle.mid:.3g} + {cost.by_work.mid * MB:.3g} cores a MB/s x {work / MB:.4g} MB/s of write equivalents"
    beside = cores.mid - cost.idle.mid - cost.by_work.mid * work
    if cost.fit and beside > 0:
        text += f" + {beside:.3g} for {load.stored:,.0f} msg/s and their requests"
    return Asked(cores, f"{text} = {cores.mid:.3g} cores")


def _messages(load: Load) -> Asked:
    value = load.stored
    beside = f" + {load.hot_messages:,.0f} msg/s of the fullest leader" if load.hot_messages else ""
    text = f"{load.sums.messages:,.0f} msg/s x {load.live:.3g} copies {load.share}{beside}"
    return Asked(of(value), f"{text} = {value:,.0f} msg/s")


def _events(load: Load) -> Asked:
    value = load.sums.messages / load.left
    return Asked(of(value), f"{load.sums.messages:,.0f} msg/s / {load.left} = {value:,.0f} msg/s")


def _ingress(load: Load) -> Asked:
    value = IMBALANCE * load.sums.write / load.left + load.hot
    return Asked(of(value), f"{load.sums.write / MB:.4g} MB/s {load.share}{load.beside} = {value / MB:.4g} MB/s")


def _egress(load: Load) -> Asked:
    value = IMBALANCE * load.read / load.left
    return Asked(of(value), f"{load.read / MB:.4g} MB/s {load.share} = {value / MB:.4g} MB/s")


def _connections(load: Load) -> Asked | None:
    there = load.needs.platform.connections
    if there is None:
        return None
    return Asked(of(there / load.left), f"{there:,} / {load.left} = {there / load.left:,.0f}")


def _storage(load: Load) -> Asked:
    held = stored(load.flows, load.splits, load.needs.platform.replication_factor)
    value = IMBALANCE * held / load.hold
    text = f"{held / GB:,.4g} GB of all copies x {IMBALANCE:g} / {load.hold}"
    return Asked(of(value), f"{text} = {value / GB:,.4g} GB")


def _memory(load: Load) -> Asked:
    row, memory = load.candidate.limits.get("memory_per_replica"), load.candidate.memory or 0.0
    if row:  # Redpanda keeps its own cache, and asks for memory by core and by replica
        replicas = load.count * load.needs.platform.replication_factor / load.hold
        floor = load.candidate.limits["memory_per_core"].value * (load.candidate.cores or 0.0)
        value = max(floor, replicas * row.value)
        text = f"the larger of {floor / GIB:.3g} GiB for its cores and {replicas:,.0f} replicas x {row.value / MB:g} MB"
        return Asked(of(value), f"{text} = {value / GIB:.3g} GiB")
    heap, system = page_cache.heap(memory), page_cache.system(memory)
    value = heap + system + page_cache.cache(load.into)
    cached = f"{load.into / MB:.4g} MB/s x {page_cache.HOT:g} s of page cache"
    text = f"{heap / GIB:.3g} GiB heap + {system / GIB:.3g} GiB system + {cached} = {value / GIB:.3g} GiB"
    return Asked(of(value), text)


def _replicas(load: Load) -> Asked:
    copies = load.needs.platform.replication_factor
    value = load.count * copies / load.hold
    return Asked(of(value), f"{load.count:,} partitions x {copies} / {load.hold} = {value:,.0f}")


def _partitions(load: Load) -> Asked:
    value = load.count / load.hold
    return Asked(of(value), f"{load.count:,} partitions / {load.hold} = {value:,.0f}")


def _compacted(load: Load) -> Asked:
    count = sum(one.flow.count * one.partitions for one in load.splits if "compact" in one.flow.topic.cleanup)
    return Asked(of(count / load.hold), f"{count:,} compacted partitions / {load.hold} = {count / load.hold:,.0f}")


ASKED: Mapping[str, Callable[[Load], Asked | None]] = {
    "network_in": _written, "disk_write": _written, "network_out": _out, "disk_read": _read_cold, "work": _work,
    "cpu": _cpu, "messages": _messages, "events": _events, "ingress": _ingress, "ingress_steady": _ingress,
    "egress": _egress, "egress_steady": _egress, "connections": _connections, "storage": _storage, "memory": _memory,
    "replicas": _replicas, "partitions": _partitions, "compacted_partitions": _compacted,
}  # fmt: skip
"""By resource: what is asked of it; None where nothing was stated of it."""


def stored(flows: Sequence[Flow], splits: Sequence[Split], copies: int) -> float:
    """Return the bytes of all copies of all topics."""
    held = 0.0
    for flow, one in zip(flows, splits, strict=True):
        topic = flow.topic
        kept = storage.kept(flow.average * flow.record, flow.kept, one.partitions, topic.retention_bytes)
        if topic.cleanup != "delete":
            by_key = storage.compacted(topic.live_keys or 0, flow.record)
            kept = by_key if topic.cleanup == "compact" else min(kept, by_key)
        held += flow.count * storage.with_overhead(kept, one.partitions, copies)
    return held
