"""A lane that crashes takes its process with it, and nothing that was measured before."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from ahead import ahead
from locust_process import Ended as Swarm
from locust_process import Locust, processes, recorded
from running import SCENARIOS, Ended, report, start

pytestmark = pytest.mark.kafka

SCENARIO = SCENARIOS / "bad_pointer.py"
RATE = 500


@ahead
def alone_by_pointer(target: Path, folder: Path) -> Ended:
    """Return a run in one process that followed a bad pointer."""
    return alone(target, folder, CRASH=str(folder / "now"))


@ahead
def alone_by_signal(target: Path, folder: Path) -> Ended:
    """Return a run in one process that was sent SIGSEGV."""
    return alone(target, folder)


def alone(target: Path, folder: Path, **crash: str) -> Ended:
    """Return a run that crashed after some measured seconds."""
    with start(SCENARIO, target, folder / "alone", "--duration", "60s", "--warmup", "1s", **crash) as command:
        command.until_measuring()
        command.until_written(4)
        if crash:
            Path(crash["CRASH"]).touch()
        else:
            command.signal(signal.SIGSEGV)
        return command.ended()


@ahead
def two_by_pointer(target: Path, folder: Path) -> Swarm:
    """Return a run of two processes one of which followed a bad pointer."""
    return two(target, folder, CRASH=str(folder / "now"))


@ahead
def two_by_signal(target: Path, folder: Path) -> Swarm:
    """Return a run of two processes one of which was sent SIGSEGV."""
    return two(target, folder)


def two(target: Path, folder: Path, **crash: str) -> Swarm:
    """Return a run of two forked processes, stopped some seconds after one of them died."""
    flags = ["--headless", "--warmup", "1s", "--target", str(target), *processes(2)]
    locust = Locust(folder / "two", *flags, file=SCENARIO, **crash).until_measuring(5.0)
    if crash:
        Path(crash["CRASH"]).touch()
    else:
        os.kill(locust.children()[0], signal.SIGSEGV)
    locust.until(lambda: "died with" in locust.said, "naming the dead")
    time.sleep(9.0)  # the group misses its member after six
    locust.process.send_signal(signal.SIGINT)
    return locust.ended()


def test_a_run_that_crashes_leaves_its_finished_seconds(
    alone_by_pointer: Ended, alone_by_signal: Ended, tmp_path: Path
) -> None:
    """The process is gone by SIGSEGV; what it wrote can be read, says that it was cut off, and claims no losses."""
    for ended in (alone_by_pointer, alone_by_signal):
        assert ended.code == -signal.SIGSEGV, ended.stderr
        assert ended.result["status"] == "running"
        assert len({row["t"] for row in ended.rows if row["kind"] == "producer" and row.get("acked")}) >= 3
    again = report(alone_by_pointer.out, tmp_path / "report")
    assert again.code == 0, again.stderr
    assert again.document["status"] == "interrupted"
    assert again.document["metrics"]["throughput"] == pytest.approx(RATE, rel=0.5)
    assert again.document["metrics"]["latency.p50"] > 0
    assert again.document["metrics"]["lost"] is None


@pytest.mark.long
def test_a_load_process_that_crashes_is_named_and_its_finished_seconds_stay(
    two_by_pointer: Swarm, two_by_signal: Swarm
) -> None:
    """The other one takes over; what the dead one had reported is in the counts, and the run ends in good order."""
    for ended in (two_by_pointer, two_by_signal):
        one_left(ended)


def one_left(ended: Swarm) -> None:
    """Fail unless a run of two processes names the one that died, and holds what both had done."""
    facts = ended.result
    lost = [note["text"] for note in facts["notes"] if note["code"] == "worker_lost"]
    assert len(lost) == 1, facts["notes"]
    assert "50% of all" in lost[0]
    assert facts["status"] == "complete"
    rows = Ended(0, "", "", ended.out, 0.0).rows
    dead = {row["name"] for row in rows if row["kind"] == "host"}
    assert len(dead) == 2
    early = [row for row in rows if row["kind"] == "producer" and row["phase"] == "measure" and row.get("acked")][:3]
    assert sum(row["acked"] for row in early) == pytest.approx(3 * RATE, rel=0.2)  # both halves of the rate
    assert recorded(ended.out)["Clock.latency"] >= sum(row["acked"] for row in early)
    checked = facts["integrity"]
    assert checked["duplicated"] == checked["reordered"] == checked["lost"] == 0, "what it had received last is unknown"
    assert facts["metrics"]["lost"] in (0, None)
    assert ("unknown" in checked) == (facts["metrics"]["lost"] is None)
