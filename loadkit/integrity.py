"""Nothing lost, doubled or reordered unnoticed: accounts by partition, with bounded memory.

Producers' confirmations carry partition and offset; consumers see the same offsets. Both sides keep
them as ranges: contiguous when all is well, so a partition costs two numbers and each fault two more.

    lost        confirmed offsets that a group never received, that are no longer in the log, or that
                were confirmed twice (an overwritten message: an unclean election does these)
    duplicated  one stamp at two offsets of the log
    reordered   a stamp behind a later one of the same producer in the same partition
    redelivered an offset received again (a rebalance or restart does that; it is no fault of the log)
    unconfirmed received, though its producer was never told so (a timeout after the write)

Ranges add up across processes by union, so a partition may move from one to another.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadkit.arrays import distinct, rising

Ints = NDArray[np.int64]
Run = tuple[int, int]
"""Offsets from the first up to, not including, the second."""
REMEMBERED = 1 << 20
"""Stamps a group remembers to tell a duplicate from a reordered message; an older one counts as reordered."""


class Ranges:
    """A set of offsets as sorted, disjoint runs."""

    __slots__ = ("_starts", "_ends")

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in runs:
            self.add(start, end)

    def __iter__(self) -> Iterator[Run]:
        return zip(self._starts, self._ends, strict=True)

    def __len__(self) -> int:
        """Return how many offsets are in the set."""
        return sum(self._ends) - sum(self._starts)

    def add(self, start: int, end: int) -> int:
        """Add a run; return how many of its offsets were there already."""
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        touched = range(first, last)
        overlap = sum(stop - begin for begin, stop in self.common(start, end))
        if touched:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last], self._ends[first:last] = [start], [end]
        return overlap

    def common(self, start: int, end: int) -> list[Run]:
        """Return the runs of this set that lie in a run."""
        touched = range(bisect_right(self._ends, start), bisect_left(self._starts, end))
        return [(max(start, self._starts[i]), min(end, self._ends[i])) for i in touched]

    def contains(self, offsets: Ints) -> NDArray[np.bool_]:
        """Return which offsets are in the set."""
        if not len(offsets):
            return np.zeros(0, bool)
        # only the runs around them: transaction markers leave a gap each, so a long run has many
        low = max(bisect_right(self._starts, int(offsets.min())) - 1, 0)
        high = bisect_right(self._starts, int(offsets.max()))
        at = np.searchsorted(np.array(self._starts[low:high], np.int64), offsets, side="right") - 1
        ends = np.array([*self._ends[low:high], -(1 << 62)], np.int64)  # index -1: before the first run
        return offsets < ends[at]

    def minus(self, other: Ranges) -> list[Run]:
        """Return the runs of this set that the other does not have."""
        left: list[Run] = []
        for begin, end in self:
            start, i = begin, bisect_right(other._ends, begin)
            while i < len(other._starts) and other._starts[i] < end:
                if other._starts[i] > start:
                    left.append((start, other._starts[i]))
                start = max(start, other._ends[i])
                i += 1
            if start < end:
                left.append((start, end))
        return left


def runs_of(offsets: Ints) -> list[Run]:
    """Return the runs of consecutive numbers in a sorted array."""
    if not len(offsets):
        return []
    cuts = np.flatnonzero(np.diff(offsets) != 1) + 1
    starts = offsets[np.concatenate([[0], cuts])]
    ends = offsets[np.concatenate([cuts - 1, [len(offsets) - 1]])] + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


@dataclass(slots=True)
class Delta:
    """What one side of one partition saw since the last: runs of offsets and counts. Small enough to send."""

    runs: list[Run] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, n: int) -> None:
        """Add to one count."""
        if n:
            self.counts[name] = self.counts.get(name, 0) + n


class Confirmed:
    """The producers' side in one process: confirmed offsets by partition of one topic."""

    def __init__(self) -> None:
        self._new: dict[int, Delta] = {}

    def add(self, partition: NDArray[np.int32], offset: Ints) -> None:
        """Take the places of confirmed messages."""
        for p in np.flatnonzero(np.bincount(partition)).tolist():
            offsets = offset[partition == p]
            offsets = offsets if rising(offsets) else np.sort(offsets)
            known = offsets if offsets[0] >= 0 else offsets[offsets >= 0]
            delta = self._new.setdefault(p, Delta())
            delta.count("acked", len(offsets))
            delta.count("unplaced", len(offsets) - len(known))
            delta.runs += runs_of(known)

    def cut(self) -> dict[int, Delta]:
        """Return and forget what was added since the last cut."""
        new, self._new = self._new, {}
        return new


class Consumed:
    """One group's side in one process: received offsets and order by partition of one topic."""

    def __init__(self, ordered: bool = True) -> None:
        self._ordered = ordered
        self._seen: dict[int, Ranges] = {}
        self._last: dict[int, dict[int, int]] = {}
        self._new: dict[int, Delta] = {}
        self._ring = np.full(REMEMBERED, np.iinfo(np.uint64).max)
        self._at = 0

    def add(self, partition: NDArray[np.int32], offset: Ints, producer: Ints, seq: Ints) -> None:
        """Take received messages of this run, in the order in which they came."""
        late: list[tuple[Delta, NDArray[np.uint64], NDArray[np.bool_]]] = []
        names: list[NDArray[np.uint64]] = []
        for p in np.flatnonzero(np.bincount(partition)).tolist():
            mine = partition == p
            self._one(p, offset[mine], producer[mine], seq[mine], late, names)
        self._judge(late)
        for some in names:
            self._remember(some)

    def _one(self, p: int, offset: Ints, producer: Ints, seq: Ints, late: list[Any], names: list[Any]) -> None:
        delta, seen = self._new.setdefault(p, Delta()), self._seen.setdefault(p, Ranges())
        fresh = ~seen.contains(offset)
        if not rising(offset):
            fresh &= _first_of_each(offset)
        delta.count("received", len(offset))
        delta.count("redelivered", int(len(offset) - fresh.sum()))
        if not fresh.all():
            offset, producer, seq = offset[fresh], producer[fresh], seq[fresh]
        if not rising(offset):  # order is a fact of the log, whoever of the group came first
            order = np.argsort(offset, kind="stable")
            offset, producer, seq = offset[order], producer[order], seq[order]
        if self._ordered:
            self._order(delta, self._last.setdefault(p, {}), producer, seq, late, names)
        for start, end in runs_of(offset):
            seen.add(start, end)
            delta.runs.append((start, end))

    def _order(
        self, delta: Delta, last: dict[int, int], producer: Ints, seq: Ints, late: list[Any], names: list[Any]
    ) -> None:
        for one in distinct(producer):
            mine = seq[producer == one]
            before = last.get(one, -1)
            highest = np.maximum.accumulate(np.concatenate([[before], mine]))
            named = (np.uint64(one) << np.uint64(40)) | mine.astype(np.uint64)
            names.append(named)
            behind = mine <= highest[:-1]
            if behind.any():
                again = (mine[behind] == before) | ~_first_of_each(mine)[behind]
                late.append((delta, named[behind], again))
            last[one] = int(highest[-1])

    def _judge(self, late: list[tuple[Delta, NDArray[np.uint64], NDArray[np.bool_]]]) -> None:
        """Count late messages as duplicated if their stamp was seen before, else as reordered; one search for all."""
        if not late:
            return
        held = self._ring[np.isin(self._ring, np.concatenate([names for _, names, _ in late]))]
        for delta, names, again in late:
            known = again | np.isin(names, held)
            delta.count("duplicated", int(known.sum()))
            delta.count("reordered", int((~known).sum()))

    def _remember(self, names: NDArray[np.uint64]) -> None:
        names = names[-REMEMBERED:]
        end = self._at + len(names)
        first = min(end, REMEMBERED) - self._at
        self._ring[self._at : self._at + first] = names[:first]
        self._ring[: len(names) - first] = names[first:]
        self._at = end % REMEMBERED

    def cut(self) -> dict[int, Delta]:
        """Return and forget what was added since the last cut; what was seen stays known."""
        new, self._new = self._new, {}
        return new


def _first_of_each(values: Ints) -> NDArray[np.bool_]:
    """Return which values stand for the first time."""
    first = np.zeros(len(values), bool)
    first[np.unique(values, return_index=True)[1]] = True
    return first


@dataclass(slots=True)
class _Side:
    ranges: Ranges = field(default_factory=Ranges)
    counts: dict[str, int] = field(default_factory=dict)
    overlap: int = 0
    again: Ranges | None = None
    """What stands in `overlap`; only its number is kept where none of it is a fault."""

    def add(self, delta: Delta) -> None:
        for start, end in delta.runs:
            if self.again is not None:
                for run in self.ranges.common(start, end):
                    self.again.add(*run)
            self.overlap += self.ranges.add(start, end)
        for name, n in delta.counts.items():
            self.counts[name] = self.counts.get(name, 0) + n


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the messages of one partition, for one group."""

    topic: str
    partition: int
    group: str
    acked: int
    received: int
    lost: int
    duplicated: int
    reordered: int
    redelivered: int
    unconfirmed: int
    unread: int
    """Confirmed, still in the log, and not reached by the group when the run ended."""
    lost_runs: tuple[Run, ...] = ()


class Accounts:
    """Both sides of every partition, added up over all processes."""

    def __init__(self) -> None:
        self._confirmed: dict[tuple[str, int], _Side] = {}
        self._consumed: dict[tuple[str, str, int], _Side] = {}

    def confirmed(self, topic: str, partition: int, delta: Delta) -> None:
        """Add what one process confirmed."""
        self._confirmed.setdefault((topic, partition), _Side(again=Ranges())).add(delta)

    def consumed(self, group: str, topic: str, partition: int, delta: Delta) -> None:
        """Add what one process of a group received."""
        self._consumed.setdefault((group, topic, partition), _Side()).add(delta)

    def unplaced(self) -> int:
        """Return how many messages were confirmed without an offset.

        With acks=0 all are; else those that a broker had already when they were sent again.
        """
        return sum(side.counts.get("unplaced", 0) for side in self._confirmed.values())

    def verdicts(
        self, groups: Iterable[tuple[str, str]], logs: Mapping[tuple[str, int], Run] | None = None, told: bool = False
    ) -> list[Verdict]:
        """Return the verdict on every partition for each (group, topic).

        `logs` holds first and end offset by (topic, partition): what lies in the log behind the last
        offset a group received is unread, not lost. Without it everything missing counts as unread there.

        `told` says that every message that was sent was confirmed. Then whoever was received at an offset that nobody
        confirmed is a duplicate or one that was confirmed without an offset, and such a one that was not received is
        missing: lost where the group came to the log's end, else at best unread. Otherwise it may hide behind a message
        that failed and was written all the same, and is not judged.
        """
        found, known = [], logs or {}
        for group, topic in groups:
            partitions = {p for t, p in self._confirmed if t == topic}
            partitions |= {p for g, t, p in self._consumed if (g, t) == (group, topic)}
            found += [
                self._verdict(group, topic, p, known.get((topic, p), (0, 1 << 62)), told) for p in sorted(partitions)
            ]
        return found

    def _verdict(self, group: str, topic: str, partition: int, log: Run, told: bool) -> Verdict:
        sent = self._confirmed.get((topic, partition), _Side())
        got = self._consumed.get((group, topic, partition), _Side())
        missing = Ranges(sent.ranges.minus(got.ranges))
        reached = max(max((end for _, end in got.ranges), default=0), log[0])
        unread = Ranges([(reached, log[1])] if log[1] > reached else [])
        gone = Ranges([*missing.minus(unread), *sent.ranges.common(log[1], 1 << 62)])
        surplus = len(Ranges(got.ranges.minus(sent.ranges)))
        unplaced, duplicated = sent.counts.get("unplaced", 0), got.counts.get("duplicated", 0)
        waiting = sum(end - start for run in unread for start, end in missing.common(*run))
        absent = max(0, unplaced - max(0, surplus - duplicated)) if told else 0
        ahead = min(absent, len(unread) - waiting)
        return Verdict(
            topic, partition, group,
            acked=sent.counts.get("acked", 0),
            received=got.counts.get("received", 0),
            lost=len(gone) + sent.overlap + absent - ahead,
            duplicated=duplicated,
            reordered=got.counts.get("reordered", 0),
            redelivered=got.counts.get("redelivered", 0) + got.overlap,
            unconfirmed=max(0, surplus - duplicated - unplaced),
            unread=waiting + ahead,
            lost_runs=tuple(Ranges([*gone, *(sent.again or ())]))[:20],
        )  # fmt: skip
