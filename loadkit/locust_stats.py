"""Interval histograms folded into Locust's own statistics, in bulk: never an event a message.

Its table, charts, CSV and HTML then show true message counts and percentiles. Locust's requests a second
include connecting and draining; loadkit's figures do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from locust.stats import StatsEntry, StatsError

from loadkit.delta import Delta
from loadkit.histogram import Histogram, bounds

_METHODS = {"latency": "PRODUCE", "end_to_end": "CONSUME"}


def fold(stats: Any, delta: Delta, zero_epoch: float) -> None:
    """Add a delta's latencies to Locust's entries; `zero_epoch` is the wall clock at second 0."""
    for (second, _), interval in delta.intervals.items():
        at = int(zero_epoch + second)
        for tag, histogram in interval.histograms.items():
            name, _, series = tag.rpartition(":")[2].rpartition(".")
            if series in _METHODS and len(histogram):
                _extend(stats, _METHODS[series], name, histogram, at)
        for (kind, name), numbers in interval.counts.items():
            if kind == "producer" and numbers.get("errors"):
                _fail(stats, name, numbers["errors"], at)
            if kind == "errors":
                error = stats.errors.setdefault(name, StatsError("PRODUCE", "", name))
                error.occurrences += numbers["count"]


def _extend(stats: Any, method: str, name: str, histogram: Histogram, at: int) -> None:
    made = StatsEntry(None, name, method, use_response_times_cache=False)
    made.num_requests = len(histogram)
    made.total_response_time = histogram.sum / 1000.0
    made.min_response_time, made.max_response_time = histogram.min / 1000.0, histogram.max / 1000.0
    made.response_times = _times(histogram)
    made.num_reqs_per_sec = {at: made.num_requests}
    made.last_request_timestamp = float(at)
    made.start_time = float(at)
    stats.entries[(name, method)].extend(made)
    stats.total.extend(made)


def _times(histogram: Histogram) -> dict[float, int]:
    """Return counts by milliseconds to 8 bits, 0.4 %: Locust goes through all of them in Python, twice a second."""
    filled = np.flatnonzero(histogram.counts)
    middle = np.minimum((bounds()[0][filled] + bounds()[1][filled]) / 2, histogram.max)
    mantissa, exponent = np.frexp(middle)
    rounded, at = np.unique(np.ldexp(np.round(mantissa * 256) / 256, exponent), return_inverse=True)
    counts = np.bincount(at, histogram.counts[filled], len(rounded)).astype(np.int64)
    return dict(zip(np.round(rounded / 1000.0, 3).tolist(), counts.tolist(), strict=True))


def _fail(stats: Any, name: str, count: int, at: int) -> None:
    for entry in (stats.entries[(name, "PRODUCE")], stats.total):
        entry.num_requests += count
        entry.num_none_requests += count  # without a time: they must not pull the mean down
        entry.num_failures += count
        entry.num_fail_per_sec[at] = entry.num_fail_per_sec.get(at, 0) + count
        entry.num_reqs_per_sec[at] = entry.num_reqs_per_sec.get(at, 0) + count
