"""What live views are told of: exact sums, the last seconds, and the limit so far."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import result_fixture as made
from hypothesis import given
from hypothesis import strategies as st

from loadkit import limit
from loadkit.histogram import Histogram, LogLine, bounds
from loadkit.observed import EDGES_US, EVERY, JUDGED, KEPT, LEAST, RECENT, Observed, Tally
from loadkit.result import Row, load
from loadkit.summary import summarise

FACTS: dict[str, Any] = {
    "run_id": "7f3a91c2", "command": "run", "loadkit": "1.0", "started_epoch": 1000.0, "scenario": {"name": "orders"},
    "classes": {"Checkout": {"role": "producer", "topic": "orders", "config": {}}, "Billing": {"role": "consumer", "topic": "orders"}},
    "target": {"name": "embedded:3", "kind": "embedded", "co_located": False},
}  # fmt: skip


def histogram(*values_us: int) -> Histogram:
    """Return a histogram of these values."""
    found = Histogram()
    found.record(np.array(values_us))
    return found


def line(second: int, tag: str, *values_us: int) -> LogLine:
    """Return one second of one series."""
    return LogLine(tag, float(second), 1.0, histogram(*values_us))


def producer(second: int, phase: str = "measure", **numbers: int) -> Row:
    """Return a row of the producing class."""
    return {"t": second, "phase": phase, "kind": "producer", "name": "Checkout", **numbers}


def begun() -> Observed:
    """Return an observer that has heard of a trial."""
    seen = Observed()
    seen.begin(FACTS)
    return seen


def fed(kind: str) -> Observed:
    """Return an observer that was told all that a result of `result_fixture` holds."""
    seen, shape = (
        begun(),
        {"healthy": made.Shape(), "generator_limited": made.Shape(capacity=13_000.0, cpu=0.99, latency=0.9)},
    )
    for lines, rows in made.seconds_of(shape[kind]):
        seen.seconds(lines, rows)
    return seen


def test_every_edge_is_where_one_of_hdrhistograms_own_buckets_begins() -> None:
    """Else a bucket that is shown would hold values of both sides of its edge."""
    assert set(EDGES_US) <= set(bounds()[0].tolist())
    assert list(EDGES_US) == sorted(set(EDGES_US))
    assert (EDGES_US[0], EDGES_US[-1]) == (128, 3 << 25)


@given(st.lists(st.integers(0, 200_000_000), min_size=1, max_size=60), st.sampled_from(EDGES_US))
def test_buckets_count_exactly_what_lies_below_their_edges(values: list[int], edge: int) -> None:
    """Values at an edge, one below it and anywhere, told in two seconds."""
    values += [edge - 1, edge, edge + 1]
    tally = Tally()
    for part in (values[::2], values[1::2]):
        if part:
            tally.add(histogram(*part))
    below = np.cumsum(tally.counts)
    assert below[:-1].tolist() == [sum(value < each for value in values) for each in EDGES_US]
    assert below[-1] == len(values)
    assert tally.sum_us == sum(values)


def test_sums_are_kept_by_class_and_phase_and_go_on_in_the_next_trial() -> None:
    """What is of one trial alone begins anew: lag, rates, what is unsent."""
    seen = begun()
    seen.seconds([line(0, "warmup:Checkout.latency", 500)], [producer(0, "warmup", sent=5, acked=5)])
    lagging = {
        "t": 1,
        "phase": "measure",
        "kind": "consumer",
        "name": "Billing",
        "received": 7,
        "lag": 3,
        "lag_time": 0.1,
    }
    seen.seconds([line(1, "Checkout.latency", 700, 900)], [producer(1, due=10, sent=8, acked=7), lagging])
    assert seen.sums["producer", "Checkout", "warmup", "acked"] == 5
    assert seen.sums["producer", "Checkout", "measure", "due"] == 10
    assert seen.rates == {
        0: {"due": 0, "sent": 5, "acked": 5, "received": 0},
        1: {"due": 10, "sent": 8, "acked": 7, "received": 7},
    }
    assert (seen.unsent, seen.second, seen.latest["consumer", "Billing"]["lag"]) == ({"Checkout": 2}, 1, 3)
    assert seen.tallies.keys() == {("Checkout", "latency", "warmup"), ("Checkout", "latency", "measure")}
    assert len(seen.whole["latency"]) == 2
    seen.end(FACTS)
    seen.begin(FACTS)
    assert (seen.trials, seen.unsent, seen.rates, seen.latest, seen.whole) == (2, {}, {}, {}, {})
    seen.seconds([line(0, "Checkout.latency", 800)], [producer(0, due=4, sent=4, acked=4)])
    assert seen.sums["producer", "Checkout", "measure", "acked"] == 7 + 4
    assert seen.tallies["Checkout", "latency", "measure"].counts.sum() == 3


def test_error_codes_add_up() -> None:
    """They stand in a row of their own."""
    seen = begun()
    for second, codes in enumerate(({"_MSG_TIMED_OUT": 2}, {"_MSG_TIMED_OUT": 1, "NOT_ENOUGH_REPLICAS": 4})):
        seen.seconds([], [{"t": second, "phase": "measure", "kind": "errors", "name": "all", "codes": codes}])
    assert seen.errors == {"_MSG_TIMED_OUT": 3, "NOT_ENOUGH_REPLICAS": 4}


def test_only_the_last_seconds_are_recent_and_classes_are_merged() -> None:
    """A minute of rates and ten seconds of percentiles; the measured phase as a whole beside them."""
    seen, seconds = begun(), KEPT + 20
    for second in range(seconds):
        lines = [line(second, f"{name}.latency", 1000 + second) for name in ("Checkout", "Refund")]
        seen.seconds(lines, [producer(second, due=2, sent=2, acked=2)])
    assert sorted(seen.rates) == list(range(seconds - KEPT, seconds))
    recent = seen.recent("latency")
    assert (len(recent), recent.min, recent.max) == (2 * RECENT, 1000 + seconds - RECENT, 1000 + seconds - 1)
    assert (len(seen.whole["latency"]), len(seen.recent("end_to_end"))) == (2 * seconds, 0)


def test_a_part_of_a_second_that_comes_late_counts_in_its_second() -> None:
    """A load process that was silent for some seconds adds to what the others told of them."""
    seen = begun()
    seen.seconds([line(3, "Checkout.latency", 1000)], [producer(3, due=5, sent=5, acked=5)])
    seen.seconds([line(3, "Checkout.latency", 2000)], [producer(3, due=5, sent=5, acked=4)])
    assert seen.rates[3] == {"due": 10, "sent": 10, "acked": 9, "received": 0}
    assert len(seen.recent("latency")) == 2


@pytest.mark.parametrize("kind", ["healthy", "generator_limited"])
def test_the_limit_so_far_is_what_the_whole_result_says(kind: str) -> None:
    """By the same rules, of the last half minute."""
    seen = fed(kind)
    assert seen.judged
    whole = made.view(kind)
    assert seen.judged.limit.limit == whole.summary.limit == {"healthy": "none"}.get(kind, "generator")
    assert seen.judged.facts.offered == pytest.approx(whole.summary.metrics["offered"], rel=0.01)


def test_the_limit_is_told_after_some_measured_seconds_and_not_of_the_warmup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before that nothing is said; then every few seconds, of no more seconds than are looked at."""
    asked: list[float] = []
    judge = limit.judge

    def noted(facts: Any) -> limit.Limit:
        asked.append(facts.offered)
        return judge(facts)

    monkeypatch.setattr(limit, "judge", noted)
    seen, told = begun(), []
    for second in range(20):
        seen.seconds([], [producer(second, "warmup", sent=100, acked=100)])
    assert seen.judged is None
    for second in range(20, 80):
        asked.clear()
        seen.seconds([], [producer(second, due=1000 + second, sent=1000 + second, acked=1000 + second)])
        if asked:
            told.append((second, asked[-1]))
    assert [second for second, _ in told] == list(range(20 + LEAST, 80, EVERY))
    last, rate = told[-1]
    assert rate == pytest.approx(1000 + last - (JUDGED - 1) / 2)


def test_what_is_sampled_ahead_of_the_whole_seconds_is_no_second_without_messages() -> None:
    """Lag and brokers are asked for at once, load processes report some seconds later."""
    seen = begun()
    for second in range(20):
        head = {"t": second + 3, "phase": "measure"}
        ahead = [{**head, "kind": "consumer", "name": "Billing", "lag": 5, "lag_time": 0.1, "status": "OK"}]
        seen.seconds([], [producer(second, due=100, sent=100, acked=100), *ahead])
    assert (seen.second, seen.rates[19]["acked"]) == (19, 100)
    assert seen.judged
    assert seen.judged.facts.offered == 100
    assert seen.latest["consumer", "Billing"]["t"] == 22


def test_a_trial_that_cannot_send_is_not_called_met() -> None:
    """Half of what is due is never sent, and nothing says whose fault it is."""
    seen = begun()
    for second in range(20):
        seen.seconds([line(second, "Checkout.send_delay", 900_000)], [producer(second, due=1000, sent=500, acked=500)])
    assert seen.judged
    assert seen.judged.limit.limit in ("generator", "unknown")
    assert seen.judged.facts.unsent == 16 * 500
    assert seen.judged.facts.send_delay_p99 == pytest.approx(0.9, rel=0.01)


def test_what_is_observed_is_what_the_files_hold() -> None:
    """The same rows and histograms: sums of the whole run are those of its result."""
    seen, whole = fed("healthy"), load(made.view("healthy").result.out)
    total = sum(row["acked"] for row in whole.of_kind("producer"))
    assert seen.sums["producer", "Checkout", "measure", "acked"] == total
    assert seen.whole["latency"].quantile(0.99) / 1e6 == summarise(whole).metrics["latency.p99"]
