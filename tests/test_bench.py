"""What the bench computes: ratios, verdicts, and peers' output."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import peers, table
from bench.case import Case
from bench.cases import judged
from bench.draining import drained
from bench.figures import Criterion, differences, ratios, rotated, shown, spread
from bench.lab import Trial
from bench.process import Ran

PERF = """\
1040031 records sent, 207964.6 records/sec (19.83 MB/sec), 112.0 ms avg latency, 1044.0 ms max latency.
10400000 records sent, 845528.455285 records/sec (80.64 MB/sec), 1.23 ms avg latency, 345.00 ms max latency, \
1 ms 50th, 5 ms 95th, 22 ms 99th, 104 ms 99.9th.
8000000 steady state records sent, 912345.6 records/sec (87.01 MB/sec), 1.11 ms avg latency, 45.00 ms max latency, \
2 ms 50th, 4 ms 95th, 9 ms 99th, 14 ms 99.9th.
"""
CONSUMER = """\
2026-11-23 13:42:59:101, 2026-11-23 13:43:02:322, 114.4409, 35.5296, 1200000, 372555.1071, 1644, 1577, 72.5687, 760938.4908
"""
ABOUT = {
    "machine": {"cores": 2}, "versions": {"Kafka": "4.3.1"}, "commit": "abc", "date": "today", "command": "python -m bench",
    "load_before": 0.1, "scale": 1.0,
}  # fmt: skip


def test_the_steady_state_line_of_the_producer_tool_is_read() -> None:
    """With --warmup-records the tool prints two summaries; the steady one is the measurement."""
    assert peers.read_producer_perf(PERF) == peers.Produced(8_000_000, 912345.6, 2.0, 9.0, 14.0, 45.0)


def test_without_warmup_the_whole_summary_is_read_and_progress_lines_are_not() -> None:
    """Progress lines have no quantiles, so they are never taken for the summary."""
    assert peers.read_producer_perf("".join(PERF.splitlines(True)[:2])).records == 10_400_000
    with pytest.raises(ValueError, match="no summary"):
        peers.read_producer_perf(PERF.splitlines()[0])


def test_the_summary_of_the_echo_tool_is_read() -> None:
    """Whole milliseconds; lines of progress have no percentiles."""
    text = "0\t12.5\nAvg latency: 1.5120 ms\nPercentiles: 50th = 1, 99th = 4, 99.9th = 17\n"
    assert peers.read_echo(text) == peers.Echoed(1.512, 1.0, 4.0, 17.0)
    with pytest.raises(ValueError, match="no summary"):
        peers.read_echo("0\t12.5\n")


def test_the_consumer_tools_columns_are_read_by_place() -> None:
    """Records, records/s with and without the joining of the group stand in columns 5, 6 and 10."""
    assert peers.read_consumer_perf("WARN something, odd\n" + CONSUMER) == peers.Consumed(
        1_200_000, 372555.1071, 760938.4908
    )
    with pytest.raises(ValueError, match="no summary"):
        peers.read_consumer_perf("WARNING: nothing consumed\n")


def test_pairs_are_divided_before_they_are_summed_up() -> None:
    """A machine that doubles its speed between pairs leaves every ratio the same."""
    assert ratios([90, 180, 360], [100, 200, 400]) == [0.9, 0.9, 0.9]
    assert differences([1.0, 3.0], [1.5, 2.0]) == [0.5, 1.0]
    assert spread([3.0, 1.0, 2.0]).median == 2.0
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])


@given(st.integers(1, 6))
def test_every_contestant_stands_at_every_place_equally_often(count: int) -> None:
    """Over as many rounds as contestants, each is first, second, ... exactly once."""
    names = [str(i) for i in range(count)]
    rounds = [rotated(names, turn) for turn in range(count)]
    assert all(sorted(place) == names for place in zip(*rounds, strict=True))


@pytest.mark.parametrize(
    ("values", "sense", "floor", "aim", "met", "words"),
    [
        ((0.8, 0.9, 1.0), ">=", 0.85, 0.95, True, "aim missed by 0.050"),
        ((0.96, 0.97), ">=", 0.85, 0.95, True, "aim too"),
        ((0.8, 0.84, 0.9), ">=", 0.85, 0.95, False, "NOT MET, 0.010 short"),
        ((0.3, 0.25), "<=", 0.2, 0.12, False, "NOT MET, 0.075 short"),
        ((0.2,), "<=", 0.2, None, True, "met, 0 to spare"),
        ((5.0,), ">=", None, None, None, "no floor"),
    ],
)
def test_a_floor_is_judged_by_the_median_in_its_own_direction(values, sense, floor, aim, met, words) -> None:
    """Equality meets a floor; the words say which goal is missed and by how much."""
    found = Criterion("it", values, "", sense, floor, aim)
    assert found.met is met
    assert words in found.verdict()


def test_only_missed_floors_fail_a_bench() -> None:
    """What has no floor is stated and never fails."""
    case = Case(
        "a", "A", "", [], [Criterion("x", (1.0,), floor=2.0), Criterion("y", (1.0,)), Criterion("z", (3.0,), floor=2.0)]
    )
    assert judged([case]) == ["a: x"]


@pytest.mark.parametrize(
    ("value", "text"), [(1234567.0, "1,234,567"), (12.345, "12.3"), (1.2345, "1.23"), (0.01234, "0.012"), (0, "0")]
)
def test_figures_have_about_three_digits(value: float, text: str) -> None:
    """Large figures get thousands separators, small ones three decimals."""
    assert shown(value) == text


def test_the_page_holds_every_pair_and_keeps_other_cases(tmp_path) -> None:
    """A case that runs again takes its own place; one that was kept stays on the page."""
    first = Case(
        "a",
        "Title A",
        "how",
        [{"loadkit": {"rate": 1000.0}, "peer": {"cpu": 2e-6}}],
        [Criterion("ratio", (0.9,), floor=0.85)],
    )
    other = Case("b", "Title B", "how", [{"loadkit": {"rate": 5.0}}], [])
    table.keep(tmp_path, first, ABOUT)
    table.keep(tmp_path, other, ABOUT)
    page = table.keep(tmp_path, first, {**ABOUT, "scale": 0.3}).read_text()
    assert "| 1 | loadkit | 1,000 |  |" in page
    assert "| 1 | peer |  | 2.00 us |" in page
    assert page.count("Title B") == 1
    assert "Only to see that it runs" in page
    assert json.loads((tmp_path / table.JSON).read_text())["cases"]["a"]["criteria"][0]["met"] is True


def _trial(rows: list[dict[str, object]]) -> Trial:
    facts = {"phases": [{"name": "measure", "start": 2.0, "end": 12.0}]}
    return Trial({"lost": 0.0, "end_to_end.p50": 1.0}, facts, rows, Ran("", 1.0, 1.0, 1))


def test_the_cpu_of_consuming_counts_only_seconds_without_producing() -> None:
    """Two million messages at one second of CPU in the quiet seconds are 0.5 us, whatever the filling cost."""
    rows: list[dict[str, object]] = [{"t": t, "kind": "producer", "sent": 10, "acked": 10} for t in range(2, 5)]
    rows += [{"t": t, "kind": "host", "cpu": 0.9 if t < 7 else 0.2} for t in range(14)]
    rows += [{"t": 3, "kind": "consumer", "received": 77}]
    rows += [{"t": t, "kind": "consumer", "received": 500_000} for t in range(7, 11)]
    found = drained(_trial(rows), 5.0)
    assert found["messages"] == 2_000_000
    assert found["cpu"] == pytest.approx(6 * 0.2 / 2_000_000)
    assert found["rate"] == 500_000


def test_a_topic_drained_before_it_was_full_is_refused() -> None:
    """No second is left in which only the consumer worked, so there is no figure."""
    rows: list[dict[str, object]] = [{"t": t, "kind": "producer", "sent": 10} for t in range(12)]
    rows += [{"t": t, "kind": "consumer", "received": 5} for t in range(12)]
    with pytest.raises(RuntimeError, match="no whole second"):
        drained(_trial(rows), 5.0)


def test_the_rate_of_draining_is_of_whole_seconds() -> None:
    """A first and a last second of which only a part was spent draining are not what a second carries."""
    rows: list[dict[str, object]] = [{"t": t, "kind": "producer", "sent": 10} for t in range(2, 5)]
    rows += [{"t": t, "kind": "host", "cpu": 0.5} for t in range(14)]
    parts = [{"t": 7 + at, "kind": "consumer", "received": count} for at, count in enumerate((400, 900, 300))]
    assert drained(_trial([*rows, *parts]), 5.0)["rate"] == 900
    with pytest.raises(RuntimeError, match="no whole second"):
        drained(_trial([*rows, parts[0], parts[2] | {"t": 8}]), 5.0)
