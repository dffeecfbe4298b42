"""The arithmetic behind charts: percentile curves, percentiles by window, and lines cut to what a screen shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from loadkit.histogram import Histogram, bounds
from loadkit.result import Track
from loadkit.summary import BEYOND

Floats = NDArray[np.float64]
POINTS = 1000
"""Most points of one drawn line: more than a screen is wide."""
PER_DECADE = 24
WINDOWS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
"""Lengths (s) of which a window of time is one."""


def envelope(y: Floats, points: int = POINTS) -> NDArray[np.int64]:
    """Return the places of at most `points` values that look like all of them: each bucket's lowest and highest.

    The first and the last are kept, and so is one NaN of a bucket that holds nothing else, so gaps stay gaps.
    """
    if len(y) <= points:
        return np.arange(len(y))
    starts = np.linspace(0, len(y), points // 2, dtype=np.int64)[:-1]
    sizes = np.diff(np.append(starts, len(y)))
    bucket = np.repeat(np.arange(len(starts)), sizes)
    known = np.where(np.isnan(y), -np.inf, y)
    highest = np.lexsort((known, bucket))[np.cumsum(sizes) - 1]
    known = np.where(np.isnan(y), np.inf, y)
    lowest = np.lexsort((known, bucket))[starts]
    return np.unique(np.concatenate([[0], lowest, highest, [len(y) - 1]]))


def percentile_curve(whole: Histogram) -> tuple[Floats, Floats, int]:
    """Return x = 1/(1-q), the value (s) at each, and how many of the points the samples carry.

    A quantile is carried when at least `BEYOND` values lie beyond it, that is up to x = n / BEYOND; the
    curve goes on to x = n, where only the largest value is left. It begins at the tenth percentile.
    """
    count = len(whole)
    if not count:
        return np.zeros(0), np.zeros(0), 0
    enough = max(count / BEYOND, 2.0)
    carried = np.logspace(np.log10(1 / 0.9), np.log10(enough), max(int(np.log10(enough) * PER_DECADE), 2))
    beyond = np.logspace(np.log10(enough), np.log10(max(count, enough)), PER_DECADE)[1:]
    x = np.concatenate([carried, beyond])
    return x, whole.quantiles(1 - 1 / x) / 1e6, len(carried)


def window_for(span: float, rows: int) -> int:
    """Return the shortest window (s) that cuts a span into at most `rows`."""
    return next((w for w in WINDOWS if span / w <= rows), int(span / rows) + 1)


def window_of(track: Track, q: float) -> int:
    """Return the shortest window (s) in which the quantile `q` usually has enough values to be shown."""
    per_second = float(np.median(np.asarray(track.counts.sum(axis=1)))) if len(track.seconds) else 0.0
    need = BEYOND / (1 - q)
    return next((w for w in WINDOWS if per_second * w >= need - 1e-6), WINDOWS[-1])


def by_window(track: Track, width: int, qs: tuple[float, ...]) -> tuple[Floats, NDArray[np.int64], Floats, Floats]:
    """Return each filled window's start (s), its count, its quantiles (windows x qs, s) and its maximum (s).

    A quantile that fewer than `BEYOND` values lie beyond is NaN (the median needs only one value).
    """
    slots, row = np.unique(track.seconds // width, return_inverse=True)
    maxima = np.zeros(len(slots))
    np.maximum.at(maxima, row, track.maxima)
    counts = track.counts
    if len(slots) < len(row):
        put = sparse.csr_array((np.ones(len(row), np.int64), (row, np.arange(len(row)))), shape=(len(slots), len(row)))
        counts = sparse.csr_array(put @ counts)
        counts.sort_indices()
    ends = np.concatenate([[0], np.cumsum(counts.data)])
    before, totals = ends[counts.indptr[:-1]], ends[counts.indptr[1:]] - ends[counts.indptr[:-1]]
    values = np.full((len(slots), len(qs)), np.nan)
    for column, q in enumerate(qs):
        fit = totals * (1 - q) >= BEYOND - 1e-6 if q > 0.5 else totals > 0
        rank = np.clip(np.ceil(q * totals - 1e-6), 1, None)[fit]
        at = np.searchsorted(ends[1:], before[fit] + rank)
        values[fit, column] = np.minimum(bounds()[1][counts.indices[at]], maxima[fit])
    return (slots * width).astype(float), totals, values / 1e6, maxima / 1e6


def grouped(t: Floats, y: Floats, width: int, how: str) -> tuple[Floats, Floats]:
    """Return each window's start and the mean, max or last of its values (those that are not NaN)."""
    known = ~np.isnan(y)
    slots, row = np.unique(t[known] // width, return_inverse=True)
    y = y[known]
    if how == "mean":
        values = np.bincount(row, y, minlength=len(slots)) / np.maximum(np.bincount(row, minlength=len(slots)), 1)
    else:
        values = np.full(len(slots), -np.inf)
        np.maximum.at(values, row, y)
    return slots * width, values
