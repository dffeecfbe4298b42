"""The arithmetic of `make trust-stalls`: the truth of each message from a log and a topic, and the verdicts on it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadkit.histogram import Histogram
from trust.proxy.record import Passed, Record
from trust.proxy.wire import Part
from trust.stalls import measure, page, truth
from trust.stalls.cases import CASES, CLUSTERS, MEASURED, QUICK, RATE, WARMUP
from trust.stalls.truth import Stored, Truth

MS, WALL = 1_000_000, 1_700_000_000_000_000_000
PUBLISHED = Path(__file__).parent.parent / "reports" / "trust" / "stalls"


def produce(first: int, count: int, request: int, response: int) -> Passed:
    """Return a produce that passed; times in ms."""
    return Passed("produce", request * MS, response * MS, response * MS, (Part("t", 0, first, count),))


def fetch(first: int, count: int, response: int) -> Passed:
    """Return a fetch that passed."""
    return Passed("fetch", 0, response * MS, response * MS, (Part("t", 0, first, count),))


def stored(due_ms: list[int], created_ms: list[int]) -> Stored:
    """Return stamped messages at offsets from 0 on; times in ms of the monotonic clock."""
    heads = [struct.pack("<IIQq", 1, 2, at, due * MS) for at, due in enumerate(due_ms)]
    return Stored(np.arange(len(due_ms)), np.array(created_ms) + WALL // MS, heads)


def test_each_message_has_the_instants_of_the_response_that_carried_it() -> None:
    """Two produces, the second sent again after a reset: its last response counts. One fetch each, one fetched twice."""
    kept = stored([100, 101, 102], [100, 101, 103])
    passed = [produce(0, 2, 105, 110), produce(2, 1, 106, 112), fetch(0, 2, 111), produce(2, 1, 130, 140),
              fetch(2, 1, 141), fetch(0, 1, 150)]  # fmt: skip
    found = truth.of(Record(passed, WALL, WALL), kept, kept.intended_ns())
    series = found.series()
    assert series["latency"].tolist() == [10 * MS, 9 * MS, 38 * MS]
    assert series["end_to_end"].tolist() == [50 * MS, 10 * MS, 39 * MS]
    assert series["passage"].tolist() == [5 * MS, 5 * MS, 10 * MS]
    assert series["service_time"].tolist() == [int(9.5 * MS), int(8.5 * MS), int(36.5 * MS)]
    assert series["send_delay"].tolist() == [MS // 2, MS // 2, 3 * MS // 2]
    assert found.between(101 * MS, 102 * MS).series()["latency"].tolist() == [9 * MS]


def test_a_message_whose_response_is_in_no_log_is_told_and_not_made_up() -> None:
    """It has no latency; the figures of such a case are not kept, however near they are."""
    kept = stored([0, 1], [0, 1])
    found = truth.of(Record([produce(0, 1, 1, 2), fetch(0, 2, 5)], WALL, WALL), kept, kept.intended_ns())
    assert found.series()["latency"].tolist() == [2 * MS]
    assert found.acked.tolist() == [2 * MS, 0]
    judged = measure.judged(found, {})
    assert (judged["untold"], judged["kept"]) == (1, False)


def test_quantiles_are_ranked_as_histograms_rank_them() -> None:
    """Rank ceil(q n), to the histogram's three digits; what too few messages lie beyond is left out."""
    values = np.random.default_rng(1).integers(1, 10**9, 10_000)
    histogram = Histogram()
    histogram.record_ns(values)
    for name, value in truth.quantiles(values).items():
        assert histogram.quantile(truth.QUANTILES[name]) / 1e6 == pytest.approx(value, rel=0.001, abs=1e-6)
    assert list(truth.quantiles(values)) == ["p50", "p90", "p99", "p99.9", "max"]
    assert list(truth.quantiles(values[:999])) == ["p50", "p90", "max"]


def test_the_measured_messages_are_the_last_ones_by_their_stamps() -> None:
    """Four thousand of five; a result that says it began at another time is not the result of this topic."""
    true = even(np.full(5000, 3.0))
    phase, totals = {"name": "measure", "start": 1.0, "end": 5.0}, {"Clock": {"sent": 4000}}
    result = {"started_epoch": 1_700_000_000.0, "phases": [phase], "totals": totals}
    due = measure.measured(true, result, Record([], WALL, WALL)).due
    assert (len(due), int(due[0]) // MS, int(due[-1]) // MS) == (4000, 1000, 4999)
    with pytest.raises(RuntimeError, match=r"was due -1\.000 s after the start"):
        measure.measured(true, {**result, "started_epoch": 1_700_000_001.0}, Record([], WALL, WALL))
    with pytest.raises(RuntimeError, match="sent 5001 messages, and the topic holds 5000"):
        measure.measured(true, {**result, "totals": {"Clock": {"sent": 5001}}}, Record([], WALL, WALL))


def even(latency_ms: np.ndarray[Any, Any]) -> Truth:
    """Return messages of one case with such latencies, sent when due, received a millisecond after."""
    due = np.arange(len(latency_ms)) * MS
    acked = due + (latency_ms * MS).astype(np.int64)
    return Truth(due, due, acked - MS, acked, acked + MS)


@pytest.mark.parametrize(("off", "kept"), [(0.00049, True), (0.00051, False), (-0.0006, False)])
def test_a_difference_of_half_a_millisecond_is_allowed(off: float, kept: bool) -> None:
    """Either way; and of 2 % where that is more."""
    rows = truth.compared(even(np.full(RATE * MEASURED, 3.0)), {"latency.p50": 0.003 + off})
    assert next(row for row in rows if (row["series"], row["quantile"]) == ("latency", "p50"))["kept"] is kept
    (large,) = (row for row in truth.compared(even(np.array([2000.0])), {"latency.max": 2.039})
                if (row["series"], row["quantile"]) == ("latency", "max"))  # fmt: skip
    assert large["kept"]
    assert large["allowed"] == pytest.approx(0.04)


def test_a_percentile_that_was_withheld_is_not_kept() -> None:
    """The record carries it, so the run had to."""
    rows = truth.compared(even(np.full(100, 3.0)), {"latency.p50": None})
    assert not any(row["kept"] for row in rows)


def test_the_schedule_of_a_tool_begins_so_that_nothing_was_sent_before_it_was_due() -> None:
    """A tool that began at 50 ms, stood still from the third message on and caught up."""
    created = np.array([52, 53, 80, 80, 80, 80, 56, 57]) * MS
    assert (truth.schedule(created, 1000)[[0, 7]] // MS).tolist() == [50, 57]


def test_what_is_due_goes_through_all_parts_of_a_millisecond() -> None:
    """CreateTime is cut to milliseconds; its middle is only on average the instant if no part of one is preferred."""
    due = np.round(np.arange(RATE * MEASURED) * (1e9 / RATE)).astype(np.int64)
    for begun in (0, 333_333, 950_000):
        seen = (due + begun) // MS * MS + MS // 2
        assert abs(float(np.median(seen - due - begun))) < 0.01 * MS


def test_a_stall_is_the_longest_gap_between_fetches_with_records() -> None:
    """Empty responses are no records."""
    passed = [fetch(0, 1, 10), Passed("fetch", 0, 500 * MS, 500 * MS), fetch(1, 1, 2010), fetch(2, 1, 2020)]
    assert truth.longest_gap(passed) == 2.0


def test_cases_are_named_and_have_a_cluster() -> None:
    """Each asked-for name is a case; whatever goes wrong once does so in the measured seconds."""
    assert set(QUICK) <= set(CASES)
    for case in CASES.values():
        assert case.nodes in CLUSTERS
        once = [begin for begin, _ in case.behaviour.stalls] + list(case.behaviour.resets)
        once += [case.stop.at] if case.stop else []
        assert all(0 < at <= 12 for at in once)
        assert not once or case.behaviour.after == RATE * WARMUP


def case_of(latency_ms: np.ndarray[Any, Any], reported: dict[str, float], **more: Any) -> dict[str, Any]:
    """Return a case as it stands in the file."""
    judged = measure.judged(even(latency_ms), reported)
    more_of_it = {
        "curve": {"shares": [0.5, 1.0], "truth": [0.1, 2.0], "reported": [0.1, 2.0]}, "lanes": ["fast"],
        "record": {"writing_p99": 0.0001}, "acked_p99": 0.0002,
    }  # fmt: skip
    return {"case": "stall", "title": "a stall", "loadkit": {**judged, **more_of_it}, **more}


def reported(latency_ms: np.ndarray[Any, Any], off: float = 0.0) -> dict[str, float]:
    """Return metrics as a run would report them, one of them off by so much (s)."""
    series = even(latency_ms).series()
    found = {f"{name}.{q}": value for name in truth.SERIES for q, value in truth.quantiles(series[name]).items()}
    return {**found, "latency.p99": found["latency.p99"] + off}


def test_the_page_and_the_claims_say_what_was_missed(tmp_path: Path) -> None:
    """A percentile that is 1 ms off misses; the producer tool's p99 is shown below the truth."""
    latencies = np.where(np.arange(RATE * MEASURED) < 2000, 1000.0, 4.0)
    tool = {
        "messages": 10_000, "untold": 0, "truth": {"p50": 0.004, "p99": 1.9, "p99.9": 2.0, "max": 2.0}, "slip": {},
        "printed": {"p50": 0.004, "p99": 0.02, "p99.9": 1.5, "max": 2.0},
        "consumer": {"messages": 13_000, "printed_rate": 900.0, "gap": 2.01},
    }  # fmt: skip
    echoes = {"messages": 3000, "seconds": 8.0, "printed": {"p50": 0.002, "p99": 0.004, "p99.9": 0.02}}
    found: dict[str, Any] = {
        "rate": RATE, "size": 100, "seconds": MEASURED, "allowed_s": 0.0005, "allowed_share": 0.02, "kept": False,
        "command": "python -m trust.stalls", "date": "today", "commit": "abc", "lanes": ["fast"],
        "machine": {"cpu": "a", "cores": 2, "memory": 1, "kernel": "b"},
        "cases": [case_of(latencies, reported(latencies), tools=tool, echoes=echoes),
                  case_of(latencies, reported(latencies, 0.1))],
    }  # fmt: skip
    (tmp_path / page.FIGURES).write_text(json.dumps(found))
    text = page.write(tmp_path).read_text("utf-8")
    assert "missed: p99" in text
    assert "EndToEndLatency" in text
    assert [claim.met for claim in page.claims(found)] == [False, True, True, True, None]
    worst, rows = page.claims(found)[0], 2 * len(truth.QUANTILES)
    assert worst.value == pytest.approx((rows - 1) / rows)
    assert "the furthest is p99 of a stall, 5.00 times as far off" in worst.note
    assert page.claims(found)[-1].value == pytest.approx(1880)
    assert [claim.met for claim in page.claims({**found, "cases": found["cases"][:1]})][:3] == [True, True, True]


@pytest.mark.skipif(not (PUBLISHED / page.FIGURES).exists(), reason="not measured yet")
def test_every_case_is_published_and_its_verdicts_follow_from_its_figures() -> None:
    """As the truth and the reported value stand there."""
    found = json.loads((PUBLISHED / page.FIGURES).read_text("utf-8"))
    assert [case["case"] for case in found["cases"]] == list(CASES)
    for row in (row for case in found["cases"] for row in case["loadkit"]["rows"]):
        off = abs(row["reported"] - row["truth"])
        assert row["kept"] == (off <= max(found["allowed_s"], found["allowed_share"] * row["truth"]))
