"""Confidence intervals of percentiles: they hold the truth as often as they say, or say that a run is too short."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal, sparse, stats

from loadkit.histogram import bounds
from loadkit.intervals import FEWEST, TOO_SHORT, Interval, block_length, quantile_intervals, spread
from loadkit.result import Track
from trust.intervals.processes import Bursts, Level, Run, Stalls

Floats = np.ndarray


def track(seconds: list[Floats]) -> Track:
    """Return a track whose seconds hold these values (µs)."""
    where = np.repeat(np.arange(len(seconds)), [len(values) for values in seconds])
    return Run(where, np.concatenate(seconds).astype(float)).track


def ends(found: Interval) -> tuple[float, float]:
    """Return the ends of an interval that is given, in µs."""
    assert found.ends, found.why
    return found.ends[0] * 1e6, found.ends[1] * 1e6


def keeping(seconds: int, share: float, seed: int) -> Floats:
    """Return a series without its mean, of which each second keeps a share of the last one's value."""
    steps = np.random.default_rng(seed).standard_normal(seconds)
    series: Floats = signal.lfilter([1.0], [1.0, -share], steps)
    return series - series.mean()


KNOWN = [(15, 0.5, 1.5703308147637214), (60, 0.0, 1.1694262073855868), (120, 0.7, 11.368222621233649), (600, 0.9, 33.658020062432726)]  # fmt: skip


@pytest.mark.parametrize(("seconds", "share", "best"), KNOWN)
def test_the_best_block_is_that_of_arch(seconds: int, share: float, best: float) -> None:
    """Series whose best circular block arch 8.0.0 gave (arch.bootstrap.optimal_block_length)."""
    assert block_length(keeping(seconds, share, seconds))[0] == pytest.approx(best)


def test_the_best_block_is_that_of_arch_where_it_is_installed() -> None:
    """Any series will do: 200 of many lengths and memories."""
    bootstrap = pytest.importorskip("arch.bootstrap")
    rng = np.random.default_rng(1)
    for seed in range(200):
        series = keeping(int(rng.integers(12, 700)), rng.uniform(-0.6, 0.97), seed)
        known = bootstrap.optimal_block_length(series)["circular"].iloc[0]
        assert block_length(series)[0] == pytest.approx(known)


def test_the_variance_of_a_sum_and_the_effective_blocks_are_those_of_the_process() -> None:
    """Each second keeps half of the last one's value: the sum's variance is n / (1 - 0.5)^2, its time (1 + 0.5) / 0.5."""
    found = [spread(keeping(2000, 0.5, seed)) for seed in range(60)]
    assert np.mean([one.variance for one in found]) == pytest.approx(2000 / 0.25, rel=0.1)
    assert np.median([one.blocks for one in found]) == pytest.approx(2000 / 3, rel=0.15)
    assert all(one.freedom < 14 for one in found)  # ten blocks, which overlap


def test_few_seconds_that_weigh_most_leave_few_degrees_of_freedom() -> None:
    """Three seconds of 300 bring nearly all that varies: what they tell of the variance, three values tell."""
    quiet = keeping(300, 0.0, 1)
    stalled = quiet.copy()
    stalled[[40, 140, 240]] += 100
    assert spread(quiet).freedom > 10
    assert spread(stalled - stalled.mean()).freedom < 8


def test_with_few_seconds_there_is_no_interval() -> None:
    """Ten seconds are the least from which one is given; the reason says how many there were."""
    rng = np.random.default_rng(1)
    for found in quantile_intervals(track([rng.integers(1, 9, 50) for _ in range(FEWEST - 1)]), [0.5, 0.9]):
        assert found.ends is None
        assert found.why == f"{TOO_SHORT}: 9 s have values, it takes 10"
    assert all(one.ends for one in quantile_intervals(track([np.full(9, 5.0)] * FEWEST), [0.5, 0.9]))


def test_a_run_of_slow_swings_is_too_short_to_tell() -> None:
    """Latencies double and halve once a minute: two minutes are two blocks, whatever the number of messages."""
    rng = np.random.default_rng(2)
    swing = np.exp(np.sin(np.arange(120) * 2 * np.pi / 60))
    for found in quantile_intervals(track([rng.exponential(1e4 * level, 300) for level in swing]), [0.5, 0.99]):
        assert found.ends is None
        assert found.why.startswith(f"{TOO_SHORT}: ")
        assert found.why.endswith("effective blocks, it takes 10")
        assert found.blocks < FEWEST


def test_an_interval_that_would_reach_beyond_the_largest_value_is_not_given() -> None:
    """All that lies beyond the percentile came in one second of 60: how much that is in the long run, nobody knows."""
    rng = np.random.default_rng(2)
    seconds = [rng.exponential(1e3, 300) for _ in range(60)]
    seconds[30][:200] = 1e6
    found = quantile_intervals(track(seconds), [0.5, 0.99])
    assert found[0].ends
    assert found[1].why == f"{TOO_SHORT}: its interval reaches beyond the largest value"


def test_a_constant_latency_has_an_interval_of_no_width() -> None:
    """Nothing varies: both ends are the value (µs to s)."""
    found = quantile_intervals(track([np.full(100, 1000)] * 20), [0.5, 0.99])
    assert [one.ends for one in found] == [(0.001, 0.001), (0.001, 0.001)]


@pytest.mark.parametrize("seconds", [12, 13, 40, 61])
def test_seconds_that_alternate_exactly_have_intervals(seconds: int) -> None:
    """Blocks of two cancel out: nothing is divided by what is left."""
    turns = [np.full(50, 1000.0 if second % 2 else 3000.0) for second in range(seconds)]
    for found in quantile_intervals(track(turns), [0.25, 0.5, 0.9]):
        assert found.why or (1000 <= ends(found)[0] <= ends(found)[1] <= 3002)


def test_the_interval_of_independent_messages_is_that_of_their_ranks() -> None:
    """A minute of independent latencies: wider than the binomial interval, which knows that, by a third at most."""
    rng = np.random.default_rng(5)
    widths, known = [], []
    for _ in range(30):
        values = rng.exponential(1e4, (60, 200))
        low, high = ends(quantile_intervals(track(list(values)), [0.9])[0])
        ranks = stats.binom.ppf([0.025, 0.975], values.size, 0.9).astype(int)
        exact = np.sort(values.ravel())[ranks]
        widths.append(high - low)
        known.append(exact[1] - exact[0])
    assert 1 <= np.mean(widths) / np.mean(known) < 1.33


def test_a_stall_that_spans_seconds_widens_the_interval() -> None:
    """Alike neighbours carry less information: the same values in bursts of seconds give wider intervals than shuffled."""
    rng, widths = np.random.default_rng(3), np.zeros(2)
    for _ in range(10):
        levels = np.repeat(rng.lognormal(0, 1, 60), 5)
        bursts = [rng.exponential(1e4 * level, 100) for level in levels]
        shuffled = [bursts[i] for i in rng.permutation(len(bursts))]
        widths += [np.ptp(ends(quantile_intervals(track(seconds), [0.5])[0])) for seconds in (bursts, shuffled)]
    assert widths[0] > 1.5 * widths[1]


def test_a_second_without_values_is_a_second_of_the_run() -> None:
    """What a stall holds back is there in one second, after empty ones: 30 s with values over 60 s are 60 s."""
    rng = np.random.default_rng(4)
    whole = track([rng.exponential(1e4, 300) for _ in range(30)])
    sparse_run = Track(whole.tag, 2 * whole.seconds, whole.counts, whole.maxima)
    (close,), (apart,) = (quantile_intervals(one, [0.5]) for one in (whole, sparse_run))
    assert apart.blocks > 1.5 * close.blocks


def test_an_hour_has_intervals_in_no_time_and_keeps_every_second() -> None:
    """An hour of independent seconds: the interval brackets the whole's quantile."""
    rng = np.random.default_rng(3)
    whole = track(list(rng.integers(1, 2000, (3600, 20))))
    low, high = ends(quantile_intervals(whole, [0.5])[0])
    assert low <= whole.total.quantile(0.5) <= high
    assert high - low < 50


def test_no_values_in_the_quantiles_bucket_are_counted_twice() -> None:
    """All messages in two buckets: the interval of a percentile in either is that bucket, its edge where both are near."""
    seconds = [np.repeat([1000.0, 2000.0], [30, 70])] * 30
    found = [ends(one) for one in quantile_intervals(track(seconds), [0.1, 0.3, 0.6])]
    assert found == [(1000, 1000), (1000, pytest.approx(2000)), (2000, 2000)]


CELLS = [
    # process, seconds, quantiles of which a run holds 60 effective blocks and more (trust.intervals)
    (Level(1), 300, (0.5, 0.9)), (Stalls(1, 0.02), 300, (0.5, 0.9, 0.99)), (Bursts(), 300, (0.5, 0.9, 0.99)),
]  # fmt: skip


@pytest.mark.parametrize(("process", "seconds", "qs"), CELLS)
def test_intervals_hold_the_truth_of_known_processes(
    process: Level | Stalls | Bursts, seconds: int, qs: tuple[float, ...]
) -> None:
    """A coarse slice of `trust.intervals`: of 80 runs no fewer hold than one in a thousand would have at 92 %."""
    rng, held = np.random.default_rng(11), np.zeros(len(qs))
    truth = np.array([round(process.quantile(q)) for q in qs])
    for _ in range(80):
        found = np.array([ends(one) for one in quantile_intervals(process.run(seconds, rng).track, qs)])
        held += (found[:, 0] <= truth) & (truth <= found[:, 1])
    assert (held >= stats.binom.ppf(0.001, 80, 0.92)).all()


@pytest.mark.parametrize("process", [Level(1), Stalls(1, 0.02), Stalls(20, 0.3), Bursts()])
def test_the_truth_of_a_process_is_what_its_runs_come_to(process: Level | Stalls | Bursts) -> None:
    """Shares at the true quantiles, over an hour: integration and simulation agree."""
    run = process.run(3600, np.random.default_rng(1))
    for q, slack in ((0.5, 0.03), (0.9, 0.01), (0.99, 0.005)):
        assert np.mean(run.latency <= process.quantile(q)) == pytest.approx(q, abs=slack)


def test_a_run_is_recorded_as_a_trial_records_it() -> None:
    """Every message in the second in which its latency became known, and none lost."""
    run = Stalls(5, 0.5).run(40, np.random.default_rng(2))
    made = run.track
    assert made.counts.sum() == len(run.latency)
    assert len(made.seconds) < made.seconds[-1] + 1  # a stall leaves a second empty
    assert np.array_equal(np.asarray(made.counts.sum(axis=1)), np.bincount(run.second)[made.seconds])
    assert isinstance(made.counts, sparse.csr_array)
    assert made.counts.shape[1] == len(bounds()[0])
