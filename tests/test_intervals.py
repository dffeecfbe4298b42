"""Confidence intervals of percentiles: they cover the truth as often as they say, and know neighbouring seconds are alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse, stats

from loadkit.histogram import bounds, indices
from loadkit.intervals import FEWEST, MOST, block_weights, quantile_intervals
from loadkit.result import Track


def track(seconds: list[np.ndarray]) -> Track:
    """Return a track whose seconds hold these values (µs)."""
    where = np.repeat(np.arange(len(seconds)), [len(values) for values in seconds])
    places = indices(np.concatenate(seconds).astype(np.int64))
    shape = (len(seconds), len(bounds()[0]))
    counts = sparse.csr_array((np.ones(len(places), np.int64), (where, places)), shape=shape)
    return Track(
        "Checkout.latency", np.arange(len(seconds)), counts, np.array([int(values.max()) for values in seconds], float)
    )


def test_every_resample_has_as_many_seconds_as_there_are_in_whole_blocks() -> None:
    """Weights sum to the seconds; each second is as likely as any other, the last ones too (the blocks are circular)."""
    weights = block_weights(30, 4000, np.random.default_rng(1))
    assert weights.shape == (4000, 30)
    assert set(weights.sum(axis=1).tolist()) == {30}
    mean = weights.mean(axis=0)
    assert np.abs(mean - 1).max() < 6 * weights.std() / np.sqrt(4000)


def test_neighbouring_seconds_are_drawn_together() -> None:
    """Blocks of ceil(n^(1/3)) seconds: second i is drawn with i+1 far more often than with a distant one."""
    weights = block_weights(64, 4000, np.random.default_rng(1)).astype(float)
    near = np.mean([np.corrcoef(weights[:, i], weights[:, i + 1])[0, 1] for i in range(60)])
    far = np.mean([np.corrcoef(weights[:, i], weights[:, i + 30])[0, 1] for i in range(30)])
    assert near == pytest.approx(0.75, abs=0.1)
    assert abs(far) < 0.1


def test_with_few_seconds_there_is_no_interval() -> None:
    """Ten seconds are the least from which one is given."""
    rng = np.random.default_rng(1)
    assert quantile_intervals(track([rng.integers(1, 9, 50) for _ in range(FEWEST - 1)]), [0.5, 0.9]) == [None, None]
    assert None not in quantile_intervals(track([rng.integers(1, 9, 50) for _ in range(FEWEST)]), [0.5, 0.9])


def test_a_constant_latency_has_an_interval_of_no_width() -> None:
    """Nothing varies: both ends are the value (µs to s)."""
    assert quantile_intervals(track([np.full(100, 1000)] * 20), [0.5, 0.99]) == [(0.001, 0.001), (0.001, 0.001)]


def test_intervals_cover_the_true_quantiles_about_as_often_as_they_say() -> None:
    """Independent seconds of exponential latencies: 95 % intervals of 40 s cover the truth in about 95 % of 100 runs."""
    rng, qs = np.random.default_rng(7), [0.5, 0.9, 0.99]
    true, covered = stats.expon.ppf(qs) * 1e4, np.zeros(3)
    for _ in range(100):
        found = np.array(quantile_intervals(track(list(rng.exponential(1e4, (40, 200)))), qs)) * 1e6
        covered += (found[:, 0] <= true * 1.001) & (true <= found[:, 1])
    assert (covered >= 86).all()
    assert (covered <= 99).all()


def test_a_stall_that_spans_seconds_widens_the_interval() -> None:
    """Alike neighbours carry less information: the same values in bursts of seconds give a wider interval than shuffled."""
    rng = np.random.default_rng(3)
    levels = np.repeat(rng.lognormal(0, 1, 12), 5)
    bursts = [rng.exponential(1e4 * level, 100) for level in levels]
    shuffled = [bursts[i] for i in rng.permutation(len(bursts))]
    widths = [
        high - low for low, high in (quantile_intervals(track(s), [0.5])[0] or (0, 0) for s in (bursts, shuffled))
    ]
    assert widths[0] > 1.15 * widths[1]


def test_a_long_run_is_coarsened_and_keeps_every_value() -> None:
    """An hour is resampled in 240 parts: the interval still brackets the whole's quantile, without a second left out."""
    rng = np.random.default_rng(3)
    whole = track(list(rng.integers(1, 2000, (4 * MOST + 7, 20))))
    low, high = quantile_intervals(whole, [0.5])[0] or (0, 0)
    assert low <= whole.total.quantile(0.5) / 1e6 <= high
    assert high - low < 0.1e-3
