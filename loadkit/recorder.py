"""Arrays of instants in, one histogram a second and series out.

Four instants, in monotonic nanoseconds of one host: `intended` (the message was due), `sent` (handed to
the client), `acked` (its confirmation was served), `received` (a consumer got it).

    latency      = acked - intended       send_delay = sent - intended
    service_time = acked - sent           end_to_end = received - intended

A message belongs to the phase in which it was due, and its values to the second in which they became
known. Nothing here reads a clock; everything is whole arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadkit import stamp
from loadkit.arrays import distinct
from loadkit.drivers import Sent
from loadkit.histogram import HIGHEST_US, Histogram
from loadkit.targets.lane import Acks, Received

Ints = NDArray[np.int64]
SECOND_NS = 10**9
SLICE = 20_000
"""Values recorded at once: a longer fold would hold the interpreter lock and make the loop late."""


@dataclass(frozen=True, slots=True)
class Window:
    """The schedule's clock: `zero_ns` is its time 0; messages due in [from_ns, until_ns) are measured."""

    zero_ns: int
    from_ns: int = 1 << 62
    until_ns: int = 1 << 62

    def second(self, clock_ns: int) -> int:
        """Return the whole second of the schedule in which a clock reading lies; 0 before it began."""
        return max(0, (clock_ns - self.zero_ns) // SECOND_NS)


@dataclass(slots=True)
class Interval:
    """What became known in one second about messages of one phase."""

    histograms: dict[str, Histogram] = field(default_factory=dict)
    counts: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    """By (kind, name), as in `result`'s rows."""

    def count(self, kind: str, name: str, **numbers: int) -> None:
        """Add to the numbers of one row."""
        row = self.counts.setdefault((kind, name), {})
        for key, n in numbers.items():
            row[key] = row.get(key, 0) + int(n)

    def add(self, other: Interval) -> None:
        """Add another process's interval of the same second and phase."""
        for tag, histogram in other.histograms.items():
            self.histograms.setdefault(tag, Histogram()).add(histogram)
        for (kind, name), numbers in other.counts.items():
            self.count(kind, name, **numbers)

    def pack(self) -> dict[str, Any]:
        """Return a form that travels between processes."""
        return {
            "histograms": {tag: histogram.pack() for tag, histogram in self.histograms.items()},
            "counts": [[kind, name, numbers] for (kind, name), numbers in self.counts.items()],
        }

    @classmethod
    def unpack(cls, packed: dict[str, Any]) -> Interval:
        """Return the interval that `pack` wrote."""
        histograms = {tag: Histogram.unpack(h) for tag, h in packed["histograms"].items()}
        return cls(histograms, {(kind, name): dict(numbers) for kind, name, numbers in packed["counts"]})


Key = tuple[int, str]
"""(second, phase)"""


class SendLog:
    """When each unconfirmed message of one producer was handed over, by chunk.

    A chunk's messages are placed evenly between the clock readings before and after it.
    """

    def __init__(self) -> None:
        self._first = np.zeros(0, np.int64)
        self._begun = np.zeros(0, np.int64)
        self._took = np.zeros(0, np.int64)
        self._count = np.zeros(0, np.int64)
        self._left = np.zeros(0, np.int64)

    def add(self, sent: list[Sent]) -> None:
        """Append chunks in the order of their numbers."""
        if not sent:
            return
        self._first = np.concatenate([self._first, *(s.seq for s in sent)])
        self._begun = np.concatenate([self._begun, *(s.begun_ns for s in sent)])
        self._took = np.concatenate([self._took, *(s.done_ns - s.begun_ns for s in sent)])
        self._count = np.concatenate([self._count, *(s.count for s in sent)])
        self._left = np.concatenate([self._left, *(s.count for s in sent)])

    def sent_at(self, seqs: Ints) -> Ints:
        """Return when messages were handed over, and count them as confirmed; 0 for unknown ones."""
        if not len(self._first):
            return np.zeros(len(seqs), np.int64)
        at = np.clip(np.searchsorted(self._first, seqs, side="right") - 1, 0, None)
        place = seqs - self._first[at]
        known = (place >= 0) & (place < self._count[at])
        self._left -= np.bincount(at[known], minlength=len(self._left))
        return np.where(known, self._begun[at] + place * self._took[at] // np.maximum(self._count[at], 1), 0)

    def prune(self) -> None:
        """Forget the chunks that are wholly confirmed."""
        keep = self._left > 0
        if not keep.all():
            self._first, self._begun, self._took = self._first[keep], self._begun[keep], self._took[keep]
            self._count, self._left = self._count[keep], self._left[keep]

    def __len__(self) -> int:
        """Return how many chunks are not wholly confirmed."""
        return len(self._first)


def handed_over(sent: list[Sent]) -> tuple[Ints, NDArray[np.float64]]:
    """Return when each message of some chunks was handed over, and its share of its chunk's bytes."""
    n = np.concatenate([s.count for s in sent])
    begun, size = np.concatenate([s.begun_ns for s in sent]), np.concatenate([s.bytes for s in sent])
    took = np.concatenate([s.done_ns for s in sent]) - begun
    place = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
    return np.repeat(begun, n) + place * np.repeat(took, n) // np.repeat(n, n), np.repeat(size / n, n)


class Recorder:
    """One process's measurements, as intervals by second and phase."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._latest_ns = window.zero_ns
        self._intervals: dict[Key, Interval] = {}

    def interval(self, second: int, phase: str) -> Interval:
        """Return the interval of a second and phase, made if need be."""
        return self._intervals.setdefault((second, phase), Interval())

    def cut(self, before: int) -> dict[Key, Interval]:
        """Return and forget the intervals of seconds before `before`."""
        ready = [key for key in self._intervals if key[0] < before]
        return {key: self._intervals.pop(key) for key in sorted(ready)}

    def sent(self, name: str, chunks: Iterable[Sent]) -> Iterator[None]:
        """Record what was handed over; yields between slices so that others may run."""
        for group in _grouped(list(chunks)):
            intended = np.concatenate([c.intended_ns for c in group])
            instants, sizes = handed_over(group)
            for at, phase, second in self._parts(intended, instants):
                interval = self.interval(second, phase)
                _record(interval, phase, f"{name}.send_delay", instants[at] - intended[at])
                interval.count("producer", name, sent=_n(at, intended), sent_bytes=round(sizes[at].sum()))
            yield

    def acked(self, name: str, topic: str, batches: Iterable[Acks], log: SendLog) -> Iterator[None]:
        """Record confirmations; yields between slices."""
        for group in _grouped(list(batches)):
            stamps, clocks = stamp.joined([a.stamps for a in group]), np.concatenate([a.acked_ns for a in group])
            partition, size = np.concatenate([a.partition for a in group]), np.concatenate([a.size for a in group])
            intended, sent = np.ascontiguousarray(stamps["intended"]), log.sent_at(stamps["seq"].astype(np.int64))
            for at, phase, second in self._parts(intended, clocks):
                interval = self.interval(second, phase)
                latency = clocks[at] - intended[at]
                _record(interval, phase, f"{name}.latency", latency)
                known = sent[at] > 0
                _record(interval, phase, f"{name}.service_time", (clocks[at] - sent[at])[known])
                interval.count("producer", name, acked=len(latency), acked_bytes=int(size[at].sum()))
                _count_odd(interval, "producer", name, latency)
                self._places(interval, topic, partition[at], "acked")
                self._places(interval, topic, partition[at], "acked_bytes", size[at])
            yield

    def received(self, name: str, topic: str, takes: Iterable[Received]) -> Iterator[None]:
        """Record what consumers got; yields between slices."""
        for group in _grouped(list(takes)):
            stamps = np.ascontiguousarray(stamp.joined([r.stamps for r in group])["intended"])
            clocks = np.concatenate([r.received_ns for r in group])
            partition = np.concatenate([r.partition for r in group])
            size = np.concatenate([r.size for r in group])
            for at, phase, second in self._parts(stamps, clocks):
                interval = self.interval(second, phase)
                spent = clocks[at] - stamps[at]
                _record(interval, phase, f"{name}.end_to_end", spent)
                interval.count("consumer", name, received=len(spent), received_bytes=int(size[at].sum()))
                _count_odd(interval, "consumer", name, spent)
                self._places(interval, topic, partition[at], "received")
            self._oddities(name, group)
            yield

    def _oddities(self, name: str, group: list[Received]) -> None:
        for take in group:
            if take.errors or take.foreign:  # without a message of ours there is no clock: the latest known one is near
                at = int(take.received_ns[-1]) if len(take.received_ns) else self._latest_ns
                interval = self.interval(self.window.second(at), self.phase(at))
                interval.count("consumer", name, foreign=take.foreign, errors=sum(take.errors.values()))
                for code, n in take.errors.items():
                    interval.count("errors", code, count=n)

    def values(self, name: str, series: str, intended_ns: Ints, clocks_ns: Ints, values_ns: Ints) -> None:
        """Record values of one series, each in the second of its clock and the phase of its message."""
        for at, phase, second in self._parts(intended_ns, clocks_ns):
            _record(self.interval(second, phase), phase, f"{name}.{series}", values_ns[at])

    def counted(self, kind: str, name: str, intended_ns: Ints, clocks_ns: Ints, field: str, each: int) -> None:
        """Count messages, `each` at a time."""
        for at, phase, second in self._parts(intended_ns, clocks_ns):
            self.interval(second, phase).count(kind, name, **{field: each * _n(at, clocks_ns)})

    def spent(self, name: str, series: str, pairs: Iterable[tuple[int, int]]) -> None:
        """Record durations that are known as (begun, done) clocks, such as commits."""
        for begun, done in pairs:
            phase = self.phase(begun)
            _record(self.interval(self.window.second(done), phase), phase, f"{name}.{series}", np.array([done - begun]))

    def failed(self, name: str, clock_ns: int, intended_ns: int, code: str) -> None:
        """Record one message that the client gave up."""
        interval = self.interval(self.window.second(clock_ns), self.phase(intended_ns))
        interval.count("producer", name, errors=1)
        interval.count("errors", code, count=1)

    def phase(self, intended_ns: int) -> str:
        """Return the phase in which a message was due."""
        return "measure" if self.window.from_ns <= intended_ns < self.window.until_ns else "warmup"

    def _places(
        self, interval: Interval, topic: str, partition: NDArray[np.int32], what: str, each: NDArray[Any] | None = None
    ) -> None:
        counts = np.bincount(partition, each)
        for p in np.flatnonzero(counts).tolist():
            interval.count("partition", f"{topic}/{p}", **{what: int(counts[p])})

    def _parts(self, intended: Ints, clocks: Ints) -> Iterator[tuple[Any, str, int]]:
        """Yield (where, phase, second) for each phase and second that occurs."""
        if not len(clocks):
            return
        self._latest_ns = max(self._latest_ns, int(clocks.max()))
        measured = (intended >= self.window.from_ns) & (intended < self.window.until_ns)
        seconds = np.maximum((clocks - self.window.zero_ns) // SECOND_NS, 0)
        keys = seconds * 2 + measured
        found = distinct(keys)
        if len(found) == 1:
            yield slice(None), "measure" if found[0] % 2 else "warmup", found[0] // 2
            return
        for key in found:
            yield np.flatnonzero(keys == key), "measure" if key % 2 else "warmup", key // 2


def _count_odd(interval: Interval, kind: str, name: str, values_ns: Ints) -> None:
    """Count the values that a histogram holds at one of its ends; a row that has none does not speak of them."""
    if len(values_ns) and int(values_ns.min()) < 0:
        interval.count(kind, name, negative=int((values_ns < 0).sum()))
    if len(values_ns) and int(values_ns.max()) > HIGHEST_US * 1000:
        interval.count(kind, name, overflow=int((values_ns > HIGHEST_US * 1000).sum()))


def _n(at: Any, values: Ints) -> int:
    return len(values) if isinstance(at, slice) else len(at)


def _record(interval: Interval, phase: str, tag: str, values_ns: Ints) -> None:
    if len(values_ns):
        tag = tag if phase == "measure" else f"{phase}:{tag}"
        histogram = interval.histograms.get(tag)
        if histogram is None:
            histogram = interval.histograms[tag] = Histogram()
        histogram.record_ns(values_ns)


def _grouped(items: list[Any]) -> Iterator[list[Any]]:
    """Yield runs of chunks, confirmations or takes that hold about `SLICE` messages together."""
    group: list[Any] = []
    held = 0
    for item in items:
        group.append(item)
        held += len(item)
        if held >= SLICE:
            yield group
            group, held = [], 0
    if group:
        yield group
