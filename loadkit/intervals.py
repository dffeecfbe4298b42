"""Confidence intervals of merged percentiles, from whole seconds in blocks.

Latencies of neighbouring messages are far from independent (a stall holds thousands), so an interval over single
messages is much too narrow. What varies is the share of messages beyond the percentile, second by second:

    d(t) = beyond(t) - (1 - q) messages(t)          sums to zero over the run

The variance of the sum is that of the circular block bootstrap (Politis & Romano 1992), which needs no draws: it is
the mean square of the sums of blocks. Blocks are a tenth of the run, or longer where the series asks for it (Politis &
White 2004, corrected by Patton, Politis & White 2009); the variance that short blocks lack is added (a lugsail window:
Vats & Flegal 2022). How uncertain that variance is gives the degrees of freedom of Student's t: few where blocks are
few, fewer where some weigh far more than the rest, as rare stalls do. The interval of the share is Clopper & Pearson's
for as many independent messages as have this variance (Korn & Graubard 1998), and its ends are percentiles of all
messages (Woodruff 1952). `python -m trust.intervals` counts how often it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from loadkit.histogram import bounds
from loadkit.result import Track

LEVEL = 0.95
FEWEST = 10
"""Seconds, and effective blocks, below which no interval is given."""
TENTH = 10
"""Blocks that a run is cut into where neighbouring seconds do not ask for fewer."""
TOO_SHORT = "too short to tell"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """How far a quantile may lie from what a run shows, or why that cannot be told."""

    ends: tuple[float, float] | None
    """Seconds."""
    blocks: float
    """Effective blocks: the run's seconds over the time that its share beyond the quantile keeps its level.

    At most those of the median: few messages lie beyond a high quantile, and a slow swing does not show in so few.
    """
    why: str = ""
    """Why there are no ends; begins with `TOO_SHORT`."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What a series of seconds says about the variance of its sum."""

    variance: float
    freedom: float
    """Degrees of freedom of the variance, by how uncertain it is itself."""
    blocks: float
    """Effective blocks: seconds over the integrated autocorrelation time; at most the seconds."""


def quantile_intervals(track: Track, qs: Sequence[float], level: float = LEVEL) -> list[Interval]:
    """Return the interval of each quantile at a level."""
    seconds = len(track.seconds)
    if seconds < FEWEST:
        why = f"{TOO_SHORT}: {seconds} s have values, it takes {FEWEST}"
        return [Interval(None, float(seconds), why)] * len(qs)
    whole = np.cumsum(np.asarray(track.counts.sum(axis=0), float).ravel())
    all_qs = np.array([0.5, *qs])
    messages, beyond = _by_second(track, whole, all_qs)
    off = beyond - (1 - all_qs)[:, None] * messages
    off[np.abs(off) < 1e-9 * messages] = 0  # what rounding leaves where every second has the same share
    median, *spreads = map(spread, off)
    most = float(track.maxima.max())
    return [
        _interval(replace(found, blocks=min(found.blocks, median.blocks)), q, whole, most, level)
        for q, found in zip(qs, spreads, strict=True)
    ]


def spread(series: Floats) -> Spread:
    """Return what a series (one number a second, its mean taken out) says about the variance of its sum."""
    n = len(series)
    alone = float(series @ series)
    if not alone:
        return Spread(0.0, n - 1.0, float(n))
    best, time = block_length(series)
    least = min(max(int(np.ceil(best)), 1), n // 4)
    length = min(max(round(n / TENTH), least), n // 4)
    variance = _variance(series, length)
    variance = max(variance, 2 * variance - _variance(series, length // 2)) if length > 1 else variance
    sums = _sums(series, least)
    square = float(np.mean(sums**2))  # zero where blocks cancel out, as of seconds that alternate
    heavy = float(np.mean(sums**4)) / square**2 - 3 if square else 0.0  # excess kurtosis: a few blocks weigh most
    freedom = 2 / (2 / (1.5 * (n / length - 1)) + max(heavy, 0.0) * least / n)
    return Spread(variance, freedom, n / max(time, variance / alone, 1.0))


def block_length(series: Floats) -> tuple[float, float]:
    """Return the best block of the circular block bootstrap, and the integrated autocorrelation time, in seconds.

    Politis & White, Econometric Reviews 23(1), 2004, with the constant of Patton, Politis & White, 28(4), 2009; the
    series has its mean taken out.
    """
    n = len(series)
    run = max(5, int(np.log10(n)))
    farthest = min(int(np.ceil(np.sqrt(n))) + run, n - 2)
    lag = np.arange(farthest + 1)
    wave = np.fft.rfft(series, 2 * n)
    covariance = np.fft.irfft(wave * np.conj(wave))[: farthest + 1] / n
    squares = np.cumsum(series**2)
    overlap = np.sqrt((squares[-1] - squares[lag]) * squares[n - lag - 2])
    alike = np.abs(covariance) * n >= 2 * np.sqrt(np.log10(n) / n) * overlap
    quiet = np.flatnonzero(np.convolve(alike, np.ones(run), "valid")[:-1] < 0.5)
    lags = min(2 * max(int(quiet[0]), 1), farthest) if len(quiet) else farthest
    lag = lag[1 : lags + 1]
    weighted = np.minimum(1, 2 * (1 - lag / lags)) * covariance[1 : lags + 1]
    whole = covariance[0] + 2 * weighted.sum()
    slope = 2 * (weighted * lag).sum()
    longest = np.ceil(min(3 * np.sqrt(n), n / 3))
    best = min((1.5 * slope**2 / whole**2 * n) ** (1 / 3), longest) if whole else longest
    return float(best), float(max(whole, 0.0) / covariance[0])


def _by_second(track: Track, whole: Floats, qs: Floats) -> tuple[Floats, Floats]:
    """Return the messages of each second, and (quantiles x seconds) those beyond each quantile.

    Those in the quantile's own bucket count in part, so that the share of all beyond it is 1 - q. A second without
    values is there too: what a stall holds back comes after it.
    """
    at = np.searchsorted(whole, _rank(qs, whole[-1]))
    under = np.where(at > 0, whole[at - 1], 0.0)
    index = np.arange(len(whole))[:, None]
    weight = (index > at) + (index == at) * ((whole[at] - qs * whole[-1]) / (whole[at] - under))
    second = track.seconds - track.seconds[0]
    filled = np.zeros((len(qs) + 1, int(second[-1]) + 1))
    filled[:, second] = np.asarray(track.counts @ np.column_stack([np.ones(len(whole)), weight])).T
    return filled[0], filled[1:]


def _interval(found: Spread, q: float, whole: Floats, most: float, level: float) -> Interval:
    if found.blocks < FEWEST:
        return Interval(None, found.blocks, f"{TOO_SHORT}: {int(found.blocks)} effective blocks, it takes {FEWEST}")
    low, high = _shares(1 - q, found, whole[-1], level)
    if low * whole[-1] < 1:
        return Interval(None, found.blocks, f"{TOO_SHORT}: its interval reaches beyond the largest value")
    ends = np.searchsorted(whole, _rank(1 - np.array([high, low]), whole[-1]))
    under, over = bounds()
    return Interval((float(under[ends[0]]) / 1e6, min(float(over[ends[1]]), most) / 1e6), found.blocks)


def _shares(share: float, found: Spread, messages: float, level: float) -> tuple[float, float]:
    """Return the ends of the interval of a share of the messages."""
    alpha = (1 - level) / 2
    spare = share * (1 - share)
    independent = min(spare * messages**2 / found.variance, messages) if found.variance else messages
    independent *= (special.ndtri(alpha) / special.stdtrit(found.freedom, alpha)) ** 2
    inside = share * independent
    outside = independent - inside
    low = special.betaincinv(inside, outside + 1, alpha)
    return float(low), float(special.betaincinv(inside + 1, outside, 1 - alpha))


def _rank(qs: Floats, messages: float) -> Floats:
    """Return the ranks of quantiles as HdrHistogram takes them."""
    return np.clip(np.ceil(qs * messages - 1e-6), 1, messages)


def _variance(series: Floats, length: int) -> float:
    """Return the circular block bootstrap's variance of a sum, for what the mean of so few blocks takes from it."""
    n = len(series)
    return float(np.mean(_sums(series, length) ** 2)) * n / length * n / (n - length)


def _sums(series: Floats, length: int) -> Floats:
    """Return the sum of the block that begins at each second; the run is a circle."""
    running = np.cumsum(np.concatenate([[0.0], series, series[: length - 1]]))
    found: Floats = running[length:] - running[:-length]
    return found
