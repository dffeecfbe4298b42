"""A run that a person stops, once or twice, or that is killed."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from running import STEADY, Ended, eventually, processes_of, report, sets, start, sums, untouched

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def stopped_runs(target: Path, folder: Path) -> dict[str, Ended]:
    """Return runs ended by one SIGINT, by two, and by SIGKILL; the last had a cluster of its own."""
    plans = {"once": (target, 1), "twice": (target, 2), "sigkill": ("embedded?heap=512m", 0)}
    ended = {}
    with ExitStack() as stack:
        commands = {}
        for name, (where, _) in plans.items():  # all at once, because each mostly waits
            own = folder / f"tmp-{name}"
            own.mkdir()
            flags = ("--duration", "60s", "--warmup", "1s", *sets("Clock.rate=300/s"))
            commands[name] = stack.enter_context(start(STEADY, where, folder / name, *flags, TMPDIR=str(own)))
        for name, (_, interrupts) in plans.items():
            commands[name].until_measuring(3.0)
            if not interrupts:
                commands[name].signal(signal.SIGKILL)
            for _ in range(interrupts):
                commands[name].signal(signal.SIGINT)
                time.sleep(0.1)
        for name, command in commands.items():
            ended[name] = command.ended()
    return ended


def test_one_interrupt_drains_and_every_number_is_whole(stopped_runs: dict[str, Ended]) -> None:
    """Exit code 130, status interrupted, all that was due until then confirmed and received, and the page written."""
    ended = stopped_runs["once"]
    assert ended.code == 130, ended.stderr
    assert ended.result["status"] == "interrupted"
    untouched(ended)
    total, measured = sums(ended, "Clock"), ended.result["phases"][-2]
    assert measured["name"] == "measure"
    assert 2 < measured["end"] - measured["start"] < 60
    assert total["due"] == pytest.approx(300 * (measured["end"] - measured["start"]), abs=2)
    assert (ended.out / "report.html").exists()
    assert "Traceback" not in ended.stderr
    assert "interrupted: what was measured until now is kept" in ended.stderr
    assert "error:" not in ended.stderr


def test_two_interrupts_end_at_once_and_keep_what_there_is(stopped_runs: dict[str, Ended]) -> None:
    """Exit code 130; what was measured is there, and what could not be verified is withheld or verified."""
    ended = stopped_runs["twice"]
    assert ended.code == 130, ended.stderr
    assert ended.result["status"] == "interrupted"
    assert ended.result["metrics"]["throughput"] > 0
    checked = ended.result["integrity"]
    assert checked.get("withheld") or checked["lost"] == 0
    assert "Traceback" not in ended.stderr


def test_a_killed_run_leaves_a_partial_result_that_can_be_read(stopped_runs: dict[str, Ended], folder: Path) -> None:
    """`loadkit report` makes its page and table; the seconds before the end are in it; nothing is claimed of losses."""
    ended = stopped_runs["sigkill"]
    assert ended.code == -signal.SIGKILL
    assert ended.result["status"] == "running"
    assert not (ended.out / "report.html").exists()
    again = report(ended.out, folder / "sigkill-report")
    assert again.code == 0, again.stderr
    assert again.document["status"] == "interrupted"
    assert again.document["metrics"]["throughput"] == pytest.approx(300, rel=0.7)
    assert again.document["metrics"]["lost"] is None
    assert "lost" in again.document["withheld"]
    assert (ended.out / "report.html").exists()


def test_no_node_and_no_data_is_left_of_a_run_that_was_stopped(stopped_runs: dict[str, Ended], folder: Path) -> None:
    """Neither a process that names the run's temporary folder nor a data folder in it, within 10 s."""
    for name in stopped_runs:
        place = folder / f"tmp-{name}"
        assert eventually(lambda place=place: not processes_of(place) and not list(place.glob("loadkit-kafka-*")), 10.0), (  # type: ignore[misc]
            name, processes_of(place), list(place.iterdir())
        )  # fmt: skip
