"""Queues as pure arithmetic: textbook answers, and the recursions a simulation is made of.

The first half is formulas with known answers: `arrivals` is lambda, `service` is mu (both per second), `servers` is c.
The second half works on arrays of integer nanoseconds, so that cutting a schedule anywhere gives the same result.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def utilisation(arrivals: float, service: float, servers: int = 1) -> float:
    """Return rho = lambda / (c mu), the share of time a server is busy; from 1 on the queue grows for ever."""
    return arrivals / (servers * service)


def mg1_wait(arrivals: float, service: float, variation: float) -> float:
    """Return the mean wait (s) of M/G/1; `variation` is the squared coefficient of variation of service.

    Pollaczek-Khinchine: W = rho / (mu (1 - rho)) * (1 + cv^2) / 2 (Kleinrock, Queueing Systems I, 1975, eq. 5.72).
    Infinite at rho >= 1.
    """
    rho = utilisation(arrivals, service)
    return rho / (service * (1 - rho)) * (1 + variation) / 2 if rho < 1 else math.inf


def mm1_wait(arrivals: float, service: float) -> float:
    """Return the mean wait (s) of M/M/1: rho / (mu - lambda) (Kleinrock I, eq. 5.73)."""
    return mg1_wait(arrivals, service, 1.0)


def md1_wait(arrivals: float, service: float) -> float:
    """Return the mean wait (s) of M/D/1: half of M/M/1's (Kleinrock I, eq. 5.74)."""
    return mg1_wait(arrivals, service, 0.0)


def mm1_sojourn_quantile(arrivals: float, service: float, share: float) -> float:
    """Return the quantile (s) of wait plus service of M/M/1: exponential with rate mu - lambda (Kleinrock I, 5.6)."""
    return -math.log1p(-share) / (service - arrivals) if arrivals < service else math.inf


def md1_wait_cdf(arrivals: float, service: float, wait: float) -> float:
    """Return P(wait <= `wait` s) of M/D/1.

    Erlang (1909): F(t) = (1 - rho) sum_{k=0}^{floor(t mu)} (lambda (k/mu - t))^k / k! * exp(-lambda (k/mu - t)).
    The terms alternate; double precision is good to 1e-6 up to about 20 service times.
    """
    terms = range(math.floor(wait * service + 1e-12) + 1)
    ages = (arrivals * (k / service - wait) for k in terms)
    return (1 - arrivals / service) * math.fsum(
        age**k / math.factorial(k) * math.exp(-age) for k, age in enumerate(ages)
    )


def md1_wait_quantile(arrivals: float, service: float, share: float) -> float:
    """Return the quantile (s) of the wait of M/D/1; 0 where that share of messages does not wait at all."""
    if share <= 1 - utilisation(arrivals, service):
        return 0.0
    return _root(lambda wait: md1_wait_cdf(arrivals, service, wait) - share, 20.0 / service)


def erlang_c(arrivals: float, service: float, servers: int) -> float:
    """Return the probability that a message of M/M/c has to wait; 1 at or above capacity.

    From Erlang B by B(n) = a B(n-1) / (n + a B(n-1)), then C = B / (1 - rho (1 - B)) (Cooper, Introduction to
    Queueing Theory, 1981, ch. 3), which neither overflows nor cancels.
    """
    offered, rho = arrivals / service, utilisation(arrivals, service, servers)
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    return blocked / (1 - rho * (1 - blocked)) if rho < 1 else 1.0


def mmc_wait(arrivals: float, service: float, servers: int) -> float:
    """Return the mean wait (s) of M/M/c: C / (c mu - lambda)."""
    spare = servers * service - arrivals
    return erlang_c(arrivals, service, servers) / spare if spare > 0 else math.inf


def mmc_sojourn_tail(arrivals: float, service: float, servers: int, time: float) -> float:
    """Return P(wait plus service > `time` s) of M/M/c.

    Who waits (share C) waits exponentially with rate a = c mu - lambda and is then served with rate mu; the tail of
    that sum is (a e^(-mu t) - mu e^(-a t)) / (a - mu), or (1 + mu t) e^(-mu t) where a = mu.
    """
    spare, waits = servers * service - arrivals, erlang_c(arrivals, service, servers)
    served = math.exp(-service * time)
    if math.isclose(spare, service, rel_tol=1e-9):
        return served * (1 + waits * service * time)
    queued = (spare * served - service * math.exp(-spare * time)) / (spare - service)
    return (1 - waits) * served + waits * queued


def mmc_sojourn_quantile(arrivals: float, service: float, servers: int, share: float) -> float:
    """Return the quantile (s) of wait plus service of M/M/c; infinite at or above capacity."""
    spare = servers * service - arrivals
    if spare <= 0:
        return math.inf
    most = -2 * math.log1p(-share) / min(spare, service) + 10 / service
    return _root(lambda t: mmc_sojourn_tail(arrivals, service, servers, t) - (1 - share), most)


def _root(function: Callable[[float], float], most: float) -> float:
    from scipy.optimize import brentq  # a third of a second, which every command would pay

    return float(brentq(function, 0.0, most))


def messages_per_batch(rate: float, partitions: int, linger: float, most: int) -> int:
    """Return how many messages a batch holds when `rate` messages/s come evenly, dealt over the partitions in turn.

    A partition gets one every partitions / rate seconds: the first, and what follows within `linger` seconds; at most
    `most`.
    """
    return max(1, min(most, 1 + math.floor(linger * rate / partitions + 1e-9)))


def lindley(arrivals: Ints, services: Ints, free: int) -> Ints:
    """Return when each of a FIFO server's customers leaves: d_i = max(a_i, d_(i-1)) + s_i, with d_(-1) = `free`.

    Lindley (1952), unrolled: with S the running sum of services, d_i = S_i + max(free, max_{j<=i} (a_j - S_(j-1))).
    Integer nanoseconds; `arrivals` need not be sorted, service is in the order given.
    """
    total = np.cumsum(services)
    slack = np.maximum(arrivals - (total - services), free)
    return total + np.maximum.accumulate(slack)


def lindley_many(arrivals: Ints, services: Ints, free: Sequence[int]) -> tuple[Ints, list[int]]:
    """Return when each customer of one queue before several servers leaves, and when each server is free afterwards."""
    if len(free) == 1:
        left = lindley(arrivals, services, free[0])
        return left, [int(left[-1])] if len(left) else list(free)
    heap = list(free)
    heapq.heapify(heap)
    departures = []
    for arrival, service in zip(arrivals.tolist(), services.tolist(), strict=True):
        departures.append(max(heap[0], arrival) + service)
        heapq.heapreplace(heap, departures[-1])
    return np.array(departures, np.int64), heap


@dataclass(frozen=True, slots=True)
class Pauses:
    """Stretches of time in which no work is done: real time maps to the time that was available for work, and back."""

    starts: Ints
    """When each begins, in ns, sorted and not touching."""
    passed: Ints
    """One longer than `starts`: the ns paused by the first 0, 1, 2, ... of them."""

    @classmethod
    def of(cls, pauses: Sequence[tuple[int, int]]) -> Pauses:
        """Return the pauses given as (start, length) in ns, those that touch made one."""
        merged: list[list[int]] = []
        for start, end in sorted((start, start + length) for start, length in pauses if length > 0):
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        lengths = [end - start for start, end in merged]
        return cls(np.array([s for s, _ in merged], np.int64), np.cumsum([0, *lengths], dtype=np.int64))

    def available(self, real: Ints) -> Ints:
        """Return how much working time has passed at each real instant (ns)."""
        begun = np.searchsorted(self.starts, real, "right")
        ends = np.append(np.int64(-(1 << 61)), self.starts + np.diff(self.passed))
        return np.asarray(real - self.passed[begun] + np.maximum(ends[begun] - real, 0), np.int64)

    def real(self, available: Ints) -> Ints:
        """Return the earliest real instant (ns) at which that much working time has passed."""
        return available + self.passed[np.searchsorted(self.starts - self.passed[:-1], available, "left")]


def cut_batches(times: Ints, sizes: Ints, groups: Ints, lingers: Ints, limits: Ints) -> tuple[Ints, Ints]:
    """Return the index of each batch's first message, and when (ns) the batch closes if no more messages come.

    `groups` ascend, `times` ascend within a group; lingers (ns) and limits (bytes) are those of each message's group.
    A batch closes when its bytes reach the limit, when a message comes that no longer fits (which then opens the next
    one), or `linger` after its first message; what comes at that very instant is still in. A message counts at least
    one byte.
    """
    count = len(times)
    total = np.append(np.int64(0), np.cumsum(np.maximum(sizes, 1)))
    starts = _follow(_next_batch(times, total, groups, lingers, limits))
    ends = np.append(starts[1:], count)
    last = np.minimum(ends, count - 1)
    deadline = times[starts] + lingers[starts]
    full = total[ends] - total[starts] >= limits[starts]
    pushed = (ends < count) & (groups[last] == groups[starts]) & (times[last] <= deadline)
    return starts, np.where(full, times[ends - 1], np.where(pushed, times[last], deadline))


def _next_batch(times: Ints, total: Ints, groups: Ints, lingers: Ints, limits: Ints) -> Ints:
    """Return for each message where the next batch would begin if one began with it."""
    origin = int(times.min())
    width = int(times.max()) - origin + int(lingers.max()) + 2
    # One ascending key for all groups, so that one binary search serves them all and never leaves a group.
    key = np.cumsum(np.diff(groups, prepend=groups[0]) != 0) * width + (times - origin)
    by_time = np.searchsorted(key, key + lingers, "right")
    by_bytes = np.searchsorted(total, total[:-1] + limits, "right") - 1
    return np.minimum(by_time, np.maximum(by_bytes, np.arange(1, len(times) + 1)))


def _follow(following: Ints) -> Ints:
    """Return the indices met when starting at 0 and going on to `following[i]` until the end."""
    pointers, index, met = following.tolist(), 0, []
    while index < len(pointers):
        met.append(index)
        index = pointers[index]
    return np.array(met, np.int64)


def ranks(groups: npt.NDArray[Any]) -> Ints:
    """Return for each element how many elements of its group stand before it."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    begins = np.searchsorted(ordered, ordered, "left")
    out = np.empty(len(groups), np.int64)
    out[order] = np.arange(len(groups)) - begins
    return out


def running_max(values: Ints, groups: npt.NDArray[Any]) -> Ints:
    """Return for each element the largest value of its group up to and including it."""
    if not len(values):
        return values
    order = np.argsort(groups, kind="stable")
    origin, ordered = int(values.min()), groups[order]
    width = int(values.max()) - origin + 1
    lift = np.cumsum(np.diff(ordered, prepend=ordered[0]) != 0) * width - origin
    out = np.empty_like(values)
    out[order] = np.maximum.accumulate(values[order] + lift) - lift
    return out
