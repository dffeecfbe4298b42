"""Two sides to changes, metric by metric, each with its interval or the reason why it has none; pure but for reading.

Where the sides are the pairs of a gate, a pair gives one log ratio and the interval is the gate's. Of several results
a side the logs are two samples (`gate.statistics.two_samples`), and fewer than the gate's `FEWEST` a side have no
interval. Two single results have the intervals of `within`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from loadkit import vocabulary
from loadkit.compare.sides import Side, paired
from loadkit.compare.within import Around, logs, ratio
from loadkit.gate.statistics import ALPHA, FEWEST, estimate, two_samples
from loadkit.gate.verdicts import mean
from loadkit.intervals import Interval, quantile_intervals
from loadkit.result import Track, merged
from loadkit.summary import by_series

LEVEL = 1 - ALPHA


@dataclass(frozen=True, slots=True)
class Change:
    """One metric on both sides."""

    metric: str
    a: float | None
    b: float | None
    """In the metric's unit: the mean over a side's results (the geometric one where all are above zero)."""
    change: float | None
    """From A to B, as a share of A; None where there is nothing to be a share of."""
    interval: tuple[float, float] | None
    """Of the change, at `LEVEL`, for this metric alone."""
    why: str = ""
    """Why there is no change, or no interval of it."""


@dataclass(frozen=True)
class Compared:
    """Two sides and how they are held against each other."""

    sides: tuple[Side, Side]
    basis: str
    """`pairs` of a gate, `samples` of several results, or `within` two single ones."""

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Every metric that a side has, of the whole scenario first and then by class."""
        return tuple(change for name in self._names() if (change := self._change(name)))

    def _names(self) -> list[str]:
        classes = {name for side in self.sides for result in side.results for name in result.facts.get("classes") or {}}
        found = dict.fromkeys(name for side in self.sides for summary in side.summaries for name in summary.metrics)
        by_class = [name for name in found if vocabulary.split(name)[0] in classes]
        return [*vocabulary.names(), *by_class]

    def _change(self, name: str) -> Change | None:
        both = [[summary.metrics.get(name) for summary in side.summaries] for side in self.sides]
        known = [[value for value in values if value is not None] for values in both]
        a, b = map(mean, known)
        if a is None and b is None:
            return None
        if a is None or b is None:
            return Change(name, a, b, None, None, self._lacking(name, 0 if a is None else 1))
        if not all(value > 0 for values in known for value in values):
            return Change(name, a, b, None, None, "" if a == b else "nothing is a share of a value at or below 0")
        logs = [[math.nan if value is None else math.log(value) for value in values] for values in both]
        return self._told(name, a, b, logs)

    def _lacking(self, name: str, at: int) -> str:
        side = self.sides[at]
        said = next((summary.withheld[name] for summary in side.summaries if name in summary.withheld), "not measured")
        return f"{side.name}: {said}"

    def _told(self, name: str, a: float, b: float, logs: Sequence[Sequence[float]]) -> Change:
        """Return the change of a metric that is above zero in all results that have it."""
        if self.basis == "within":
            middle, (ends, why) = math.log(b / a), self._within(name)
        elif self.basis == "pairs":
            ratios = [other - one for one, other in zip(*logs, strict=True) if math.isfinite(other - one)]
            if not ratios:
                return Change(name, a, b, None, None, "no pair has it on both sides")
            found = estimate(ratios, ALPHA / 2)
            middle, why = found.mean, f"no interval under {FEWEST} pairs; there are {found.n}"
            ends = (found.low, found.high) if found.n >= FEWEST else None
        else:
            one, other = ([log for log in side if math.isfinite(log)] for side in logs)
            middle, *found_ends = two_samples(one, other, ALPHA / 2)
            why = f"no interval under {FEWEST} results a side; there are {len(one)} and {len(other)}"
            ends = (found_ends[0], found_ends[1]) if min(len(one), len(other)) >= FEWEST else None
        interval = (math.expm1(ends[0]), math.expm1(ends[1])) if ends else None
        return Change(name, a, b, math.expm1(middle), interval, "" if ends else why)

    def _within(self, name: str) -> tuple[tuple[float, float] | None, str]:
        """Return the ends of a percentile's log ratio by the seconds of the two results, or why there are none."""
        _, _, statistic = vocabulary.split(name)[1].partition(".")
        if vocabulary.quantile(statistic) is None:
            return None, "two single results give intervals of percentiles alone"
        around: list[Around] = []
        for side, told in zip(self.sides, self._by_seconds, strict=True):
            if (ends := told[name].ends) is None:
                return None, f"{side.name}: {told[name].why}"
            middle, low, high = logs(np.array([side.summaries[0].metrics[name], *ends]))
            around.append((middle, low, high))
        _, low, high = ratio(around[0], around[1])
        if not math.isfinite(low):
            return None, "an interval reaches zero, and nothing is a share of that"
        return (float(low), float(high)), ""

    @cached_property
    def _by_seconds(self) -> tuple[dict[str, Interval], dict[str, Interval]]:
        """The interval of each percentile of the two results, by metric."""
        return _all_intervals(self.sides[0]), _all_intervals(self.sides[1])


def compared(sides: tuple[Side, Side]) -> Compared:
    """Return two sides with what their intervals can come from; in the order of pairs where they are a gate's."""
    if all(len(side.results) == 1 for side in sides):
        return Compared(sides, "within")
    in_pairs = paired(*sides)
    return Compared(in_pairs, "pairs") if in_pairs else Compared(sides, "samples")


def _all_intervals(side: Side) -> dict[str, Interval]:
    tracks = by_series(side.results[0])
    quantiles = {name: q for name in vocabulary.STATISTICS if (q := vocabulary.quantile(name)) is not None}
    found: dict[str, Interval] = {}
    for series in vocabulary.LATENCIES:
        mine: dict[str, Track] = {owner: track for (owner, name), track in tracks.items() if name == series}
        if mine:
            mine = {**({} if len(mine) == 1 else mine), "": merged(series, mine.values())}
        for owner, track in mine.items():
            place = f"{owner}.{series}" if owner else series
            told = quantile_intervals(track, list(quantiles.values()), LEVEL)
            found |= {f"{place}.{name}": one for name, one in zip(quantiles, told, strict=True)}
        if len(mine) == 1:  # the only class's numbers are the whole's
            only = next(owner for owner, name in tracks if name == series)
            found |= {f"{only}.{series}.{q}": found[f"{series}.{q}"] for q in quantiles}
    return found
