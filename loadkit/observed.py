"""What the trials of this process have come to so far: sums since its start, and the last seconds; for live views.

It is an `Observer`: it takes what a trial writes to disk. Pure, without clock or I/O, and its sums cost microseconds a
second, so that a load made in the same process does not feel it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadkit import limit
from loadkit.boundaries import Progress
from loadkit.histogram import Histogram, LogLine, bounds
from loadkit.limit import Limit
from loadkit.limit_facts import Facts, facts_of
from loadkit.result import Result, Row
from loadkit.summary import summarise

EDGES_US = tuple(half << power for power in range(6, 26) for half in (2, 3))
"""Upper edges of the buckets that are shown (µs): 128 µs to 100 s, two an octave.

Each is the lowest value of one of HdrHistogram's own buckets, so counts below it are exact sums of those. A decimal
edge such as 50 ms lies within one and would be a guess.
"""
RECENT = 10
"""Seconds of which percentiles are told."""
KEPT = 60
"""Seconds of which rates are kept."""
JUDGED, LEAST, EVERY = 30, 5, 5
"""Seconds that the limit so far is judged by at most and at least, and between two judgements."""
_JUDGES = ("producer", "consumer", "client", "host", "broker")
_COUNTS = ("due", "sent", "acked", "received")
PHASES = ("connect", "warmup", "measure", "drain", "verify")


@dataclass(slots=True)
class Tally:
    """Values of one series since the process started, by the buckets that are shown."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(EDGES_US) + 1, np.int64))
    """Below each edge and not below the one before it; the last are those above all edges."""
    sum_us: float = 0.0

    def add(self, histogram: Histogram) -> None:
        """Add the values of one second."""
        self.counts += np.add.reduceat(histogram.counts, _starts())
        self.sum_us += histogram.sum


def _starts() -> NDArray[np.intp]:
    """Return where in a histogram's counts each of the buckets that are shown begins."""
    return np.concatenate([[0], np.searchsorted(bounds()[0], EDGES_US)])


@dataclass(frozen=True, slots=True)
class Judged:
    """The limit so far and what it rests on."""

    limit: Limit
    facts: Facts


class Observed:
    """Sums and last seconds; `begin` forgets what is of one trial alone, sums go on."""

    def __init__(self) -> None:
        self.trials = 0
        """Trials that have begun."""
        self.phase = ""
        """The phase that the present trial is in; empty between trials."""
        self.facts: Mapping[str, Any] = {}
        """What the present or last trial's result says."""
        self.sums: dict[tuple[str, str, str, str], int] = {}
        """By (kind, class, phase, number)."""
        self.errors: dict[str, int] = {}
        """Failed messages by code."""
        self.tallies: dict[tuple[str, str, str], Tally] = {}
        """By (class, series, phase)."""
        self._forget()

    def _forget(self) -> None:
        self.latest: dict[tuple[str, str], Row] = {}
        """The last row of each consumer, group, host, client and broker, by (kind, name)."""
        self.rates: dict[int, dict[str, int]] = {}
        """Messages due, sent, acked and received in each of the last seconds, all classes together."""
        self.whole: dict[str, Histogram] = {}
        """The measured phase so far by series, all classes together."""
        self.unsent: dict[str, int] = {}
        """Messages of the measured phase that were due and are not sent, by class."""
        self.judged: Judged | None = None
        self._recent: dict[tuple[int, str], Histogram] = {}
        self._rows: deque[Row] = deque()
        self._first, self._last, self._next = 0, -1, 0

    # what a trial tells

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Begin with a new trial."""
        self._forget()
        self.trials, self.facts = self.trials + 1, facts

    def heard(self, progress: Progress) -> Progress:
        """Return a progress that tells the phase here too."""

        def told(phase: str, text: str, passed: float, total: float | None) -> None:
            self.phase = phase
            progress(phase, text, passed, total)

        return told

    def end(self, facts: Mapping[str, Any]) -> None:
        """Keep what the result says; there is no phase now."""
        self.facts, self.phase = facts, ""

    def seconds(self, lines: Sequence[LogLine], rows: Sequence[Row]) -> None:
        """Add the seconds that have become complete."""
        for line in lines:
            self._line(line)
        for row in rows:
            self._row(row)
        self._leave()
        if self._last >= max(self._next, self._first + LEAST):
            self._next = self._last + EVERY
            self.judged = self._judge()

    def _line(self, line: LogLine) -> None:
        phase, _, tag = line.tag.rpartition(":")
        name, _, series = tag.rpartition(".")
        self.tallies.setdefault((name, series, phase or "measure"), Tally()).add(line.histogram)
        self._recent.setdefault((round(line.start), series), Histogram()).add(line.histogram)
        if not phase:
            self.whole.setdefault(series, Histogram()).add(line.histogram)

    def _row(self, row: Row) -> None:
        kind, name, phase, second = row["kind"], str(row["name"]), row["phase"], int(row["t"])
        if kind == "errors":
            for code, count in row["codes"].items():
                self.errors[code] = self.errors.get(code, 0) + count
        counted = kind in ("producer", "consumer") and any(number in row for number in _COUNTS)
        if counted:
            self._count(kind, name, phase, second, row)
        if kind in ("group", "host", "client", "broker") or (kind == "consumer" and "lag" in row):
            self.latest[kind, name] = row
        if phase == "measure" and kind in _JUDGES:
            self._rows.append(row)
        if phase == "measure" and counted:  # lag and brokers are sampled ahead of the seconds that are whole
            self._first, self._last = second if self._last < 0 else self._first, max(self._last, second)

    def _count(self, kind: str, name: str, phase: str, second: int, row: Row) -> None:
        for number, value in row.items():
            if isinstance(value, int) and number not in ("t", "lag"):
                key = kind, name, phase, number
                self.sums[key] = self.sums.get(key, 0) + value
        rates = self.rates.setdefault(second, dict.fromkeys(_COUNTS, 0))
        for number in _COUNTS:
            rates[number] += row.get(number) or 0
        if kind == "producer" and phase == "measure":
            grown = (row.get("due") or 0) - (row.get("sent") or 0)
            self.unsent[name] = self.unsent.get(name, 0) + grown

    def _leave(self) -> None:
        """Leave out what is older than is kept."""
        for second in [second for second in self.rates if second <= self.second - KEPT]:
            del self.rates[second]
        for key in [key for key in self._recent if key[0] <= self.second - RECENT]:
            del self._recent[key]
        while self._rows and self._rows[0]["t"] <= self._last - JUDGED:
            self._rows.popleft()

    # what can be asked

    @property
    def second(self) -> int:
        """The last second of the schedule that is whole."""
        return max(self.rates, default=0)

    def recent(self, series: str) -> Histogram:
        """Return the last seconds' values of a series, all classes together."""
        whole = Histogram()
        for (_, other), histogram in self._recent.items():
            if other == series:
                whole.add(histogram)
        return whole

    def _judge(self) -> Judged:
        """Judge the last measured seconds as a whole run is judged.

        A run of them alone: what was due in the second before and is confirmed in this one makes no difference where
        the rate is steady.
        """
        begin, end = max(self._first, self._last - JUDGED + 1), self._last + 1
        phases = [{"name": "measure", "start": float(begin), "end": float(end)}]
        result = Result(Path(), {**self.facts, "status": "complete", "phases": phases}, list(self._rows), {})
        metrics = dict(summarise(result).metrics)
        metrics["unsent"] = sum(self.unsent.values())
        for name, series, q in (("send_delay.p99", "send_delay", 0.99), ("latency.p50", "latency", 0.5)):
            values = self.recent(series)
            metrics[name] = values.quantile(q) / 1e6 if len(values) else None
        facts = facts_of(result, metrics)
        return Judged(limit.judge(facts), facts)
