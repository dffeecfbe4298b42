"""Histograms of several trials merged, so that a percentile of a point is one of all its messages, never a mean.

A page is made anew after every trial of a sweep, so what a trial's log holds is read once in a process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loadkit.histogram import Histogram, bounds
from loadkit.result import HLOG, RESULT, Result, read_tracks
from loadkit.summary import BEYOND, by_series
from loadkit.vocabulary import quantile


@dataclass(frozen=True, slots=True)
class Counts:
    """The filled part of a histogram of the whole measured phase."""

    at: NDArray[np.int64]
    counts: NDArray[np.int64]
    max_us: int


def merged(folders: Iterable[Path], series: str) -> Histogram | None:
    """Return all values of a series (`latency`, or `Checkout.latency`) in the trials' folders; None without any."""
    parts = [counts for folder in folders if (counts := _of(folder).get(series))]
    if not parts:
        return None
    dense = np.zeros(len(bounds()[0]), np.int64)
    for part in parts:
        dense[part.at] += part.counts
    return Histogram.of(dense, max(part.max_us for part in parts))


def statistic(whole: Histogram, name: str) -> float | None:
    """Return `p99`, `max` or `mean` of a histogram in seconds; None where too few values lie beyond."""
    q = quantile(name)
    if q is None:
        return (whole.max if name == "max" else whole.mean) / 1e6
    return None if q > 0.5 and len(whole) * (1 - q) < BEYOND - 1e-6 else whole.quantile(q) / 1e6


def _of(folder: Path) -> Mapping[str, Counts]:
    try:
        written = (folder / HLOG).stat()
    except OSError:
        return {}
    return _read(folder, written.st_mtime_ns, written.st_size)


@lru_cache(maxsize=4096)
def _read(folder: Path, mtime_ns: int, size: int) -> Mapping[str, Counts]:
    """Return each series by name: of all classes, of each class, and of each topic's classes together."""
    facts = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    classes, withheld = facts.get("classes") or {}, facts.get("withheld") or {}
    sums: dict[str, Histogram] = {}
    for (owner, series), track in by_series(Result(folder, {}, [], read_tracks(folder))).items():
        if f"{owner}.{series}.max" in withheld:
            continue
        topic = (classes.get(owner) or {}).get("topic")
        total = track.total
        for name in dict.fromkeys((series, f"{owner}.{series}", f"{topic}.{series}" if topic else series)):
            sums.setdefault(name, Histogram()).add(total)
    return {name: _filled(whole) for name, whole in sums.items() if len(whole)}


def _filled(whole: Histogram) -> Counts:
    at = np.flatnonzero(whole.counts)
    return Counts(at, whole.counts[at], whole.max)
