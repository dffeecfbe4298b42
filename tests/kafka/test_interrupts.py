"""A run that a person stops, once or twice, or that is killed."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest
from ahead import ahead
from running import QUICK, STEADY, Ended, eventually, processes_of, report, sets, start, sums, untouched

pytestmark = pytest.mark.kafka

ONE = threading.Lock()
"""Who holds it is the only interrupted run on the shared cluster: two idempotent clients that wait for a slow broker spin,
and have been seen to keep both of two cores from it for a minute."""


def stopped(folder: Path, name: str, target: Path | str, *signals: signal.Signals) -> Ended:
    """Return a run that was sent signals, with a temporary folder of its own."""
    own = folder / f"tmp-{name}"
    own.mkdir()
    flags = ("--duration", "60s", "--warmup", "1s", *sets("Clock.rate=300/s"))
    with start(STEADY, target, folder / name, *flags, TMPDIR=str(own)) as command:
        command.until_measuring()
        command.until_written(3)
        for number in signals:
            command.signal(number)
            time.sleep(0.1)
        return command.ended()


@ahead
def once(target: Path, folder: Path) -> Ended:
    """Return a run after one SIGINT."""
    with ONE:
        return stopped(folder, "once", target, signal.SIGINT)


@ahead
def twice(target: Path, folder: Path) -> Ended:
    """Return a run after two."""
    with ONE:
        return stopped(folder, "twice", target, signal.SIGINT, signal.SIGINT)


@ahead
def killed(folder: Path) -> Ended:
    """Return a run with a cluster of its own after SIGKILL."""
    return stopped(folder, "killed", f"embedded?heap=512m&{QUICK}", signal.SIGKILL)


def test_one_interrupt_drains_and_every_number_is_whole(once: Ended) -> None:
    """Exit code 130, status interrupted, all that was due until then confirmed and received, and the page written."""
    assert once.code == 130, once.stderr
    assert once.result["status"] == "interrupted"
    untouched(once)
    total, measured = sums(once, "Clock"), once.result["phases"][-2]
    assert measured["name"] == "measure"
    assert 2 < measured["end"] - measured["start"] < 60
    assert total["due"] == pytest.approx(300 * (measured["end"] - measured["start"]), abs=2)
    assert (once.out / "report.html").exists()
    assert "Traceback" not in once.stderr
    assert "interrupted: what was measured until now is kept" in once.stderr
    assert "error:" not in once.stderr


def test_two_interrupts_end_at_once_and_keep_what_there_is(twice: Ended) -> None:
    """Exit code 130; what was measured is there, and what could not be verified is withheld or verified."""
    assert twice.code == 130, twice.stderr
    assert twice.result["status"] == "interrupted"
    assert twice.result["metrics"]["throughput"] > 0
    checked = twice.result["integrity"]
    assert checked.get("withheld") or checked["lost"] == 0
    assert "Traceback" not in twice.stderr


def test_a_killed_run_leaves_a_partial_result_that_can_be_read(killed: Ended, tmp_path: Path) -> None:
    """`loadkit report` makes its page and table; the seconds before the end are in it; nothing is claimed of losses."""
    assert killed.code == -signal.SIGKILL
    assert killed.result["status"] == "running"
    assert not (killed.out / "report.html").exists()
    again = report(killed.out, tmp_path / "report")
    assert again.code == 0, again.stderr
    assert again.document["status"] == "interrupted"
    assert again.document["metrics"]["throughput"] == pytest.approx(300, rel=0.7)
    assert again.document["metrics"]["lost"] is None
    assert "lost" in again.document["withheld"]
    assert (killed.out / "report.html").exists()


def test_no_node_and_no_data_is_left_of_a_run_that_was_stopped(once: Ended, twice: Ended, killed: Ended) -> None:
    """Neither a process that names the run's temporary folder nor a data folder in it, within 10 s."""
    for ended in (once, twice, killed):
        place = ended.out.with_name(f"tmp-{ended.out.name}")
        assert eventually(lambda place=place: not processes_of(place) and not list(place.glob("loadkit-kafka-*")), 10.0), (  # type: ignore[misc]
            processes_of(place), list(place.iterdir())
        )  # fmt: skip
