"""Results to numbers: right where the data carry them, null with a reason where they do not; never absent, never 0 instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import result_fixture as made

from loadkit import vocabulary
from loadkit.errors import UsageError
from loadkit.histogram import Histogram, LogLine
from loadkit.report import answer
from loadkit.report.text import plain
from loadkit.report.view import view_of
from loadkit.result import Result, Row, Writer, load
from loadkit.summary import Summary, by_series, summarise

CLASSES = {
    "Checkout": {"role": "producer", "topic": "orders"},
    "Refund": {"role": "producer", "topic": "refunds"},
    "Billing": {"role": "consumer", "topic": "orders"},
}


def histogram(values: Any) -> Histogram:
    """Return a histogram of microseconds."""
    recorded = Histogram()
    recorded.record(np.asarray(values, np.int64))
    return recorded


def write(out: Path, lines: list[LogLine], rows: list[Row], **facts: Any) -> Result:
    """Return a result read back from disk; measured from 2 to 12 s unless `facts` say otherwise."""
    writer = Writer(out, {"classes": CLASSES})
    writer.begin(1000.0, "1970-01-01T00:16:40Z")
    writer.append(lines, rows)
    phases = [{"name": "measure", "start": 2.0, "end": 12.0}]
    writer.close(
        **{"status": "complete", "phases": phases, "integrity": {"lost": 0, "duplicated": 1, "reordered": 2}, **facts}
    )
    return load(out)


def row(t: int, kind: str = "producer", name: str = "Checkout", phase: str = "measure", **numbers: Any) -> Row:
    """Return one row."""
    return {"t": t, "phase": phase, "kind": kind, "name": name, **numbers}


def test_partition_skew_counts_partitions_without_a_message(tmp_path: Path) -> None:
    """Of four partitions two got 300 and 100 messages: the fullest has three times the mean; by bytes it differs."""
    rows = [row(t, "partition", f"orders/{p}", acked=n // 10, acked_bytes=size // 10)
            for t in range(2, 12) for p, n, size in ((0, 300, 1000), (2, 100, 3000))]  # fmt: skip
    rows.append(row(1, "partition", "orders/1", "warmup", acked=900))
    topics = {"orders": {"partitions": 4}}
    summary = summarise(write(tmp_path, [], [row(3, acked=400), *rows], target={"topics": topics}))
    shown = {
        name: summary.metrics[name] for name in ("partition.skew", "orders.partition.skew", "partition.skew.bytes")
    }
    assert shown == pytest.approx({"partition.skew": 3, "orders.partition.skew": 3, "partition.skew.bytes": 3})
    check(summary)


def check(summary: Summary) -> None:
    """Assert what holds for every summary: all names there, null exactly where a reason stands, no number that is not finite."""
    assert set(vocabulary.names()) <= set(summary.metrics)
    assert {name for name, value in summary.metrics.items() if value is None} == set(summary.withheld)
    assert all(summary.withheld.values())
    assert all(np.isfinite(value) for value in summary.metrics.values() if value is not None)
    for name, (low, high) in summary.intervals.items():
        value = summary.metrics[name]
        assert value is not None
        assert low <= high


@pytest.mark.parametrize(
    "make",
    [
        made.healthy,
        made.stalled,
        made.generator_limited,
        made.consumers_only,
        made.tiny,
        made.lossy,
        made.several,
        made.partial,
    ],
)
def test_no_metric_is_ever_absent(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    """Whatever a run was, every name of the vocabulary has a number, or null and a reason."""
    check(summarise(load(make(tmp_path / "run"))))


def test_a_folder_with_only_a_start_has_every_reason(tmp_path: Path) -> None:
    """A run that died while connecting: all null, none 0."""
    Writer(tmp_path / "run", {"classes": CLASSES})
    summary = summarise(load(tmp_path / "run"))
    check(summary)
    assert set(summary.metrics.values()) == {None}
    assert summary.limit == "unknown"
    assert summary.withheld["throughput"] == "the measured phase never began"
    assert summary.withheld["lost"] == "the run ended before it could be verified"


def test_rates_count_the_measured_phase_and_its_seconds(tmp_path: Path) -> None:
    """Acks of measured messages within the phase over its seconds: neither the warm-up's nor what came in the drain."""
    rows = [row(t, acked=100, acked_bytes=1000, sent=110, due=120, errors=1) for t in range(2, 12)]
    rows += [
        row(1, phase="warmup", acked=999),
        row(2, phase="warmup", acked=999),
        row(12, acked=50, errors=7),
        row(13, acked=50),
    ]
    rows += [row(t, "consumer", "Billing", received=90) for t in range(2, 12)] + [
        row(12, "consumer", "Billing", received=5000)
    ]
    rows += [row(t, name="Refund", acked=10, acked_bytes=10) for t in range(2, 12)]
    totals = {"Checkout": {"due": 1200, "unsent": 100}, "Refund": {"due": 100, "unsent": 0}}
    summary = summarise(write(tmp_path / "run", [], rows, totals=totals))
    check(summary)
    wanted = {
        "throughput": 110.0, "Checkout.throughput": 100.0, "Refund.throughput": 10.0, "bytes": 1010.0, "Checkout.bytes": 1000.0,
        "errors": 17.0, "offered": 130.0, "unsent": 100.0, "consumed": 90.0, "Billing.consumed": 90.0,
        "lost": 0.0, "duplicated": 1.0, "reordered": 2.0,
    }  # fmt: skip
    assert {name: summary.metrics[name] for name in wanted} == wanted


def test_a_run_that_died_is_summed_from_its_rows(tmp_path: Path) -> None:
    """Without totals, due and sent come from the seconds that were written; rates divide by the seconds that were measured."""
    rows = [row(t, acked=100, sent=100, due=120) for t in range(2, 6)]
    facts = {"status": "running", "phases": [{"name": "measure", "start": 2.0, "end": 32.0}], "integrity": None}
    summary = summarise(write(tmp_path / "run", [], rows, **facts))
    check(summary)
    assert (summary.metrics["throughput"], summary.metrics["offered"], summary.metrics["unsent"]) == (
        100.0,
        120.0,
        80.0,
    )
    assert summary.withheld["lost"] == "the run ended before it could be verified"


def test_percentiles_are_merged_and_not_averaged(tmp_path: Path) -> None:
    """90 fast and 10 slow messages in different seconds and classes: p95 of all is slow, whatever each second's p95 is."""
    lines = [LogLine("Checkout.latency", float(t), 1.0, histogram([1000] * 9)) for t in range(2, 12)]
    lines += [
        LogLine("Refund.latency", 5.0, 1.0, histogram([500_000] * 10)),
        LogLine("warmup:Checkout.latency", 1.0, 1.0, histogram([10**9] * 99)),
    ]
    summary = summarise(write(tmp_path / "run", lines, [row(2, acked=1)]))
    check(summary)
    assert summary.metrics["latency.p50"] == pytest.approx(0.001, rel=1e-3)
    assert summary.metrics["latency.p90"] == pytest.approx(0.001, rel=1e-3)
    assert summary.metrics["latency.max"] == 0.5
    assert summary.metrics["latency.mean"] == pytest.approx((90 * 0.001 + 10 * 0.5) / 100, rel=1e-3)
    assert summary.metrics["Checkout.latency.max"] == 0.001
    assert summary.metrics["refunds.latency.p50"] == pytest.approx(0.5, rel=1e-3)
    assert summary.metrics["orders.latency.p50"] == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (19, "p50"),
        (39, "p50"),
        (40, "p75"),
        (100, "p90"),
        (199, "p90"),
        (1000, "p99"),
        (9999, "p99"),
        (10_000, "p99.9"),
        (100_000, "p99.99"),
    ],
)
def test_a_quantile_with_fewer_than_ten_values_beyond_it_is_withheld(tmp_path: Path, count: int, shown: str) -> None:
    """p99 takes 1000 values, p99.9 ten thousand; the reason says how many there are and how many it takes."""
    summary = summarise(
        write(
            tmp_path / "run",
            [LogLine("Checkout.latency", 3.0, 1.0, histogram(np.full(count, 7)))],
            [row(3, acked=count)],
        )
    )
    quantiles = [s for s in vocabulary.STATISTICS if s.startswith("p")]
    kept = quantiles.index(shown) + 1
    assert [s for s in quantiles if summary.metrics[f"latency.{s}"] is not None] == quantiles[:kept]
    for statistic in quantiles[kept:]:
        assert f"{count:,} values are too few: it takes " in summary.withheld[f"latency.{statistic}"]
    assert summary.metrics["latency.max"] == 7e-6
    if shown == "p90" and count == 199:
        assert summary.withheld["latency.p95"] == "199 values are too few: it takes 200"


def test_any_quantile_can_be_asked_for(tmp_path: Path) -> None:
    """`p99.5` of the whole, a class or a topic; too few values are withheld as ever; what is no metric is refused."""
    lines = [
        LogLine("Checkout.latency", 3.0, 1.0, histogram(np.arange(1, 2001))),
        LogLine("Refund.latency", 3.0, 1.0, histogram([9] * 500)),
    ]
    result = write(tmp_path / "run", lines, [row(3, acked=1)])
    wanted = [
        "Checkout.latency.p99.5",
        "orders.latency.p99.5",
        "latency.p20",
        "latency.p99.95",
        "Refund.latency.p99.5",
        "Billing.end_to_end.p33",
        "errors",
    ]
    summary = summarise(result, wanted)
    check(summary)
    assert set(wanted) <= set(summary.metrics)
    assert (
        summary.metrics["Checkout.latency.p99.5"] == summary.metrics["orders.latency.p99.5"] == pytest.approx(1.99e-3)
    )
    assert summary.metrics["latency.p20"] == 9e-6
    assert "too few" in summary.withheld["latency.p99.95"]
    assert "too few" in summary.withheld["Refund.latency.p99.5"]
    assert summary.metrics["Billing.end_to_end.p33"] is None
    with pytest.raises(UsageError, match="no such metric"):
        summarise(result, ["Checkout.speed"])


def test_intervals_stand_beside_what_is_shown_only(tmp_path: Path) -> None:
    """A quantile that is shown has an interval or is said to be of too short a run; a withheld one has neither."""
    rng = np.random.default_rng(1)
    for seconds, given in ((40, True), (8, False)):
        lines = [LogLine("Checkout.latency", float(t), 1.0, histogram(rng.integers(1000, 2000, 30)))
                 for t in range(2, 2 + seconds)]  # fmt: skip
        phases = [{"name": "measure", "start": 2.0, "end": 2.0 + seconds}]
        summary = summarise(write(tmp_path / str(seconds), lines, [row(2, acked=1)], phases=phases))
        check(summary)
        shown = {n for n, v in summary.metrics.items() if v is not None and ".latency.p" in f".{n}"}
        assert len(shown) > 9
        told, untold = (summary.intervals, summary.too_short) if given else (summary.too_short, summary.intervals)
        assert set(told) == shown
        assert not untold
        assert all(low <= (summary.metrics[n] or 0) <= high for n, (low, high) in summary.intervals.items())
        assert all(why == "too short to tell: 8 s have values, it takes 10" for why in summary.too_short.values())


def test_what_no_class_does_is_withheld_with_that_reason(tmp_path: Path) -> None:
    """A consumers-only run offers nothing; a producers-only run receives nothing."""
    reading = summarise(load(made.consumers_only(tmp_path / "reading")))
    assert {reading.withheld[name] for name in ("throughput", "offered", "latency.p50", "send_delay.max")} == {
        "no class of the scenario produces"
    }
    writing = summarise(load(made.healthy(tmp_path / "writing", seconds=10, consumers=())))
    assert writing.withheld["end_to_end.p99"] == "no class of the scenario consumes"
    assert writing.metrics["consumed"] is None
    assert "commit='poll'" in writing.withheld["commit.p50"]


def test_lag_is_the_most_the_longest_and_the_slope(tmp_path: Path) -> None:
    """A group that falls behind by 50 messages a second has a slope of 50; groups of one second add up."""
    rows = [
        row(t, "consumer", name, lag=25 * t + 3, lag_time=t / 10) for t in range(2, 12) for name in ("Billing", "Audit")
    ]
    summary = summarise(write(tmp_path / "run", [], [*rows, row(2, acked=1)]))
    assert summary.metrics["lag.max"] == 278
    assert summary.metrics["lag_time.max"] == 1.1
    assert summary.metrics["lag.slope"] == pytest.approx(50)
    short = summarise(write(tmp_path / "short", [], [*rows[:6], row(2, acked=1)]))
    assert short.withheld["lag.slope"] == "fewer than five seconds with a known lag"


def test_client_figures_come_from_cpu_and_librdkafkas_windows(tmp_path: Path) -> None:
    """CPU over messages handled, mean batch over batches, bytes before to bytes after compression, requests a second."""
    rows = [row(t, acked=100, acked_bytes=100_000) for t in range(2, 12)]
    rows += [row(t, "consumer", "Billing", received=100) for t in range(2, 12)]
    rows += [row(t, "host", "w", cpu=0.4, busy=0.5) for t in range(2, 12)]
    rows += [
        row(t, "client", "Checkout@w", role="producer", batches=5, batch_bytes=20_000, requests=4) for t in range(2, 12)
    ]
    rows += [
        row(t, "client", "Billing@w", role="consumer", batches=99, batch_bytes=99, requests=99) for t in range(2, 12)
    ]
    summary = summarise(write(tmp_path / "run", [], rows))
    check(summary)
    wanted = {"client.cpu_per_message": 0.002, "batch.size": 4000.0, "requests": 4.0, "compression.ratio": 5.0}
    wanted |= {"client.cpu_per_mb": 4.0, "requests.per_mb": 40.0, "batches": 5.0, "wire.bytes": 20_000.0}
    assert {name: summary.metrics[name] for name in wanted} == pytest.approx(wanted)


def test_what_a_message_cost_is_shared_by_all_that_were_handled_in_those_seconds(tmp_path: Path) -> None:
    """A target that is still confirming the warm-up's messages makes no message dearer; what opened connections is none."""
    hosts = [row(t, "host", "w", cpu=0.4, busy=0.5) for t in range(2, 12)]
    clients = [row(t, "client", "Checkout@w", role="producer", batches=5, batch_bytes=20_000) for t in range(2, 12)]
    late = [row(t, phase="warmup", acked=100, acked_bytes=100_000) for t in range(1, 10)]
    own = [row(t, acked=100, acked_bytes=100_000) for t in (10, 11, 12)]
    found = summarise(write(tmp_path / "late", [], [*hosts, *clients, *late, *own])).metrics
    assert found["client.cpu_per_message"] == pytest.approx(0.004)
    assert found["client.cpu_per_mb"] == pytest.approx(4.0)
    assert found["compression.ratio"] == pytest.approx(5.0)
    assert found["throughput"] == pytest.approx(20.0)
    cold = [row(0, phase="warmup", acked=6), *[row(t, acked=100) for t in range(10)]]
    hosts = [row(t, "host", "w", cpu=0.4, busy=0.5) for t in range(10)]
    at_once = {"phases": [{"name": "measure", "start": 0.0, "end": 10.0}]}
    found = summarise(write(tmp_path / "cold", [], [*cold, *hosts], **at_once)).metrics
    assert found["client.cpu_per_message"] == pytest.approx(0.004)


def test_integrity_that_could_not_be_judged_says_why(tmp_path: Path) -> None:
    """Null and the reason, never 0: an unverified run has not lost nothing."""
    summary = summarise(
        write(tmp_path / "run", [], [row(2, acked=1)], integrity={"withheld": "the simulated sink keeps no log"})
    )
    assert {summary.metrics[name] for name in ("lost", "duplicated", "reordered")} == {None}
    assert summary.withheld["lost"] == "the simulated sink keeps no log"


def _of_two_hosts(tmp_path: Path, bound_ns: int, breaks: int = 0) -> Result:
    """Return a result of a process of the master's host and one of another, whose clock is known to `bound_ns`."""
    lines = [LogLine("Billing.end_to_end", 3, 1.0, histogram([5000] * 1000))]
    rows = [row(3, "host", "near"), row(3, "host", "far"), row(3, "consumer", "Billing", received=1000)]
    rows += [row(3, "clock", "far", bound_ns=bound_ns, breaks=breaks), row(4, "clock", "far", bound_ns=10, breaks=0)]
    rows.append(row(1, "clock", "far", "warmup", bound_ns=10**9, breaks=1))
    return write(tmp_path / "run", lines, rows)


def test_end_to_end_times_are_good_to_what_the_clocks_are_known_to(tmp_path: Path) -> None:
    """The largest bound of the measured phase counts; what was before it does not."""
    summary = summarise(_of_two_hosts(tmp_path, 500_000))
    check(summary)
    assert summary.metrics["clock.bound"] == 0.0005
    view = view_of(load(tmp_path / "run"), summary)
    assert view.track("end_to_end")
    assert answer.labels(view) == ("several hosts' clocks: end to end is good to ±500 µs",)
    assert "good to ±500 µs" in plain(view.result, summary)
    assert summary.metrics["Billing.end_to_end.p50"] == summary.metrics["end_to_end.p50"] == pytest.approx(0.005, 0.001)


@pytest.mark.parametrize(
    ("bound_ns", "breaks", "why"), [(510_000, 0, "known to ±510 µs"), (10, 1, "the clock of far stepped")]
)
def test_end_to_end_times_are_withheld_where_the_clocks_are_not_known_well(
    tmp_path: Path, bound_ns: int, breaks: int, why: str
) -> None:
    """A bound above a tenth of the median, or a clock that stepped; under every name, the largest and the mean too."""
    summary = summarise(_of_two_hosts(tmp_path, bound_ns, breaks), ["orders.end_to_end.p99.5"])
    check(summary)
    assert summary.metrics["clock.bound"] == bound_ns / 1e9
    for owner in ("", "Billing.", "orders."):
        for statistic in vocabulary.STATISTICS:
            assert why in summary.withheld[f"{owner}end_to_end.{statistic}"]
    assert "end_to_end.p50" not in summary.intervals
    result = load(tmp_path / "run")
    assert not by_series(result)
    assert view_of(result, summary).track("end_to_end") is None


def test_processes_of_one_host_share_a_clock_and_one_process_needs_no_other(tmp_path: Path) -> None:
    """Then nothing is withheld, however the clock relates to the master's."""
    lines = [LogLine("Billing.end_to_end", 3, 1.0, histogram([5000] * 1000))]
    alone = [row(3, "host", "far"), row(3, "clock", "far", bound_ns=10**9, breaks=0)]
    near = [row(3, "host", "one"), row(3, "host", "two")]
    for name, rows in (("alone", alone), ("near", near)):
        summary = summarise(write(tmp_path / name, lines, rows))
        assert summary.metrics["clock.bound"] == 0
        assert summary.metrics["end_to_end.p50"] == pytest.approx(0.005, 0.001)


def test_negative_times_between_hosts_are_counted_and_stay_in_the_percentiles(tmp_path: Path) -> None:
    """The warning says why they are no step of a clock; their number is kept."""
    lines = [LogLine("Billing.end_to_end", 3, 1.0, histogram([-300] * 10 + [5000] * 990))]
    rows = [row(3, "host", "near"), row(3, "host", "far"), row(3, "consumer", "Billing", received=1000, negative=10)]
    summary = summarise(write(tmp_path / "run", lines, [*rows, row(3, "clock", "far", bound_ns=400_000, breaks=0)]))
    (said,) = [warning for warning in summary.warnings if warning["code"] == "negative"]
    assert said["text"] == "10 latencies were negative"
    assert "several hosts" in said["next"]
    assert len(load(tmp_path / "run").tracks["Billing.end_to_end"].total) == 1000
