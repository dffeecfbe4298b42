"""Objectives as text, and the vocabulary they are written in."""

from __future__ import annotations

import re

import pytest

from loadkit import slo, vocabulary
from loadkit.errors import UsageError
from loadkit.slo import Objective


@pytest.mark.parametrize(
    ("text", "metric", "compare", "bound"),
    [
        ("latency.p99 < 20ms", "latency.p99", "<", 0.02),
        ("Checkout.latency.p99.9<=1.5s", "Checkout.latency.p99.9", "<=", 1.5),
        ("orders.v1.end_to_end.max < 2m", "orders.v1.end_to_end.max", "<", 120.0),
        ("errors == 0", "errors", "==", 0.0),
        ("throughput >= 45k/s", "throughput", ">=", 45_000.0),
        ("bytes > 50MB/s", "bytes", ">", 50e6),
        ("lag.max < 10k", "lag.max", "<", 10_000.0),
        ("lag_time.max < 5s", "lag_time.max", "<", 5.0),
        ("batch.size >= 16KiB", "batch.size", ">=", 16384.0),
        ("compression.ratio > 2.5", "compression.ratio", ">", 2.5),
        ("client.cpu_per_message < 5us", "client.cpu_per_message", "<", 5e-6),
        ("  latency.mean  <  3ms ", "latency.mean", "<", 0.003),
    ],
)
def test_an_objective_is_read_in_its_metrics_unit(text: str, metric: str, compare: str, bound: float) -> None:
    """Times, sizes and rates are written with their units; a class or topic may stand before."""
    read = Objective.parse(text)
    assert (read.metric, read.compare, read.bound) == (metric, compare, pytest.approx(bound))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("latency.p99", "is not an objective: write it like"),
        ("latency.p99 < 20", "no unit of time"),
        ("latency.p99 =< 20ms", "is not an objective"),
        ("latencee.p99 < 20ms", "no such metric (did you mean 'latency.p99'?)"),
        ("latency.p999 < 20ms", "no such metric"),
        ("Checkout.speed > 5", "no such metric"),
        ("throughput > fast", "is not a rate"),
        ("errors == -1", "must be a finite number, 0 or more"),
        ("", "is not an objective"),
    ],
)
def test_what_is_no_objective_is_refused(text: str, says: str) -> None:
    """A UsageError says what is wrong and what exists."""
    with pytest.raises(UsageError, match=re.escape(says)):
        Objective.parse(text)


@pytest.mark.parametrize(
    ("compare", "below", "at", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
        ("==", False, True, False),
    ],
)
def test_an_objective_holds_by_its_sign(compare: str, below: bool, at: bool, above: bool) -> None:
    """Below, at and above the bound; null where the metric was withheld or is unknown, never true by default."""
    objective = Objective.parse(f"errors {compare} 5")
    assert [objective.holds({"errors": value}) for value in (4.0, 5.0, 6.0)] == [below, at, above]
    assert objective.holds({"errors": None}) is None
    assert objective.holds({}) is None


def test_every_standard_name_is_a_metric_with_words_and_a_unit() -> None:
    """The vocabulary knows each of its names, alone and behind a class or a topic with dots."""
    for name in vocabulary.names():
        found = vocabulary.metric(name)
        assert found
        assert found.text
        assert found.show(None) == "–"
        assert found.show(1.0) != "–"
        assert vocabulary.split(name) == (None, name)
        assert vocabulary.split(f"orders.v1.{name}") == ("orders.v1", name)


@pytest.mark.parametrize(
    ("statistic", "q"),
    [
        ("p50", 0.5),
        ("p99.99", 0.9999),
        ("p7", 0.07),
        ("p0", 0.0),
        ("max", None),
        ("p100", None),
        ("p", None),
        ("p99.", None),
        ("x99", None),
    ],
)
def test_quantiles_are_named_by_percent(statistic: str, q: float | None) -> None:
    """`p99.9` is 0.999; what is no quantile has none."""
    assert vocabulary.quantile(statistic) == (q if q is None else pytest.approx(q))


@pytest.mark.parametrize(
    "texts",
    [
        ["latency.p99 < 20ms", "latency.p99 > 30ms"],
        ["latency.p99 < 20ms", "latency.p99 >= 20ms"],
        ["latency.p50 > 10ms", "latency.p99.9 < 5ms"],
        ["latency.p99 == 5ms", "latency.max < 5ms"],
        ["latency.p99 < 0ms"],
        ["errors == 0", "errors == 3"],
        ["Checkout.end_to_end.p95 > 1s", "Checkout.end_to_end.max <= 900ms"],
    ],
)
def test_objectives_that_cannot_hold_together_are_refused(texts: list[str]) -> None:
    """Also across quantiles of one series, since a lower one is never above a higher one."""
    with pytest.raises(UsageError, match="contradict each other"):
        slo.parse_all(texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["latency.p99 < 20ms", "latency.p50 > 1ms"],
        ["latency.p99 > 10ms", "latency.p50 < 5ms"],
        ["latency.p99 <= 5ms", "latency.p99 >= 5ms"],
        ["lag.slope < 0", "errors == 0", "lag.max < 10"],
        ["Checkout.latency.p50 > 1s", "Refund.latency.p99 < 10ms"],
        [],
    ],
)
def test_objectives_that_can_hold_together_are_taken(texts: list[str]) -> None:
    """A low bound on a high quantile and a high bound on a low one say nothing against each other."""
    assert [one.text for one in slo.parse_all(texts)] == texts
