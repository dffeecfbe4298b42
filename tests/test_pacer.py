"""The schedule: exact, monotone, and its two directions inverse to each other."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loadkit import shapes
from loadkit.pacer import NEVER, Even, Interleaved, Pacer, Poisson, pacer, quotas, rational, shaped, time_of

DAY = 86_400 * 10**9

rates = st.one_of(
    st.floats(0.01, 1e7), st.integers(1, 10_000_000).map(float), st.sampled_from([0.1, 1 / 3, 1e6 / 60, 1e7, 33_333.3])
)
levels = st.one_of(st.just(0.0), st.floats(0.001, 5))
moments = st.floats(0, 3600)


@st.composite
def any_shapes(draw: st.DrawFn) -> shapes.Shape:
    """Return a shape of any kind."""
    shape: shapes.Shape = draw(
        st.one_of(
            st.builds(shapes.ramp, levels, levels, st.floats(0.001, 3600)),
            st.builds(shapes.steps, st.lists(levels, min_size=1, max_size=5), st.floats(0.001, 600)),
            st.builds(shapes.spike, levels, moments, st.floats(0.001, 600)),
            st.builds(shapes.sine, st.floats(0, 1), st.floats(0.01, 3600)),
            st.builds(shapes.points, st.lists(st.tuples(moments, levels), min_size=1, max_size=5).map(sorted)),
            st.just(shapes.constant()),
        )
    )
    return shape


def at(schedule: Pacer, message: int) -> int:
    """Return when one message is due."""
    return int(schedule.intended(message, 1)[0])


def assert_inverse(schedule: Pacer, t: int, reach: int = 3) -> None:
    """Assert due(t) > i <=> intended(i) <= t for the messages around due(t), and that time does not go back."""
    count = schedule.due(t)
    first = max(0, count - reach)
    instants = schedule.intended(first, 2 * reach).tolist()
    assert instants == sorted(instants)
    for i, instant in enumerate(instants, first):
        assert (count > i) == (instant <= t), (t, i, instant, count)
        assert at(schedule, i) == schedule.at(i) == instant
        if 0 < instant < NEVER:
            assert schedule.due(instant) > i >= schedule.due(instant - 1)


@given(rates, st.integers(0, 30 * DAY), st.integers(1, 7))
def test_due_and_intended_are_inverse_at_a_steady_rate(rate: float, t: int, stride: int) -> None:
    """For up to a month at up to 10 M/s, for the class and for one of its users."""
    assert_inverse(pacer(rate, None, "even", 0, 1, 0), t)
    assert_inverse(pacer(rate, None, "even", stride - 1, stride, 0), t)


@settings(max_examples=300)
@given(st.floats(0.1, 1e7), any_shapes(), st.one_of(st.integers(0, 2 * DAY), st.integers(0, 60 * 10**9)))
def test_due_and_intended_are_inverse_for_every_shape(rate: float, shape: shapes.Shape, t: int) -> None:
    """Ramps, jumps, stretches of rate 0, sines over days."""
    assert_inverse(pacer(rate, shape, "even", 0, 1, 0), t)


@settings(max_examples=100)
@given(any_shapes(), st.floats(0.1, 500), st.data())
def test_shapes_are_inverse_on_their_edges(shape: shapes.Shape, rate: float, data: st.DataObject) -> None:
    """At and one nanosecond beside each knot, where rounding would show."""
    schedule = pacer(rate, shape, "even", 0, 1, 0)
    edge = round(data.draw(st.sampled_from(shape.knots(rate)))[0] * 1e9)
    for t in (edge - 1, edge, edge + 1):
        assert_inverse(schedule, max(0, t))


@settings(max_examples=50, deadline=None)
@given(any_shapes(), st.floats(1, 1000), st.integers(0, 20 * 10**9), st.integers(0, 3))
def test_due_and_intended_are_inverse_for_poisson(shape: shapes.Shape, rate: float, t: int, slot: int) -> None:
    """Random arrivals obey the same law."""
    assert_inverse(pacer(rate, shape, "poisson", slot, 4, 7), t)


@given(st.integers(0, 10**15), st.integers(1, 50), st.integers(1, 9), st.integers(1, 10**13), st.integers(1, 10**6))
def test_even_is_exact_integer_arithmetic(first: int, n: int, step: int, numerator: int, denominator: int) -> None:
    """Every instant equals floor(i * 10^9 * q / p) of Python's unbounded integers, or NEVER beyond 292 years."""
    rate = Fraction(numerator, denominator)
    expected = [min((first + j * step) * 10**9 * rate.denominator // rate.numerator, NEVER) for j in range(n)]
    assert Even(rate).intended(first, n, step).tolist() == expected


def test_whole_seconds_stay_exact_where_float_and_int64_products_do_not() -> None:
    """At 10 M/s, message 10^7 * 10^8 is due after exactly 10^8 s; i * 10^9 would need 80 bits."""
    schedule = pacer(1e7, None, "even", 0, 1, 0)
    assert at(schedule, 10**15) == 10**17
    assert schedule.due(10**17) == 10**15 + 1
    assert schedule.due(10**17 - 1) == 10**15


@pytest.mark.parametrize(
    ("rate", "fraction"),
    [(0.1, Fraction(1, 10)), (1e6 / 60, Fraction(50_000, 3)), (20_000.0, Fraction(20_000)), (0.0, Fraction(0))],
)
def test_rates_become_the_fraction_that_was_meant(rate: float, fraction: Fraction) -> None:
    """0.1/s is one in ten seconds, not 3602879701896397 / 2^55."""
    assert rational(rate) == fraction


@given(st.floats(1e-6, 1e9))
def test_rates_lose_less_than_a_part_in_ten_to_the_eleventh(rate: float) -> None:
    """Rounding to a short fraction stays far below what a clock can tell."""
    assert abs(float(rational(rate)) / rate - 1) < 1e-11


@pytest.mark.parametrize(
    ("shape", "counts"),
    [
        (shapes.constant(), {0: 0, 1: 1000, 10: 10_000}),
        (shapes.ramp(0, 1, 10), {0: 0, 5: 1250, 10: 5000, 20: 15_000}),
        (shapes.ramp(1, 0, 10), {5: 3750, 10: 5000, 1000: 5000}),
        (shapes.steps([0.5, 1, 1.5], 10), {10: 5000, 20: 15_000, 30: 30_000, 40: 45_000}),
        (shapes.spike(5, 10, 5), {10: 10_000, 15: 35_000, 20: 40_000}),
        (shapes.points([(0, 0.5), (10, "5k/s")]), {10: 27_500, 11: 32_500}),
        (shapes.steps([1, 0, 1], 10), {10: 10_000, 15: 10_000, 20: 10_000, 21: 11_000}),
        (shapes.sine(0.5, 60), {60: 60_000, 120: 120_000, 86_400: 86_400_000}),
    ],
)
def test_counts_equal_the_area_under_the_rate(shape: shapes.Shape, counts: dict[int, int]) -> None:
    """At 1000/s, the messages before second s are the integral worked out by hand."""
    schedule = pacer(1000, shape, "even", 0, 1, 0)
    assert {s: schedule.due(s * 10**9 - 1) for s in counts} == counts


def test_a_ramp_meets_its_closed_form() -> None:
    """From 0 to 1000/s over 10 s the integral is 50 t^2, so message i is due at sqrt(i / 50)."""
    schedule = pacer(1000, shapes.ramp(0, 1, 10), "even", 0, 1, 0)
    i = np.arange(5000)
    assert np.abs(schedule.intended(0, 5000) - np.sqrt(i / 50) * 1e9).max() <= 1


def test_a_sine_keeps_to_its_stated_error() -> None:
    """The count differs from the true integral by less than 0.03 % of the amplitude times a half period."""
    schedule = pacer(1000, shapes.sine(0.5, 60), "even", 0, 1, 0)
    t = np.arange(1, 60)
    true = 1000 * (t + 0.5 * 60 / (2 * np.pi) * (1 - np.cos(2 * np.pi * t / 60)))
    counted = np.array([schedule.due(int(s) * 10**9 - 1) for s in t])
    assert np.abs(counted - true).max() <= 0.0003 * 500 * 30 + 1


@pytest.mark.parametrize("arrivals", ["even", "poisson"])
@pytest.mark.parametrize("shape", [None, shapes.steps([0, 0]), shapes.sine(0.5), shapes.ramp(0, 0)])
def test_at_rate_0_nothing_is_ever_due(arrivals: str, shape: shapes.Shape | None) -> None:
    """Neither at the start nor after a hundred years."""
    schedule = pacer(0, shape, arrivals, 0, 1, 0)  # type: ignore[arg-type]
    assert schedule.due(100 * 365 * DAY) == 0
    assert schedule.at(0) == NEVER
    assert schedule.intended(0, 3).tolist() == [NEVER] * 3


def test_a_message_on_the_edge_of_silence_waits_for_its_end() -> None:
    """With 0/s in the first and third ten seconds, message 0 is due at 10 s, message 1000 at 30 s."""
    schedule = pacer(100, shapes.steps([0, 1, 0, 1], 10), "even", 0, 1, 0)
    assert [at(schedule, i) for i in (0, 999, 1000)] == [10 * 10**9, 19_990_000_000, 30 * 10**9]
    assert schedule.due(25 * 10**9) == 1000


@given(any_shapes(), rates, st.integers(1, 6), st.integers(0, 100))
def test_even_users_together_are_the_class(shape: shapes.Shape, rate: float, users: int, first: int) -> None:
    """User k of N has exactly messages k, k + N, ... of the class, and the counts add up at any time."""
    whole = pacer(rate, shape, "even", 0, 1, 0)
    parts = [pacer(rate, shape, "even", slot, users, 0) for slot in range(users)]
    mixed = np.stack([part.intended(first, 20) for part in parts], axis=1).reshape(-1)
    assert mixed.tolist() == whole.intended(first * users, 20 * users).tolist()
    for t in mixed[mixed < NEVER].tolist()[:5]:
        assert sum(part.due(t) for part in parts) == whole.due(t)


def test_interleaving_needs_no_more_users_than_messages() -> None:
    """Of 3 messages due, users 0 to 2 of five have one each."""
    whole = pacer(1, None, "even", 0, 1, 0)
    assert [Interleaved(whole, slot, 5).due(2 * 10**9) for slot in range(5)] == [1, 1, 1, 0, 0]


def test_poisson_streams_superpose_to_a_poisson_stream_of_the_full_rate() -> None:
    """Gaps of the union of 4 users are exponential with mean 1 / rate, and counts have variance = mean."""
    streams = [pacer(1000, None, "poisson", slot, 4, 11).intended(0, 12_000) for slot in range(4)]
    end = min(int(stream[-1]) for stream in streams)
    union = np.sort(np.concatenate(streams))
    union = union[union < end]
    assert stats.kstest(np.diff(union) / 1e9, "expon", args=(0, 1 / 1000)).pvalue > 0.01
    counts = np.histogram(union, bins=np.arange(0, end, 20_000_000))[0]
    dispersion = counts.var(ddof=1) / counts.mean() * (len(counts) - 1)
    assert 0.005 < stats.chi2.cdf(dispersion, len(counts) - 1) < 0.995
    assert abs(len(union) / (end / 1e9) - 1000) < 3 * np.sqrt(len(union)) / (end / 1e9)


def test_poisson_users_are_independent_and_repeatable() -> None:
    """Two slots share no gaps; the same slot and seed give the same instants; another seed does not."""
    one, two = (pacer(1000, None, "poisson", slot, 2, 5).intended(0, 5000) for slot in (0, 1))
    assert abs(np.corrcoef(np.diff(one), np.diff(two))[0, 1]) < 0.05
    assert (one == pacer(1000, None, "poisson", 0, 2, 5).intended(0, 5000)).all()
    assert (one != pacer(1000, None, "poisson", 0, 2, 6).intended(0, 5000)).any()


def test_a_shaped_poisson_stream_follows_its_shape() -> None:
    """A spike of five times the rate has about five times the messages (five standard deviations)."""
    schedule = pacer(1000, shapes.spike(5, 10, 5), "poisson", 0, 1, 3)
    before, after = schedule.due(10 * 10**9), schedule.due(15 * 10**9)
    assert abs(before - 10_000) < 5 * 100
    assert abs(after - before - 25_000) < 5 * np.sqrt(25_000)


def test_poisson_goes_back_to_what_it_said_and_keeps_few_blocks() -> None:
    """After 200,000 messages the first ones are the same, in whatever pieces they are asked for."""
    schedule = pacer(1000, None, "poisson", 0, 1, 3)
    assert isinstance(schedule, Poisson)
    early = schedule.intended(0, 10_000)
    late = schedule.intended(190_000, 10_000)
    assert len(schedule._blocks) <= 8
    assert (np.concatenate([schedule.intended(i, 999) for i in range(0, 9990, 999)]) == early[:9990]).all()
    fresh = pacer(1000, None, "poisson", 0, 1, 3)
    assert fresh.due(int(late[0])) == 190_001
    assert fresh.due(int(early[5])) == 6
    assert (fresh.intended(190_000, 10_000) == late).all()


@given(st.lists(st.tuples(rates, any_shapes()), min_size=1, max_size=4), st.integers(0, 5000))
def test_a_total_is_reached_at_the_least_duration(classes: list[tuple[float, shapes.Shape]], total: int) -> None:
    """One nanosecond less would have too few messages; the quotas add up to the total and each has been due."""
    pacers = [pacer(rate, shape, "even", 0, 1, 0) for rate, shape in classes]
    if sum(each.due(30 * DAY) for each in pacers) < total:
        return
    duration = time_of(pacers, total)
    assert sum(each.due(duration - 1) for each in pacers) >= total
    assert duration == 0 or sum(each.due(duration - 2) for each in pacers) < total
    shares = quotas(pacers, total)
    assert sum(shares) == total
    assert all(
        each.due(duration - 2) <= share <= each.due(duration - 1) for each, share in zip(pacers, shares, strict=True)
    )


def test_ties_go_to_the_earlier_class() -> None:
    """Two classes at 1/s are due together; the fifth message belongs to the first."""
    pacers = [pacer(1, None, "even", 0, 1, 0) for _ in range(2)]
    assert time_of(pacers, 5) == 2 * 10**9 + 1
    assert quotas(pacers, 5) == (3, 2)


def test_a_total_that_is_never_reached_is_an_error() -> None:
    """A ramp to 0 holds 500 messages and no more."""
    pacers = [pacer(100, shapes.ramp(1, 0, 10), "even", 0, 1, 0)]
    assert quotas(pacers, 500) == (500,)
    with pytest.raises(ValueError, match="501 messages are never due"):
        time_of(pacers, 501)


def test_knots_out_of_order_are_refused() -> None:
    """Times that go back and rates below 0 have no integral to invert."""
    for knots in (((1.0, 1.0), (0.0, 1.0)), ((0.0, -1.0),), ()):
        with pytest.raises(ValueError, match="in order"):
            shaped(knots)
