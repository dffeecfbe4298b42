"""A cluster with known ceilings, and what its brokers are asked for when partitions are really placed on them.

The placement is independent of the planner's formulas: every partition of every topic has a leader and followers on
brokers of different zones, a zone is lost, its leaders move to the next copy, and each broker's load is summed up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadkit.sizing.model import cpu
from loadkit.sizing.search import Fit
from loadkit.sizing.split import Split


@dataclass(frozen=True, slots=True)
class Truth:
    """What one broker really takes."""

    work: float
    messages: float


@dataclass(frozen=True, slots=True)
class Placed:
    """The fullest broker's load: write equivalents and messages a second, copies counted."""

    work: float
    messages: float

    def within(self, truth: Truth) -> bool:
        """Return whether the fullest broker takes it."""
        return self.work <= truth.work and self.messages <= truth.messages


def placed(fit: Fit, lost_zone: bool, seed: int) -> Placed:
    """Return the load of the fullest broker at the horizon's peak, with a zone lost or one broker."""
    needs = fit.setup.needs
    zones, copies, n = needs.platform.zones, needs.platform.replication_factor, fit.n
    rng = np.random.default_rng(seed)
    zone = np.arange(n) % zones
    down = zone == rng.integers(zones) if lost_zone else np.arange(n) == rng.integers(n)
    into, out, messages = np.zeros(n), np.zeros(n), np.zeros(n)
    for one in fit.splits:
        for _ in range(one.flow.count):
            _place(one, copies, rng.integers(n, size=2), (zone, down), (into, out, messages))
    work = cpu.work(1.0, 0.0) * into + (cpu.work(1.0, 1.0) - 1.0) * out
    return Placed(float(work.max()), float(messages.max()))


def replicas(at: int, start: int, shift: int, copies: int, zone: np.ndarray) -> list[int]:
    """Return the brokers of a partition, its leader first, as Kafka assigns them: leaders dealt out in turn, followers
    further on by one more each round, in zones that have no copy yet while there are any.

    `AdminUtils.assignReplicasToBrokers` of Kafka: replica j is at (first + 1 + (shift + j) mod (n - 1)) mod n.
    """
    n = len(zone)
    first = (start + at) % n
    chosen, behind = [first], shift + at // n
    for j in range(2 * n):
        broker = (first + 1 + (behind + j) % (n - 1)) % n
        taken = {int(zone[other]) for other in chosen}
        if (
            len(chosen) < copies
            and broker not in chosen
            and (zone[broker] not in taken or len(taken) == len(set(zone)))
        ):
            chosen.append(broker)
    return chosen


def _place(
    one: Split, copies: int, begin: Sequence[int], where: tuple[np.ndarray, np.ndarray], sums: Sequence[np.ndarray]
) -> None:
    into, out, messages = sums
    (zone, down), flow = where, one.flow
    even = (1 - flow.share) / one.partitions
    for partition in range(one.partitions):
        share = even + (flow.share if partition == 0 else 0.0)
        on = replicas(partition, int(begin[0]), int(begin[1]), copies, zone)
        alive = [broker for broker in on if not down[broker]]
        if not alive:
            continue
        rate, leader = share * flow.peak * flow.record, alive[0]
        for broker in alive:
            into[broker] += rate
            messages[broker] += share * flow.peak
        out[leader] += rate * (len(alive) - 1 + flow.tails)
