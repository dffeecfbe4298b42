"""The arithmetic under the charts, against known truth."""

from __future__ import annotations

import numpy as np
import pytest
import result_fixture as made
from hypothesis import given
from hypothesis import strategies as st

from loadkit.histogram import Histogram
from loadkit.report import curves
from loadkit.report.flat import flat
from loadkit.report.view import natural, parted


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), max_size=400), st.integers(4, 60))
def test_an_envelope_keeps_the_ends_and_the_extremes(values: list[float], points: int) -> None:
    """At most `points` places, in order, with the first, the last, the highest and the lowest value among them."""
    y = np.array(values, float)
    kept = curves.envelope(y, points)
    assert len(kept) <= max(points, 0) or len(y) <= points
    assert list(kept) == sorted(set(kept))
    if len(y):
        assert kept[0] == 0
        assert kept[-1] == len(y) - 1
    if len(y) and not np.isnan(y).all():
        assert np.nanmax(y[kept]) == np.nanmax(y)
        assert np.nanmin(y[kept]) == np.nanmin(y)


def test_the_percentile_curve_is_the_histogram_s_own_quantiles() -> None:
    """The value at x = 1/(1-q) is the quantile q, and the carried part ends at n / 10."""
    whole = Histogram()
    whole.record(np.random.default_rng(1).integers(100, 90_000, 5000))
    x, y, carried = curves.percentile_curve(whole)
    assert x[carried - 1] == pytest.approx(500)
    assert x[-1] == pytest.approx(5000)
    assert y[7] == pytest.approx(whole.quantile(1 - 1 / x[7]) / 1e6)
    assert y[-1] == pytest.approx(whole.max / 1e6)
    assert (np.diff(y) >= 0).all()


def test_windows_merge_histograms_and_never_average_percentiles() -> None:
    """The p99 of a window is that of its merged seconds; of the whole run, the summary's."""
    view = made.view("healthy")
    track = view.track("latency")
    assert track is not None
    start, end = view.result.measured
    _, counts, values, maxima = curves.by_window(track, 3600, (0.5, 0.99))
    assert counts.tolist() == [len(track.total)]
    assert values[0].tolist() == [view.summary.metrics["latency.p50"], view.summary.metrics["latency.p99"]]
    assert maxima[0] == view.summary.metrics["latency.max"]
    t, counts, values, _ = curves.by_window(track, 10, (0.5, 0.99))
    assert counts.sum() == len(track.total)
    assert t[0] <= start
    assert t[-1] < end
    window = track.seconds // 10 == 2
    merged = Histogram.of(np.asarray(track.counts[window].sum(axis=0)).ravel(), int(track.maxima[window].max()))
    assert values[list(t).index(20.0)].tolist() == (merged.quantiles([0.5, 0.99]) / 1e6).tolist()


def test_a_window_with_too_few_values_has_no_p99() -> None:
    """Twenty values a second carry a median and no p99."""
    track = made.view("tiny").track("latency")
    assert track is not None
    _, counts, values, _ = curves.by_window(track, 1, (0.5, 0.99))
    assert counts.tolist() == [20, 20, 20, 20]
    assert not np.isnan(values[:, 0]).any()
    assert np.isnan(values[:, 1]).all()
    assert curves.window_of(track, 0.99) == 60


@pytest.mark.parametrize(
    ("span", "rows", "width"), [(60, 60, 1), (61, 60, 2), (3600, 60, 60), (3601, 60, 120), (1e6, 60, 16667)]
)
def test_a_window_is_the_shortest_that_fits_the_rows(span: float, rows: int, width: int) -> None:
    """Round lengths as long as there are any."""
    assert curves.window_for(span, rows) == width


def test_grouping_means_and_maxima() -> None:
    """Windows count from zero; a NaN is no value."""
    t, y = np.arange(6.0), np.array([1, 3, np.nan, 5, 8, 2], float)
    assert [side.tolist() for side in curves.grouped(t, y, 2, "mean")] == [[0, 2, 4], [2, 5, 5]]
    assert [side.tolist() for side in curves.grouped(t, y, 2, "max")] == [[0, 2, 4], [3, 5, 8]]


def test_names_with_numbers_sort_as_people_count() -> None:
    """orders/2 stands before orders/10."""
    assert sorted(["orders/10", "orders/2", "a/3", "orders"], key=natural) == ["a/3", "orders", "orders/2", "orders/10"]


def test_a_number_parts_from_its_unit_unless_it_is_compound() -> None:
    """A tile shows the unit smaller."""
    assert parted("8.39 ms") == ("8.39", "ms")
    assert parted("2 m 05 s") == ("2 m 05 s", "")
    assert parted("12") == ("12", "")


def test_nested_facts_become_dotted_rows() -> None:
    """Leaves in their order, empty mappings and nothing as a dash."""
    nested = {"a": {"b": 1, "c": [True, 2.0]}, "d": None, "e": {}, "f": []}
    assert flat(nested) == [
        ("a.b", "1"),
        ("a.c", "true, 2"),
        ("d", "–"),
        ("e", "–"),
        ("f", "–"),
    ]
