"""The stages a message passes in the simulated cluster, each carrying its state from one window to the next.

Generator -> Sender -> OpenBatches -> Servers -> Log -> Readers. Messages travel as columns: arrays of int64, one row a
message, times in integer nanoseconds. A `horizon` is an instant before which everything is known: nothing earlier will
come any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from loadkit.targets.queueing import Ints, Pauses, cut_batches, lindley, lindley_many, ranks, running_max

Columns = Mapping[str, Ints]

NEVER = 1 << 61
"""A time in ns after everything; its negative is before everything."""


def empty(names: Sequence[str]) -> Columns:
    """Return columns of no rows."""
    return {name: np.empty(0, np.int64) for name in names}


def join(parts: Sequence[Columns]) -> Columns:
    """Return the rows of all parts, one after the other; at least one part is needed."""
    return parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def pick(columns: Columns, index: Ints | slice) -> Columns:
    """Return the rows at these positions."""
    return {name: column[index] for name, column in columns.items()}


class Held:
    """Rows kept until the instant in their column `when` has come, in blocks: taking some does not copy all."""

    def __init__(self, when: str, names: Sequence[str]) -> None:
        self._when, self._none = when, empty([*names, when])
        self._blocks: list[Columns] = []

    def add(self, columns: Columns) -> None:
        """Keep these rows."""
        if len(columns[self._when]):
            self._blocks.append({name: columns[name] for name in self._none})

    def take(self, before: int) -> Columns:
        """Return and forget the rows whose instant is earlier, by instant, then in the order they were added."""
        taken, kept = [self._none], []
        for block in self._blocks:
            due = block[self._when] < before
            if due.any():
                taken.append(pick(block, np.flatnonzero(due)))
            if not due.all():
                kept.append(pick(block, np.flatnonzero(~due)) if due.any() else block)
        self._blocks = kept
        rows = join(taken)
        return pick(rows, np.argsort(rows[self._when], kind="stable"))


class Generator:
    """Hands messages over in the order they are due, at most `rate` a second."""

    def __init__(self, rate: float) -> None:
        self._gap, self._count, self._free = 1e9 / rate, 0, -NEVER

    def hand_over(self, intended: Ints) -> Ints:
        """Return when each message, in the order due, is handed over (ns)."""
        if not self._gap or not len(intended):
            return intended
        ticks = np.floor(np.arange(self._count, self._count + len(intended) + 1) * self._gap).astype(np.int64)
        gaps = np.diff(ticks)
        done = lindley(intended, gaps, self._free)
        self._count, self._free = self._count + len(intended), int(done[-1])
        return np.asarray(done - gaps, np.int64)


class Sender:
    """One producer's way into its buffer of `limit` messages; a message leaves it when it is acked."""

    def __init__(self, limit: int | None, names: Sequence[str]) -> None:
        self._limited, self._room = limit is not None, NEVER if limit is None else limit
        self._pending, self._acked = empty(names), np.empty(0, np.int64)
        self.delayed = 0

    def add(self, rows: Columns) -> None:
        """Queue messages that were handed over at their `ready`."""
        self._pending = join([self._pending, rows]) if len(self._pending["ready"]) else rows

    def acked(self, times: Ints) -> None:
        """Take note of acks: each makes room for one message."""
        if self._limited:
            self._acked = np.sort(np.concatenate([self._acked, times]))

    def unknown_from(self, bound: int) -> int:
        """Return when the first message is ready whose room depends on an ack later than `bound`."""
        known = self._room + int(np.searchsorted(self._acked, bound, "right"))
        return int(self._pending["ready"][known]) if known < len(self._pending["ready"]) else NEVER

    def release(self, before: int) -> Columns:
        """Return the messages sent before that instant, with their `sent`."""
        ready = self._pending["ready"][: int(np.searchsorted(self._pending["ready"], before))]
        free = min(self._room, len(ready))
        rooms = self._acked[: len(ready) - free]
        ready = ready[: free + len(rooms)]
        room = np.concatenate([np.full(free, -NEVER), rooms])
        sent = np.maximum(ready, room)  # both ascend, so the order is kept
        count = int(np.searchsorted(sent, before))
        self.delayed += int(np.count_nonzero(room[:count] > ready[:count]))
        self._room, self._acked = self._room - min(count, free), self._acked[max(0, count - free) :]
        out = {**pick(self._pending, slice(0, count)), "sent": sent[:count]}
        self._pending = pick(self._pending, slice(count, None))
        return out


class OpenBatches:
    """The batches that the producers are filling, one for each (producer, partition)."""

    def __init__(self, lingers: Ints, limits: Ints, first_group: Ints, names: Sequence[str]) -> None:
        self._lingers, self._limits, self._first_group = lingers, limits, first_group
        self._open = empty([*names, "sent"])

    def close(self, sent: Columns, horizon: int) -> tuple[Columns, Columns]:
        """Return the batches closed before the horizon, in that order, and their messages in the same order."""
        rows = join([self._open, sent])
        groups = _narrow(self._first_group[rows["producer"]] + rows["partition"])
        order = np.argsort(groups, kind="stable")
        rows, groups = pick(rows, order), groups[order].astype(np.int64)
        if not len(order):
            return {name: order for name in ("producer", "partition", "closed", "messages", "bytes")}, rows
        who = rows["producer"]
        starts, closed = cut_batches(rows["sent"], rows["size"], groups, self._lingers[who], self._limits[who])
        lengths, size = np.diff(starts, append=len(order)), np.add.reduceat(rows["size"], starts)
        done = closed < horizon
        self._open = pick(rows, np.flatnonzero(np.repeat(~done, lengths)))
        which = np.flatnonzero(done)
        which = which[np.argsort(closed[which], kind="stable")]
        starts, lengths = starts[which], lengths[which]
        batches = {"producer": who[starts], "partition": rows["partition"][starts], "closed": closed[which]}
        batches |= {"messages": lengths, "bytes": size[which]}
        return batches, pick(rows, _spans(starts, lengths))


class Servers:
    """The cluster's one queue and its request handlers, which stand still in the pauses."""

    def __init__(self, servers: int, pauses: Pauses) -> None:
        self._free, self._pauses = [-NEVER] * servers, pauses
        self._work: deque[tuple[Ints, Ints]] = deque()

    def serve(self, arrived: Ints, service: Ints) -> Ints:
        """Return when each batch, in the order of arrival, leaves (ns)."""
        left, self._free = lindley_many(self._pauses.available(arrived), service, self._free)
        if len(left):
            self._work.append((left - service, left))
        return self._pauses.real(left)

    def earliest(self, arrival: int) -> int:
        """Return the earliest instant at which a batch that is not known yet, arriving from `arrival` on, may leave."""
        begin = max(min(self._free), _at(self._pauses.available, arrival))
        return _at(self._pauses.real, begin + 1)

    def busy(self, since: int, until: int) -> float:
        """Return the seconds that all servers together worked between two instants; a pause is no work."""
        low, high = (_at(self._pauses.available, time) for time in (since, until))
        worked = 0
        for starts, ends in self._work:
            if starts[0] >= high:
                break
            worked += int(np.maximum(np.minimum(ends, high) - np.maximum(starts, low), 0).sum())
        while self._work and self._work[0][1].max() <= high:
            self._work.popleft()
        return worked / 1e9


class Log:
    """Offsets and high watermark of every (topic, partition)."""

    def __init__(self, logs: int) -> None:
        self._next, self._high = np.zeros(logs, np.int64), np.full(logs, -NEVER, np.int64)

    def append(self, logs: Ints) -> Ints:
        """Return the offsets of records appended to these logs, in the order given."""
        offsets = self._next[logs] + ranks(_narrow(logs))
        self._next += np.bincount(logs, minlength=len(self._next))
        return offsets

    def high_watermark(self, logs: Ints, stored: Ints) -> Ints:
        """Return when consumers may see each batch: once it and all before it in its log are stored."""
        visible = running_max(np.maximum(stored, self._high[logs]), logs)
        np.maximum.at(self._high, logs, visible)
        return visible


class Readers:
    """One consumer group: logs dealt in turn to its consumers, each a FIFO server of `process` ns a message."""

    def __init__(self, logs: Ints, total: int, consumers: int, process: int, start: int) -> None:
        self._consumer = np.full(total, -1, np.int64)
        self._consumer[logs] = np.arange(len(logs)) % consumers
        self._free, self._process, self._start = [-NEVER] * consumers, process, start

    def receive(self, rows: Columns, delay: int) -> Columns:
        """Return what this group reads of rows that come in the order of `visible`, with `received` (ns)."""
        rows = pick(rows, np.flatnonzero(self._consumer[rows["log"]] >= 0))
        received = np.maximum(rows["visible"] + delay, self._start)
        consumers = self._consumer[rows["log"]] if self._process else np.empty(0, np.int64)
        for consumer in np.unique(consumers).tolist():
            mine = np.flatnonzero(consumers == consumer)
            left = lindley(received[mine], np.full(len(mine), self._process), self._free[consumer])
            received[mine], self._free[consumer] = left - self._process, int(left[-1])
        return {**rows, "received": received}


def _spans(starts: Ints, lengths: Ints) -> Ints:
    """Return the positions start, start + 1, ... of each span, one span after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def _at(mapping: Callable[[Ints], Ints], time: int) -> int:
    return int(mapping(np.array([time], np.int64))[0])


def _narrow(groups: Ints) -> npt.NDArray[Any]:
    """Return the same numbers in 16 bits where they fit: numpy sorts those by radix, several times faster."""
    return groups.astype(np.uint16) if len(groups) and groups.max() < 1 << 16 else groups
