"""Deltas of all load processes added up, second by second, and written as they become complete."""

from __future__ import annotations

from collections import deque

from loadkit.boundaries import NOBODY, Observer
from loadkit.delta import Delta
from loadkit.histogram import LogLine
from loadkit.integrity import Accounts
from loadkit.recorder import Interval, Key
from loadkit.result import Row, Writer
from loadkit.scenario import Scenario

PATIENCE = 8
"""Seconds after which an interval is written though a process has not reported it: a later part makes one more line."""


class Collector:
    """The trial's side of what load processes tell."""

    def __init__(self, scenario: Scenario, observer: Observer = NOBODY) -> None:
        self._scenario, self._observer = scenario, observer
        self._pending: dict[Key, Interval] = {}
        self._rows: list[Row] = []
        self._reported: dict[str, int] = {}
        self._latest: dict[str, Delta] = {}
        self.accounts = Accounts()
        self.errors: dict[str, int] = {}
        self.failed = 0
        """Messages that clients gave up, of all phases."""
        self.counts: dict[tuple[str, str], dict[str, int]] = {}
        """Sums of the measured phase by (kind, name)."""
        self.recent: deque[tuple[int, float, float | None]] = deque(maxlen=60)
        """(second, messages, median latency in seconds) of complete seconds, for steadiness and progress."""
        self.gaps: list[float] = []

    def take(self, delta: Delta) -> None:
        """Add one process's delta."""
        self._latest[delta.worker] = delta
        self._reported[delta.worker] = delta.second
        self._rows += delta.rows
        if delta.gap_p99:
            self.gaps.append(delta.gap_p99)
        for key, interval in delta.intervals.items():
            self._pending.setdefault(key, Interval()).add(interval)
        for topic, places in delta.confirmed.items():
            for partition, place in places.items():
                self.accounts.confirmed(topic, partition, place)
        for name, places in delta.consumed.items():
            for partition, place in places.items():
                self.accounts.consumed(name, self._scenario.workload(name).topic.name, partition, place)

    def add_rows(self, rows: list[Row]) -> None:
        """Add rows that the trial measured itself."""
        self._rows += rows

    def forget(self, worker: str) -> None:
        """Wait no more for a process that is gone."""
        self._reported.pop(worker, None)

    def outstanding(self) -> int:
        """Return how many messages the living processes still care for."""
        return sum(self._latest[worker].outstanding for worker in self._reported)

    def error(self) -> str | None:
        """Return the first error any process reported."""
        return next((delta.error for delta in self._latest.values() if delta.error), None)

    def totals(self) -> dict[str, dict[str, int]]:
        """Return due and handed over messages by class, over all processes."""
        totals: dict[str, dict[str, int]] = {}
        for delta in self._latest.values():
            for name, numbers in delta.totals.items():
                mine = totals.setdefault(name, {})
                for key, n in numbers.items():
                    mine[key] = mine.get(key, 0) + n
        return totals

    def flush(self, writer: Writer, everything: bool = False) -> None:
        """Write the intervals that every process has reported, or that have waited too long."""
        complete = min(self._reported.values(), default=0)
        newest = max((second for second, _ in self._pending), default=0)
        limit = (1 << 62) if everything else max(complete, newest - PATIENCE)
        ready = sorted(key for key in self._pending if key[0] < limit)
        lines: list[LogLine] = []
        rows, self._rows = self._rows, []
        for key in ready:
            interval = self._pending.pop(key)
            lines += [LogLine(tag, key[0], 1.0, histogram) for tag, histogram in sorted(interval.histograms.items())]
            rows += self._rows_of(key, interval)
            self._note(key, interval)
        if lines or rows:
            writer.append(lines, rows)
            self._observer.seconds(lines, rows)

    def _rows_of(self, key: Key, interval: Interval) -> list[Row]:
        second, phase = key
        rows = []
        codes = {}
        for (kind, name), numbers in interval.counts.items():
            if kind == "errors":
                codes[name] = numbers["count"]
                self.errors[name] = self.errors.get(name, 0) + numbers["count"]
                continue
            self.failed += numbers.get("errors", 0) if kind == "producer" else 0
            rows.append({"t": second, "phase": phase, "kind": kind, "name": name, **numbers})
            if phase == "measure" and kind != "partition":
                sums = self.counts.setdefault((kind, name), {})
                for field, n in numbers.items():
                    sums[field] = sums.get(field, 0) + n
        if codes:
            rows.append({"t": second, "phase": phase, "kind": "errors", "name": "all", "codes": codes})
        return rows

    def _note(self, key: Key, interval: Interval) -> None:
        """Keep rate and median of a second, whichever phase its messages were due in."""
        producing = [h for tag, h in interval.histograms.items() if tag.endswith(".latency")]
        found = producing or [h for tag, h in interval.histograms.items() if tag.endswith(".end_to_end")]
        if not found:
            return
        whole = type(found[0])()
        for histogram in found:
            whole.add(histogram)
        self.recent.append((key[0], float(len(whole)), whole.quantile(0.5) / 1e6))

    def steady(self, seconds: int = 5, within: float = 0.10) -> bool:
        """Return whether rate and median latency of the last seconds stayed within 10 % of their means."""
        last = list(self.recent)[-seconds:]
        if len(last) < seconds or len({second for second, _, _ in last}) < seconds:
            return False
        rates, medians = [rate for _, rate, _ in last], [median or 0.0 for _, _, median in last]
        return _flat(rates, within) and _flat(medians, within)


def _flat(values: list[float], within: float) -> bool:
    mean = sum(values) / len(values)
    return mean > 0 and all(abs(value - mean) <= within * mean for value in values)
