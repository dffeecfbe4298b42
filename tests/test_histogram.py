"""Histograms: HdrHistogram's arithmetic by whole arrays, nothing lost at the ends, logs that survive a torn line."""

from __future__ import annotations

import gc
import io
import json
import math
import tracemalloc
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Ints, micros, micros_lists, wild_micros

from loadkit.histogram import (
    DIGITS,
    HIGHEST_US,
    LOWEST_US,
    Histogram,
    LogLine,
    bounds,
    decode_rows,
    decode_sparse,
    indices,
    read_log,
    write_log_header,
    write_log_line,
)


def library(values: Ints) -> HdrHistogram:
    """Return the library's histogram of values, recorded one by one."""
    made = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for value in values.tolist():
        assert made.record_value(value)
    return made


def recorded(values: Ints) -> Histogram:
    """Return ours, recorded at once."""
    made = Histogram()
    made.record(values)
    return made


@settings(max_examples=60)
@given(micros_lists())
def test_recording_equals_the_librarys(values: Ints) -> None:
    """Counts, total, minimum, maximum and encoding are those of record_value called for every value."""
    ours, theirs = recorded(values), library(values)
    assert ours.counts.tolist() == list(theirs.counts)
    assert len(ours) == theirs.total_count
    assert ours.max == theirs.max_value
    assert ours.min == (theirs.min_value if len(values) else 0)
    assert ours.encode() == theirs.encode().decode()


def test_recording_equals_the_librarys_at_every_edge() -> None:
    """The first and last value of every sub-bucket that a power of two touches lands where the library puts it."""
    near = [v for bit in range(32) for v in ((1 << bit) - 1, 1 << bit, (1 << bit) + 1) if v <= HIGHEST_US]
    values = np.array([0, 1, 2047, 2048, HIGHEST_US, *near], np.int64)
    assert recorded(values).counts.tolist() == list(library(values).counts)


@given(micros)
def test_a_value_lies_within_the_bounds_of_its_index(value: int) -> None:
    """`bounds` are what `indices` maps to, and a bucket is never wider than a thousandth of its values."""
    at = int(indices(np.array([value]))[0])
    low, high = int(bounds()[0][at]), int(bounds()[1][at])
    assert low <= value <= high
    assert high - low <= value / 1000
    theirs = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    assert (low, high) == (theirs.get_lowest_equivalent_value(value), theirs.get_highest_equivalent_value(value))


@given(micros_lists(wild_micros, least=1))
def test_values_beyond_the_ends_are_counted_and_kept_at_the_ends(values: Ints) -> None:
    """No value leaves the histogram: overflow and negative ones stand at the nearest end, and are counted; the maximum is true."""
    made = recorded(values)
    assert len(made) == len(values)
    assert made.overflow == int((values > HIGHEST_US).sum())
    assert made.negative == int((values < 0).sum())
    assert made.counts.tolist() == recorded(np.clip(values, 0, HIGHEST_US)).counts.tolist()
    assert (made.min, made.max) == (max(int(values.min()), 0), max(int(values.max()), 0))
    assert made.sum == float(values.sum())
    assert made.mean == pytest.approx(values.mean())


@given(micros_lists(st.integers(-(10**9), 10**13)))
def test_nanoseconds_are_rounded_to_the_nearest_microsecond(values: Ints) -> None:
    """A value is off by at most half a microsecond, and never always downwards."""
    made = Histogram()
    made.record_ns(values)
    rounded = np.array([math.floor(value / 1000 + 0.5) for value in values.tolist()], np.int64)
    assert made.counts.tolist() == recorded(rounded).counts.tolist()


def facts(made: Histogram) -> tuple[object, ...]:
    """Return everything a histogram knows."""
    return made.counts.tolist(), made.min, made.max, made.overflow, made.negative


@given(st.lists(micros_lists(wild_micros), min_size=3, max_size=3))
def test_merging_is_associative_and_equals_recording_at_once(parts: list[Ints]) -> None:
    """(a + b) + c, a + (b + c), c + b + a and all values recorded at once are one histogram."""

    def merged(order: list[Histogram]) -> Histogram:
        def plus(left: Histogram, right: Histogram) -> Histogram:
            left.add(right)
            return left

        return reduce(plus, order, Histogram())

    a, b, c = parts
    right = merged([recorded(b), recorded(c)])
    whole = recorded(np.concatenate(parts))
    for one in (
        merged([recorded(a), recorded(b), recorded(c)]),
        merged([recorded(a), right]),
        merged([recorded(c), recorded(b), recorded(a)]),
    ):
        assert facts(one) == facts(whole)
        assert one.sum == pytest.approx(whole.sum)


def test_adding_leaves_the_added_histogram_alone() -> None:
    """A histogram that was merged into another can be written on without changing it."""
    one, two = recorded(np.array([5])), recorded(np.array([7]))
    one.add(two)
    two.record(np.array([9]))
    assert len(one) == 2


shares = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0]))


@given(micros_lists(least=1), shares)
def test_a_quantile_is_the_order_statistic_of_rank_ceil_qn(values: Ints, q: float) -> None:
    """The true order statistic lies in the reported bucket, whose upper end is reported, never above the maximum."""
    rank = max(1, math.ceil(q * len(values) - 1e-6))
    true = int(np.sort(values)[rank - 1])
    got = recorded(values).quantile(q)
    top = int(bounds()[1][indices(np.array([true]))[0]])
    assert got == min(top, int(values.max()))


@given(micros_lists(least=1), st.integers(1, 120))
def test_quantiles_equal_the_librarys_where_it_ranks_without_rounding(values: Ints, k: int) -> None:
    """For whole ranks, where its rounding of q*n plays no part, the library says the same (but never caps at the maximum)."""
    n = len(values)
    rank = min(k, n)
    theirs = library(values).get_value_at_percentile(100 * rank / n)
    assert recorded(values).quantile(rank / n) == min(theirs, int(values.max()))


def test_a_quantile_of_round_numbers_is_not_pushed_up_by_floats() -> None:
    """0.999 of 1000 values is rank 999, though 0.999 * 1000 is 999.0000000000001 in floats."""
    made = recorded(np.arange(1, 1001))
    assert [made.quantile(q) for q in (0.5, 0.99, 0.999, 1.0)] == [500, 990, 999, 1000]


def test_an_empty_histogram_has_no_quantile_and_no_mean() -> None:
    """Nothing was measured: NaN, not 0."""
    assert math.isnan(Histogram().quantile(0.5))
    assert math.isnan(Histogram().mean)


@given(micros_lists())
def test_decoding_restores_counts_and_takes_the_exact_maximum(values: Ints) -> None:
    """Counts come back whole; minimum and maximum within their bucket, the maximum exactly when it is given."""
    made = recorded(values)
    back = Histogram.decode(made.encode(), exact_max=made.max)
    assert back == made
    assert back.max == made.max
    rounded = Histogram.decode(made.encode())
    if len(values):
        assert rounded.min <= values.min()
        assert rounded.max >= values.max()
        assert rounded.mean == pytest.approx(made.mean, rel=1e-3, abs=1)


@given(micros_lists(wild_micros))
def test_packing_restores_everything_through_json(values: Ints) -> None:
    """The way between processes loses nothing: counts, ends, sum, overflow and negative."""
    made = recorded(values)
    back = Histogram.unpack(json.loads(json.dumps(made.pack())))
    assert (facts(back), back.sum) == (facts(made), made.sum)


@given(
    st.lists(st.tuples(micros_lists(wild_micros), st.sampled_from(["as it is", "unpacked", "looked at"])), max_size=6)
)
def test_what_was_unpacked_adds_up_like_anything_else(parts: list[tuple[Ints, str]]) -> None:
    """In any order with histograms that were not, whether or not somebody looked at the counts in between."""
    merged, whole = Histogram(), Histogram()
    for values, how in parts:
        made = recorded(values)
        whole.record(values)
        merged.add(made if how == "as it is" else Histogram.unpack(made.pack()))
        if how == "looked at":
            assert merged.counts.sum() == len(merged)
    assert facts(merged) == facts(whole)
    assert merged.sum == pytest.approx(whole.sum)


@given(micros_lists(), st.sampled_from([1, 2, 63, 64, 127, 128, 8191, 8192, 2**20, 2**33]))
def test_sparse_decoding_equals_the_librarys(values: Ints, times: int) -> None:
    """The filled indices and counts are those the library decodes, whatever length its numbers are encoded in."""
    made = recorded(values)
    made.counts[:] *= times
    text = made.encode()
    filled, counts = decode_sparse(text)
    theirs = HdrHistogram.decode(text)
    expected = np.array(list(theirs.counts), np.int64)
    assert filled.tolist() == np.flatnonzero(expected).tolist()
    assert counts.tolist() == expected[np.flatnonzero(expected)].tolist()
    assert counts.tolist() == made.counts[filled].tolist()


@given(st.lists(micros_lists(), max_size=6))
def test_many_histograms_decode_together_as_one_by_one(parts: list[Ints]) -> None:
    """Empty ones in between included, every histogram gets exactly its own indices and counts."""
    lines = written([LogLine("a", float(i), 1.0, recorded(values)) for i, values in enumerate(parts)])
    filled, places, counts = decode_rows([line.payload for line in read_log(lines)])
    assert len(filled) == len(parts)
    start = 0
    for values, n in zip(parts, filled.tolist(), strict=True):
        rebuilt = np.zeros(len(bounds()[0]), np.int64)
        rebuilt[places[start : start + n]] = counts[start : start + n]
        assert rebuilt.tolist() == recorded(values).counts.tolist()
        start += n
    assert start == len(places)


def written(lines: list[LogLine]) -> list[str]:
    """Return the lines of a log as a file would give them."""
    out = io.StringIO()
    write_log_header(out, 1_790_000_000.0, "2026-09-21T14:13:20Z")
    for line in lines:
        write_log_line(out, line)
    return out.getvalue().splitlines(keepends=True)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Checkout.latency", "warmup:Checkout.latency", "a"]),
            st.integers(0, 10**5),
            micros_lists(least=1),
        ),
        max_size=4,
    )
)
def test_a_log_is_read_as_it_was_written(drawn: list[tuple[str, int, Ints]]) -> None:
    """Tag, start, counts and the exact maximum of every line come back, in order; comments are passed over."""
    lines = [LogLine(tag, float(t), 1.0, recorded(values)) for tag, t, values in drawn]
    back = list(read_log(written(lines)))
    assert [(line.tag, line.start, line.max) for line in back] == [
        (line.tag, line.start, line.histogram.max) for line in lines
    ]


def test_the_library_reads_our_log(tmp_path: Path) -> None:
    """HdrHistogram's own log reader finds every tagged interval, its time and its counts."""
    parts = [np.array([5, 5000]), np.arange(900), np.array([0, HIGHEST_US])]
    path = tmp_path / "histograms.hlog"
    path.write_text(
        "".join(written([LogLine("Checkout.latency", float(t), 1.0, recorded(p)) for t, p in enumerate(parts)]))
    )
    reader = HistogramLogReader(str(path), HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS))
    for values in parts:
        theirs = reader.get_next_interval_histogram()
        assert list(theirs.counts) == recorded(values).counts.tolist()
        assert theirs.get_tag() == "Checkout.latency"
    reader.close()
    assert reader.get_start_time_sec() == 1_790_000_000.0


@given(st.integers(0, 400))
def test_a_torn_last_line_is_passed_over_wherever_it_was_torn(cut: int) -> None:
    """A run that died while writing keeps its whole lines: the torn one is neither read nor an error."""
    whole = "".join(
        written([LogLine("a", 1.0, 1.0, recorded(np.array([5]))), LogLine("a", 2.0, 1.0, recorded(np.arange(90)))])
    )
    last = whole.rindex("Tag=")
    torn = whole[: min(last + cut, len(whole) - 1)]
    assert [line.start for line in read_log(torn.splitlines(keepends=True))] == [1.0]


@pytest.mark.parametrize(
    "bad", ["Tag=a,2.000,1.000,5.000,HISTFAAA!!!!\n", "Tag=a,2.000,1.000,5.000,SElTVA==\n", "\n", "nonsense\n"]
)
def test_a_damaged_line_costs_only_itself(bad: str) -> None:
    """Lines behind a damaged one are still read."""
    good = written([LogLine("a", 1.0, 1.0, recorded(np.array([5])))])
    assert [line.start for line in read_log([*good, bad, good[-1]])] == [1.0, 1.0]


def test_encoding_leaves_nothing_to_the_garbage_collector() -> None:
    """It runs seldom under load: what waited for it grew by half a megabyte a histogram."""
    recorded = Histogram()
    recorded.record(np.array([5, 50, 500]))
    text = recorded.encode()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        assert [recorded.encode() for _ in range(20)] == [text] * 20
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
        gc.enable()
