"""Confidence intervals of merged percentiles, from whole seconds resampled in blocks.

Latencies of neighbouring messages are far from independent (a stall holds thousands), so an interval
over single messages is much too narrow. Seconds are resampled in blocks instead: the circular block
bootstrap (Politis & Romano 1992), block length ceil(n^(1/3)) seconds (Hall, Horowitz & Jing 1995).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from loadkit.histogram import bounds
from loadkit.result import Track

DRAWS = 200
LEVEL = 0.95
MOST = 240
FEWEST = 10
"""Seconds below which no interval is given."""


def block_weights(seconds: int, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return draws x seconds: how often each second stands in each resample of the circular block bootstrap."""
    length = int(np.ceil(seconds ** (1 / 3)))
    blocks = -(-seconds // length)
    starts = rng.integers(0, seconds, (draws, blocks))
    at = (starts[:, :, None] + np.arange(length)) % seconds
    at = at.reshape(draws, -1)[:, :seconds]
    rows = np.repeat(np.arange(draws), seconds)
    return np.bincount(rows * seconds + at.ravel(), minlength=draws * seconds).reshape(draws, seconds)


def quantile_intervals(track: Track, qs: Sequence[float]) -> list[tuple[float, float] | None]:
    """Return the 95 % interval (seconds) of each quantile; None for all with fewer than ten seconds of data."""
    if len(track.seconds) < FEWEST:
        return [None] * len(qs)
    ends = np.quantile(quantile_draws(track, qs, DRAWS), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [(float(low), float(high)) for low, high in ends.T]


def quantile_draws(track: Track, qs: Sequence[float], draws: int, stream: int = 0) -> NDArray[np.float64]:
    """Return draws x qs: each quantile (seconds) in each resample of the track's seconds.

    Tracks of one length are resampled alike unless their `stream` differs: two that are compared need one each.
    """
    summed = _coarse(track.counts)
    used = np.flatnonzero(np.bincount(summed.indices, summed.data))
    rows = np.asarray(summed[:, used].toarray(), float)
    rng = np.random.default_rng([len(rows), stream] if stream else len(rows))
    cumulative = np.cumsum(block_weights(len(rows), draws, rng).astype(float) @ rows, axis=1)
    values = np.minimum(bounds()[1][used], track.maxima.max()) / 1e6
    return np.stack([_drawn(cumulative, values, q) for q in qs], axis=1)


def _coarse(counts: sparse.csr_array) -> sparse.csr_array:
    """Return at most `MOST` rows, each the sum of neighbouring seconds: a long run keeps its slow swings."""
    n = counts.shape[0]
    group = np.arange(n) * min(n, MOST) // n
    summing = sparse.csr_array((np.ones(n), (group, np.arange(n))), shape=(min(n, MOST), n))
    return sparse.csr_array(summing @ counts)


def _drawn(cumulative: NDArray[np.float64], values: NDArray[np.float64], q: float) -> NDArray[np.float64]:
    """Return one quantile in each resample, by the rank that HdrHistogram takes."""
    rank = np.ceil(q * cumulative[:, -1:] - 1e-6)
    found: NDArray[np.float64] = values[np.minimum((cumulative < rank).sum(axis=1), len(values) - 1)]
    return found
