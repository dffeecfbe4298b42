"""Deltas of several processes to complete seconds on disk, and to Locust's own table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from loadkit.collector import PATIENCE, Collector
from loadkit.delta import Delta
from loadkit.histogram import Histogram
from loadkit.integrity import Delta as Places
from loadkit.recorder import Interval
from loadkit.result import Writer, load
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Scenario, Topic

ORDERS = Topic("orders")
SCENARIO = Scenario(
    name="orders",
    producers=(ProducerWorkload(name="Checkout", topic=ORDERS),),
    consumers=(ConsumerWorkload(name="Billing", topic=ORDERS),),
)


def interval(n: int, us: int = 1000, phase: str = "measure", **counts: int) -> Interval:
    """Return an interval of n latencies of so many microseconds."""
    made, tag = Interval(), "Checkout.latency" if phase == "measure" else "warmup:Checkout.latency"
    made.histograms[tag] = Histogram()
    made.histograms[tag].record(np.full(n, us))
    made.count("producer", "Checkout", acked=n, **counts)
    return made


def delta(worker: str, second: int, *seconds: int, n: int = 10, **more: object) -> Delta:
    """Return what a process tells: measured intervals of some seconds."""
    return Delta(worker, second, {(s, "measure"): interval(n) for s in seconds}, **more)  # type: ignore[arg-type]


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    """Return a writer that has begun."""
    made = Writer(tmp_path / "run", {})
    made.begin(1000.0, "1970-01-01T00:16:40Z")
    return made


def written(writer: Writer) -> dict[int, int]:
    """Return how many latencies each second on disk has."""
    tracks = load(writer.out).tracks
    if "Checkout.latency" not in tracks:
        return {}
    track = tracks["Checkout.latency"]
    return dict(zip(track.seconds.tolist(), np.asarray(track.counts.sum(axis=1)).ravel().tolist(), strict=True))


def test_a_second_is_written_when_every_process_has_told_it(writer: Writer) -> None:
    """The slower of two processes decides; then both parts stand in one line."""
    collector = Collector(SCENARIO)
    collector.take(delta("a", 3, 0, 1, 2))
    collector.take(delta("b", 1, 0))
    collector.flush(writer)
    assert written(writer) == {0: 20}
    collector.take(delta("b", 3, 1, 2))
    collector.flush(writer)
    assert written(writer) == {0: 20, 1: 20, 2: 20}
    assert len((writer.out / "histograms.hlog").read_text().splitlines()) == 4 + 3


def test_a_silent_process_is_waited_for_only_so_long_and_its_late_part_still_counts(writer: Writer) -> None:
    """After eight seconds a second is written without it; what it tells later is one more line of that second."""
    collector = Collector(SCENARIO)
    collector.take(delta("b", 0))
    collector.take(delta("a", PATIENCE + 2, *range(PATIENCE + 2)))
    collector.flush(writer)
    assert written(writer) == {0: 10}
    collector.take(delta("b", PATIENCE + 2, *range(PATIENCE + 2)))
    collector.flush(writer)
    assert written(writer) == {s: 20 for s in range(PATIENCE + 2)}
    assert collector.counts["producer", "Checkout"] == {"acked": 20 * (PATIENCE + 2)}


def test_a_process_that_is_gone_is_not_waited_for(writer: Writer) -> None:
    """What it told is kept, also its totals; its outstanding messages are nobody's."""
    collector = Collector(SCENARIO)
    collector.take(delta("a", 5, 0, 1, outstanding=3, totals={"Checkout": {"due": 7}}))
    collector.take(delta("b", 1, 0, outstanding=4, totals={"Checkout": {"due": 5}}))
    assert collector.outstanding() == 7
    collector.forget("b")
    collector.flush(writer)
    assert written(writer) == {0: 20, 1: 10}
    assert (collector.outstanding(), collector.totals()) == (3, {"Checkout": {"due": 12}})


def test_the_end_writes_everything(writer: Writer) -> None:
    """Nothing stays behind when the run ends."""
    collector = Collector(SCENARIO)
    collector.take(delta("a", 0, 7, 8))
    collector.flush(writer, everything=True)
    assert written(writer) == {7: 10, 8: 10}


def test_rows_and_error_codes_are_written_by_phase(writer: Writer) -> None:
    """Sums hold the measured phase alone, error codes of a second stand in one row."""
    collector = Collector(SCENARIO)
    warm, measured = interval(3, phase="warmup"), interval(5, errors=2)
    measured.count("errors", "_MSG_TIMED_OUT", count=2)
    measured.count("partition", "orders/3", acked=5)
    collector.take(
        Delta(
            "a",
            9,
            {(1, "warmup"): warm, (1, "measure"): measured},
            rows=[{"t": 1, "phase": "measure", "kind": "host", "name": "a"}],
        )
    )
    collector.flush(writer)
    rows = load(writer.out).rows
    assert {"t": 1, "phase": "warmup", "kind": "producer", "name": "Checkout", "acked": 3} in rows
    assert {"t": 1, "phase": "measure", "kind": "producer", "name": "Checkout", "acked": 5, "errors": 2} in rows
    assert {"t": 1, "phase": "measure", "kind": "partition", "name": "orders/3", "acked": 5} in rows
    assert {"t": 1, "phase": "measure", "kind": "errors", "name": "all", "codes": {"_MSG_TIMED_OUT": 2}} in rows
    assert {"t": 1, "phase": "measure", "kind": "host", "name": "a"} in rows
    assert collector.counts == {("producer", "Checkout"): {"acked": 5, "errors": 2}}
    assert collector.errors == {"_MSG_TIMED_OUT": 2}


def test_places_of_all_processes_reach_the_accounts() -> None:
    """A partition confirmed by one process and read by two is accounted for whole."""
    collector = Collector(SCENARIO)
    collector.take(Delta("a", 1, confirmed={"orders": {0: Places([(0, 10)], {"acked": 10})}}))
    collector.take(Delta("b", 1, consumed={"Billing": {0: Places([(0, 4)], {"received": 4})}}))
    collector.take(Delta("a", 2, consumed={"Billing": {0: Places([(4, 10)], {"received": 6})}}))
    (verdict,) = collector.accounts.verdicts([("Billing", "orders")])
    assert (verdict.acked, verdict.received, verdict.lost, verdict.unread) == (10, 10, 0, 0)


def test_the_first_error_of_any_process_is_told() -> None:
    """And stays told while the others go on."""
    collector = Collector(SCENARIO)
    collector.take(delta("a", 1))
    assert collector.error() is None
    collector.take(delta("b", 1, error="fenced"))
    collector.take(delta("a", 2))
    assert collector.error() == "fenced"


@pytest.mark.parametrize(
    ("seconds", "steady"),
    [
        ([(100, 1000)] * 5, True),
        ([(100, 1000)] * 4, False),
        ([(50, 9000), *[(100, 1000)] * 5], True),
        ([(100, 1000)] * 4 + [(130, 1000)], False),
        ([(100, 1000)] * 4 + [(100, 1500)], False),
        ([(100, 1000), (105, 1040), (95, 960), (100, 1000), (102, 1010)], True),
    ],
)
def test_a_load_is_steady_when_rate_and_median_have_stayed_for_five_seconds(
    writer: Writer, seconds: list[tuple[int, int]], steady: bool
) -> None:
    """Within 10 % of their means, over the last five complete seconds."""
    collector = Collector(SCENARIO)
    collector.take(
        Delta("a", len(seconds), {(s, "warmup"): interval(n, us, "warmup") for s, (n, us) in enumerate(seconds)})
    )
    collector.flush(writer)
    assert collector.steady() is steady


def test_a_delta_travels_as_plain_json() -> None:
    """What a process packs is what the trial unpacks, through JSON, tuples and numbers included."""
    whole = delta(
        "a", 4, 2, 3, rows=[{"t": 1, "kind": "host"}], totals={"Checkout": {"due": 7}}, outstanding=2, error="x", gap_p99=0.001,
        confirmed={"orders": {3: Places([(0, 5), (7, 9)], {"acked": 7})}}, consumed={"Billing": {0: Places([], {"received": 1})}},
    )  # fmt: skip
    back = Delta.unpack(json.loads(json.dumps(whole.pack())))
    assert back == whole
    assert back.intervals[2, "measure"].histograms["Checkout.latency"].max == 1000


FOLD = """
import json
from locust.stats import RequestStats
import numpy as np
from loadkit.delta import Delta
from loadkit.histogram import Histogram
from loadkit.locust_stats import fold
from loadkit.recorder import Interval

def interval(tag, values, **errors):
    made = Interval()
    made.histograms[tag] = Histogram()
    made.histograms[tag].record(np.array(values))
    made.histograms["Checkout.send_delay"] = made.histograms[tag]
    for code, n in errors.items():
        made.count("producer", "Checkout", errors=n)
        made.count("errors", code, count=n)
    return made

stats = RequestStats()
one = Delta("a", 9, {(3, "warmup"): interval("warmup:Checkout.latency", [1000] * 90), (4, "measure"): interval("Checkout.latency", [5000] * 9, X=10)})
two = Delta("b", 9, {(4, "measure"): interval("Billing.end_to_end", [50_000])})
for delta in (one, two):
    fold(stats, delta, 1000.0)
made = stats.entries["Checkout", "PRODUCE"]
print(json.dumps([
    made.num_requests, made.num_failures, made.avg_response_time, made.median_response_time, made.max_response_time,
    {str(k): v for k, v in made.num_reqs_per_sec.items()}, stats.total.num_requests, stats.errors["X"].occurrences,
    sorted(method for _, method in stats.entries),
]))
"""


def test_locusts_table_holds_true_counts_times_and_failures() -> None:
    """In bulk, warm-up included as Locust counts all: messages by the second of their ack, failures without a time."""
    done = subprocess.run([sys.executable, "-c", FOLD], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    count, failures, mean, median, most, by_second, total, errors, methods = json.loads(done.stdout)
    assert (count, failures, most, errors, methods) == (109, 10, 5.0, 10, ["CONSUME", "PRODUCE"])
    assert mean == pytest.approx((90 * 1.0 + 9 * 5.0) / 99)
    assert median == pytest.approx(1.0)
    assert by_second == {"1003": 90, "1004": 19}
    assert total == 110
