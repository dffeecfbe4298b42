"""What the load loop drives: one object for each producing or consuming user, stepped without blocking.

A driver belongs to the loop's thread. What it measured leaves through deques that another thread
empties: appending and popping them needs no lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadkit import clock, hashing, stamp
from loadkit.keys.spec import Keys
from loadkit.leg import Leg
from loadkit.pacer import NEVER
from loadkit.payloads.spec import Payload
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Transactions
from loadkit.targets.lane import Acks, Batch, ConsumerLane, Failure, ProducerLane, Received

CHUNK = 1000
"""Messages handed over in one step: more would keep confirmations waiting."""
AHEAD_BYTES = 1 << 20
"""Bytes of messages a producer builds ahead, at most `CHUNK` messages: building few at a time costs ten times more."""
BEHIND = 4
"""How many times that is built at once by a producer that is behind: the next messages are due already."""
GATHER = 4096
"""Messages that are turned into arrays at once; fewer wait for as long as the lane says."""
FEW = 64
"""Messages handed over or taken in a step after which the loop may sleep a little, so that its steps do not each cost
more than the messages they move."""
AT_ONCE = 0
"""Come again without sleeping."""
IDLE_NS = 10_000_000
QUEUE_FULL_NS = 1_000_000
"""How long to wait before trying again when the client's queue has no room."""
ENDING_NS = 100_000
"""How long to wait before looking again whether a transaction has ended."""

Ints = NDArray[np.int64]
StartThread = Callable[[Callable[[], None]], object]


@dataclass(frozen=True, slots=True)
class Sent:
    """Chunks of consecutive messages of one producer, each handed over between two clock readings; one row a chunk."""

    seq: Ints
    """The number of each chunk's first message."""
    count: Ints
    begun_ns: Ints
    done_ns: Ints
    bytes: Ints
    intended_ns: Ints
    """When each message of all chunks was due."""

    @classmethod
    def of(cls, chunks: list[tuple[int, int, int, int, int]], intended_ns: list[Ints]) -> Sent:
        """Return the table of chunks given as (seq, count, begun, done, bytes), with the due times of each."""
        seq, count, begun, done, size = np.array(chunks, np.int64).T
        return cls(seq, count, begun, done, size, np.concatenate(intended_ns))

    def __len__(self) -> int:
        """Return how many messages."""
        return len(self.intended_ns)


@dataclass(frozen=True, slots=True)
class _Ahead:
    """Messages of a leg that are built and not all handed over."""

    leg: Leg
    first: int
    intended_ns: Ints
    offsets: Ints
    prepared: Any


@dataclass(slots=True)
class _Open:
    """The transaction that is open."""

    begun_ns: int
    messages: int = 0
    ending: bool = False
    ended: list[tuple[int, int, bool, BaseException | None]] = field(default_factory=list)


class ProducerDriver:
    """One producing user: sends what is due, never more, and forgets no debt."""

    def __init__(
        self, workload: ProducerWorkload, lane: ProducerLane, payload: Payload, keys: Keys, form: str, run: int,
        number: int, start_thread: StartThread,
    ) -> None:  # fmt: skip
        self.workload, self.lane = workload, lane
        self.run, self.number = run, number
        self._payload, self._keys, self._header = payload, keys, form == "header"
        self._start_thread = start_thread
        self.legs: deque[Leg] = deque()
        self.finished: list[Leg] = []
        self.seq = 0
        self.sent: deque[Sent] = deque()
        self.acks: deque[Acks] = deque()
        self.failures: deque[Failure] = deque()
        self.commits: deque[tuple[int, int]] = deque()
        self.aborts: deque[tuple[Ints, int]] = deque()
        """When each message of an aborted transaction was due, and when the transaction had ended."""
        self.places: deque[tuple[NDArray[np.int32], Ints]] = deque()
        self._ahead: _Ahead | None = None
        self._lookahead = int(np.clip(AHEAD_BYTES // max(1, workload.mean_size), 1, CHUNK))
        self._open: _Open | None = None
        self._open_acks: list[Acks] = []
        self._transactions = 0
        self._collecting = False
        self._chunks: list[tuple[int, int, int, int, int]] = []
        self._chunks_due: list[Ints] = []
        self._gathered_ns = 0
        self.full = False
        """Whether the client's queue had no room for what was due last."""

    def prime(self, partitions: int, now_ns: int) -> Batch:
        """Return one message for each partition, which opens every connection before the schedule starts."""
        stamps = stamp.stamps(self.run, self.number, self.seq, np.full(partitions, now_ns, np.int64))
        self.seq += partitions
        numbers = np.arange(partitions)
        return Batch(self._payload.values(numbers, None if self._header else stamps), self._keys.blobs(numbers), stamps)

    def add(self, leg: Leg) -> None:
        """Append a leg; the loop takes it up when those before are done."""
        self.legs.append(leg)

    def step(self, now_ns: int) -> int:
        """Hand over what is due, serve confirmations; return when to come again (monotonic ns), or AT_ONCE."""
        if self._open and self._open.ending and not self._settle():
            return now_ns + ENDING_NS
        again = self._advance(now_ns)
        self.lane.poll()
        if self._open:
            self._end_when_full(now_ns)  # also when the schedule is over: an open transaction is ended by its interval
        self._gather(now_ns)
        return again

    def _advance(self, now_ns: int) -> int:
        leg = self.legs[0] if self.legs else None
        if leg is None:
            return NEVER
        if leg.over(now_ns):
            self.finish_leg()
            return AT_ONCE
        due = leg.due(now_ns) - leg.sent
        self.full = due > 0 and not self._send(leg, due)
        if due > 0:
            if self.full:
                return now_ns + QUEUE_FULL_NS
            if due > FEW:
                return AT_ONCE
        return self._next(leg, now_ns)

    def _next(self, leg: Leg, now_ns: int) -> int:
        """Return when a leg's next message is due; close the leg when there is none."""
        at = leg.next_ns()
        if at != NEVER or leg.until_ns == NEVER:
            return at
        end_ns = leg.origin_ns + leg.until_ns
        if now_ns >= end_ns:
            self.finish_leg()
            return AT_ONCE
        return end_ns  # the next leg's first message may be due at that very instant

    def finish_leg(self) -> None:
        """Close the current leg; what it did not send stays counted as unsent."""
        self.finished.append(self.legs.popleft())

    def _send(self, leg: Leg, due: int) -> bool:
        """Hand over a chunk of what is due; return whether the client's queue had room for all of it."""
        ahead = self._ahead
        if ahead is None or ahead.leg is not leg or leg.sent >= ahead.first + len(ahead.intended_ns):
            ahead = self._ahead = self._prepare(leg, min(max(due, self._lookahead), BEHIND * self._lookahead))
        n = min(CHUNK, due)
        if self.workload.transactions:
            n = self._in_transaction(n)
        at = leg.sent - ahead.first
        n = min(n, len(ahead.intended_ns) - at)
        if n <= 0:
            return True
        full, begun = self.lane.queue_full, clock.now_ns()
        taken = self.lane.send(ahead.prepared, at, n)
        if taken:
            size = int(ahead.offsets[at + taken] - ahead.offsets[at])
            self._chunks.append((self.seq, taken, begun, clock.now_ns(), size))
            self._chunks_due.append(ahead.intended_ns[at : at + taken])
        self.seq += taken
        leg.sent += taken
        if self._open:
            self._open.messages += taken
        return self.lane.queue_full == full

    def _in_transaction(self, n: int) -> int:
        """Open a transaction if none is; return how many messages it still takes."""
        assert self.workload.transactions
        if not self._open:
            self.lane.begin()
            self._open = _Open(clock.now_ns())
        return min(n, self.workload.transactions.messages - self._open.messages)

    def _prepare(self, leg: Leg, n: int) -> _Ahead:
        """Build the leg's next n messages: when they are due and what is in them is known long before."""
        numbers = leg.number + leg.stride * np.arange(leg.sent, leg.sent + n)
        intended = leg.pacer.intended(leg.sent, n) + leg.origin_ns
        stamps = stamp.stamps(self.run, self.number, self.seq, intended)
        share = self.workload.tombstones
        nulls = hashing.uniform(self.number, numbers, 7) < share if share else None
        values = self._payload.values(numbers, None if self._header else stamps)
        batch = Batch(values, self._keys.blobs(numbers), stamps, nulls)
        return _Ahead(leg, leg.sent, intended, values.offsets, self.lane.prepare(batch))

    def _gather(self, now_ns: int) -> None:
        if now_ns - self._gathered_ns >= self.lane.gather_ns or self.lane.pending() >= GATHER:
            self._gathered_ns = now_ns
            self.collect()

    def collect(self) -> None:
        """Turn the chunks handed over and then the confirmations served so far into arrays."""
        if self._chunks:
            self.sent.append(Sent.of(self._chunks, self._chunks_due))
            self._chunks, self._chunks_due = [], []
        if self.lent:
            return  # two threads in one lane would lose confirmations
        self._collecting = True  # in which what `take_acks` gives is nobody's for a moment
        acks = self.lane.take_acks()
        if acks is not None:
            self.acks.append(acks)
            if self._open:
                self._open_acks.append(acks)
            else:
                self.places.append((acks.partition, acks.offset))
        self.failures.extend(self.lane.take_failures())
        self._collecting = False

    def _end_when_full(self, now_ns: int) -> None:
        rule, now = self.workload.transactions, self._open
        if not rule or not now or not now.messages or now.ending:
            return
        if now.messages >= rule.messages or now_ns - now.begun_ns >= rule.interval * 1e9:
            self.end_transaction(rule)

    def end_transaction(self, rule: Transactions) -> None:
        """Start ending the open transaction in a thread of its own: committing blocks, the loop must not."""
        now = self._open
        if not now or now.ending:
            return
        now.ending = True
        self._transactions += 1
        chance = hashing.uniform(self.number, np.array([self._transactions]), 8)[0]
        commit = bool(chance >= rule.abort)

        def end() -> None:
            begun, error = clock.now_ns(), None
            try:
                self.lane.end(commit)
            except BaseException as caught:  # carried to the loop, which stops the run with it
                error = caught
            now.ended.append((begun, clock.now_ns(), commit, error))

        self._start_thread(end)

    def _settle(self) -> bool:
        """Return whether the ending transaction has ended, and account for it."""
        assert self._open
        if not self._open.ended:
            return False
        begun, done, commit, error = self._open.ended[0]
        if error:
            raise error
        self.collect()
        if commit:
            self.places.extend((acks.partition, acks.offset) for acks in self._open_acks)
            self.commits.append((begun, done))
        else:
            self.aborts.extend((acks.stamps["intended"], done) for acks in self._open_acks)
        self._open, self._open_acks = None, []
        return True

    @property
    def lent(self) -> bool:
        """Whether the lane belongs to the thread that ends the open transaction."""
        return bool(self._open and self._open.ending and not self._open.ended)

    def close(self) -> None:
        """End the client, once the loop has ended. One whose transaction is still ending is left to the process's end:
        another thread is inside of it.
        """
        if not self.lent:
            self.collect()
            self.lane.close()

    def debt(self, now_ns: int) -> int:
        """Return how many messages are due and not handed over."""
        return sum(max(0, leg.counted(now_ns) - leg.sent) for leg in list(self.legs))

    def outstanding(self) -> int:
        """Return how many confirmations are awaited, that of an open transaction included."""
        return self.lane.in_flight() + bool(self._open)

    def untold(self) -> int:
        """Return `outstanding`, and how many are confirmed or failed and stand in no array yet."""
        return self.outstanding() + self.lane.pending() + self._collecting


class ConsumerDriver:
    """One consuming user: takes what has arrived, is busy for as long as its messages take to process."""

    def __init__(self, workload: ConsumerWorkload, lane: ConsumerLane, taken: deque[Received]) -> None:
        """Take the deque that all users of a class in this process share: it keeps the order of what came."""
        self.workload, self.lane = workload, lane
        self.taken = taken
        self._gathered_ns = 0
        self.pause_at_ns = NEVER
        self.resume_at_ns = NEVER
        self._busy_until = 0
        self._paused = False
        self._assigned = lane.rebalances()

    def rebalanced(self) -> int:
        """Return how often partitions were assigned anew since the last call; that of joining does not count."""
        before, self._assigned = self._assigned, self.lane.rebalances()
        return self._assigned - before

    def pause_between(self, start_ns: int, end_ns: int) -> None:
        """Stop fetching from one monotonic instant to another."""
        self.pause_at_ns, self.resume_at_ns = start_ns, end_ns

    def step(self, now_ns: int) -> bool:
        """Take what has arrived; return whether there was so much that more can be expected at once."""
        self._pause_or_resume(now_ns)
        if now_ns < self._busy_until:
            self._gather(now_ns)
            return False
        n = self.lane.take(self.workload.poll_size)
        self._gather(now_ns)
        if not n:
            return False
        if self.workload.process_time:
            self._busy_until = max(now_ns, self._busy_until) + round(n * self.workload.process_time * 1e9)
        if self.workload.commit == "poll":
            self.lane.commit()
        return n > FEW

    def _gather(self, now_ns: int) -> None:
        if now_ns - self._gathered_ns >= self.lane.gather_ns or self.lane.pending() >= GATHER:
            self._gathered_ns = now_ns
            self.collect()

    def collect(self) -> None:
        """Turn what was taken so far into arrays."""
        got = self.lane.take_received()
        if got is not None:
            self.taken.append(got)

    def _pause_or_resume(self, now_ns: int) -> None:
        wanted = self.pause_at_ns <= now_ns < self.resume_at_ns
        if wanted != self._paused:
            self._paused = wanted
            self.lane.pause(wanted)
