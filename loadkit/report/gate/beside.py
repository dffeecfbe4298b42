"""Two groups of results beside each other, as the sections see them that a gate and a comparison share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from loadkit import vocabulary
from loadkit.compare.within import Around, log_ends, logs, ratio
from loadkit.gate.statistics import ALPHA, estimate, two_samples
from loadkit.report.curves import Floats
from loadkit.result import Result, Track, merged
from loadkit.summary import BEYOND, by_series

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999)


@dataclass
class Beside:
    """Results by side, and how far from each other they can be told."""

    names: tuple[str, str]
    results: Mapping[str, Sequence[Result]]
    metrics: Sequence[str] = ()
    """What is compared, the most important first: it chooses the series of the charts."""
    basis: str = "pairs"
    """Where intervals come from: `pairs`, `samples` of several results each, or `within` two results."""
    fewest: int = 2
    """Results of a side under which no interval over them is given."""
    _tracks: dict[tuple[str, str], list[Track]] = field(default_factory=dict)

    @property
    def series(self) -> str:
        """The recorded series that is compared; latency where none is."""
        for metric in self.metrics:
            series = vocabulary.split(metric)[1].partition(".")[0]
            if series in vocabulary.LATENCIES:
                return series
        return next((series for series in vocabulary.LATENCIES if self.tracks(self.names[0], series)), "latency")

    def tracks(self, side: str, series: str) -> list[Track]:
        """Return each result's track of a series, all classes merged."""
        if (side, series) not in self._tracks:
            found = []
            for result in self.results[side]:
                parts = [track for (_, name), track in by_series(result).items() if name == series]
                if parts:
                    found.append(merged(series, parts))
            self._tracks[side, series] = found
        return self._tracks[side, series]

    def logs(self, side: str) -> Floats:
        """Return the log (of seconds) of results x `QUANTILES`; NaN where fewer than ten values lie beyond."""
        rows = []
        for track in self.tracks(side, self.series):
            whole = track.total
            values = np.asarray(whole.quantiles(QUANTILES), float) / 1e6
            enough = len(whole) * (1 - np.array(QUANTILES)) >= BEYOND - 1e-6
            rows.append(logs(np.where(enough, values, 0)))
        return np.array(rows) if rows else np.zeros((0, len(QUANTILES)))

    def band(self, side: str) -> Around:
        """Return the log of each of `QUANTILES` of a side with its interval; NaN where a result has no value.

        Where there is no interval, its ends are the middle.
        """
        if self.basis == "within":
            return _whole(self._within(side))
        return _by_column([self.logs(side)], lambda column: _one(column, self.fewest))

    def shift(self) -> Around | None:
        """Return the log ratio of each percentile, second side to first, with its interval, as `band` does."""
        if self.basis == "within":
            return _whole(ratio(*(self._within(name) for name in self.names)))
        one, other = (self.logs(name) for name in self.names)
        if self.basis == "samples":
            return _by_column([one, other], lambda a, b: _two(a, b, self.fewest))
        if len(one) != len(other):
            return None
        return _by_column([other - one], lambda column: _one(column, self.fewest))

    def _within(self, side: str) -> Around:
        return self.logs(side)[0], *log_ends(self.tracks(side, self.series)[0], QUANTILES, 1 - ALPHA)


class Sided(Protocol):
    """A view with two sides."""

    @property
    def beside(self) -> Beside:
        """The sides."""


def _whole(found: Around) -> Around:
    """Return the middle for both ends where one of them is not known."""
    middle, low, high = found
    known = np.isfinite(low) & np.isfinite(high)
    return middle, np.where(known, low, middle), np.where(known, high, middle)


def _by_column(groups: Sequence[Floats], ends: Callable[..., tuple[float, float, float]]) -> Around:
    """Return middle and ends of each percentile; NaN where a result has no value, one value where no interval."""
    found = []
    for columns in zip(*(group.T for group in groups), strict=True):
        if not all(len(column) and np.isfinite(column).all() for column in columns):
            found.append((np.nan,) * 3)
            continue
        middle, low, high = ends(*(column.tolist() for column in columns))
        found.append((middle, low, high) if np.isfinite([low, high]).all() else (middle,) * 3)
    middles, lows, highs = np.array(found).T
    return middles, lows, highs


def _one(values: Sequence[float], fewest: int) -> tuple[float, float, float]:
    found = estimate(values, ALPHA / 2)
    return (found.mean, found.low, found.high) if found.n >= fewest else (found.mean,) * 3


def _two(one: Sequence[float], other: Sequence[float], fewest: int) -> tuple[float, float, float]:
    found = two_samples(one, other, ALPHA / 2)
    return found if min(len(one), len(other)) >= fewest else (found[0],) * 3
