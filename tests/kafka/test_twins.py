"""Both lanes tell the same truth: one seeded schedule through each leaves the same log, accounts and errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from running import SCENARIOS, Ended, read, run, sets, sums, target_file, untouched

from loadkit.histogram import Histogram
from loadkit.result import read_tracks
from loadkit.stamp import HEX_AT
from loadkit.targets.embedded import EmbeddedCluster

pytestmark = pytest.mark.kafka
CALM = pytest.mark.skipif(
    "LOADKIT_LANE" not in os.environ, reason="two short runs are not disturbed alike on a busy machine: make test-lanes"
)

LANES = ("fast", "standard")
MESSAGES = 6000
SHORT = ("--messages", str(MESSAGES), "--warmup", "0s", "--keep-topics")


@pytest.fixture(scope="module")
def twins(kafka1: EmbeddedCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Ended]]]:
    """Return a run of the same messages on each lane, by lane."""
    folder = tmp_path_factory.mktemp("lanes")
    target = target_file(folder, kafka1)

    def on(lane: str) -> Ended:
        return run(SCENARIOS / "twins.py", target, folder / lane, *SHORT, LOADKIT_LANE=lane)

    with ThreadPoolExecutor(len(LANES)) as pool:
        yield {lane: pool.submit(on, lane) for lane in LANES}


def log(cluster: EmbeddedCluster, ended: Ended) -> dict[tuple[int, bytes], list[bytes]]:
    """Return what a run left in its topic by partition and key, in order, without the stamps; priming left out."""
    found: dict[tuple[int, bytes], list[bytes]] = {}
    name = ended.result["target"]["topics"]["twins"]["name"]
    for message in read(cluster, name):
        value = message.value()
        found.setdefault((message.partition(), message.key()), []).append(value[: HEX_AT.start] + value[HEX_AT.stop :])
    return found


@pytest.mark.parametrize("lane", LANES)
def test_a_lane_keeps_exact_accounts(twins: dict[str, Future[Ended]], lane: str) -> None:
    """All that was due was sent, confirmed and received once by each group, in order; the result names the lane."""
    ended = twins[lane].result().ok()
    untouched(ended)
    assert sums(ended, "Sender")["acked"] == MESSAGES
    assert {facts["lane"] for facts in ended.result["classes"].values()} == {lane}


def test_the_logs_are_the_same(kafka1: EmbeddedCluster, twins: dict[str, Future[Ended]]) -> None:
    """The same values lie under the same keys in the same partitions.

    Two producers share a key, so only the order between them may differ.
    """
    fast, standard = (log(kafka1, twins[lane].result()) for lane in LANES)
    assert fast.keys() == standard.keys()
    for place in fast:
        assert sorted(fast[place]) == sorted(standard[place])


@CALM
def test_the_same_things_are_measured(twins: dict[str, Future[Ended]]) -> None:
    """Latencies, commits, and what librdkafka tells of itself."""
    fast, standard = (twins[lane].result().metrics for lane in LANES)
    assert fast.keys() == standard.keys()
    for metrics in (fast, standard):
        assert metrics["commit.p50"] is not None
        assert metrics["batch.size"] is not None
        assert (metrics["send_delay.p50"] or 0) < (metrics["latency.p50"] or 0) < (metrics["end_to_end.p99"] or 0)


@pytest.fixture(scope="module")
def in_turn(kafka1: EmbeddedCluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Ended]]:
    """Return two runs of each lane, alone and in turn, after one of each that finds the broker cold."""
    folder = tmp_path_factory.mktemp("turns")
    target = target_file(folder, kafka1)
    found: dict[str, list[Ended]] = {lane: [] for lane in LANES}
    for number, lane in enumerate((*LANES, *LANES, *reversed(LANES))):
        ended = run(SCENARIOS / "twins.py", target, folder / f"{number}-{lane}", *SHORT, LOADKIT_LANE=lane).ok()
        found[lane].append(ended)
    return {lane: ended[1:] for lane, ended in found.items()}


@CALM
@pytest.mark.parametrize("series", ["latency", "service_time", "end_to_end"])
def test_the_same_latencies_are_measured(in_turn: dict[str, list[Ended]], series: str) -> None:
    """A value for each message that came, and the lower half of the distribution alike, within a third of it and 2 ms.

    What a group was given twice, as when its second member joined, has a second value; the accounts say how many. The
    better of two runs counts, since what else runs on the machine only ever adds. What a lane could get wrong (another
    instant to count from, another unit, a clock read when arrays are made rather than when a confirmation is served)
    moves the whole distribution by more.
    """
    made = {lane: [whole(ended, series) for ended in in_turn[lane]] for lane in LANES}
    again = [
        ended.result["integrity"]["redelivered"] * (series == "end_to_end") for lane in LANES for ended in in_turn[lane]
    ]
    values = [len(one) for lane in LANES for one in made[lane]]
    assert len({n - more for n, more in zip(values, again, strict=True)}) == 1, (values, again)
    for q in (0.1, 0.25, 0.5):
        fast, standard = (min(one.quantile(q) for one in made[lane]) for lane in LANES)
        assert abs(fast - standard) <= 2000 + max(fast, standard) / 3, (q, fast, standard)


def whole(ended: Ended, series: str) -> Histogram:
    """Return one series of all classes as one histogram, in microseconds."""
    found = Histogram()
    for tag, track in read_tracks(ended.out).items():
        if tag.endswith(f".{series}"):
            found.add(track.total)
    return found


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.long
def test_a_message_too_large_fails_alone_on_either_lane(kafka1: EmbeddedCluster, tmp_path: Path, lane: str) -> None:
    """The client refuses each at once: all are counted as failed by code, none as unsent, and the run ends with 0."""
    target = target_file(tmp_path, kafka1)
    small = sets("Sender.config.message.max.bytes=1200")
    ended = run(SCENARIOS / "twins.py", target, tmp_path / "out", "--messages", "1000", "--warmup", "0s", *small,
                LOADKIT_LANE=lane).ok()  # fmt: skip
    total = sums(ended, "Sender")
    assert total["due"] == total["sent"] == 1000 == total["acked"] + total["errors"]
    assert 300 < total["errors"] < 700
    assert ended.result["errors"] == {"MSG_SIZE_TOO_LARGE": total["errors"]}
    assert ended.metrics["lost"] == 0
