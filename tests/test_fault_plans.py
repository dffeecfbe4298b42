"""Faults as they are written, checked, carried out at their instants, and told."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from loadkit.errors import TargetError, UsageError
from loadkit.faults import Fault, check, parse
from loadkit.inflict import Faults, permit
from loadkit.targets.embedded_spec import EmbeddedSpec

KILL, PAUSE = Fault("kill", 2, 20.0, 10.0), Fault("pause", 1, 0.0, 0.3)


def test_faults_are_read_in_the_order_of_their_times() -> None:
    """Units are those of every other duration; the order on the command line does not matter."""
    found = parse(
        ["kill broker 2 at 20s for 10s", " pause broker 1  at 0s for 300ms", "partition broker 3 at 1m for 1m30s"]
    )
    assert found == (PAUSE, KILL, Fault("partition", 3, 60.0, 90.0))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("kill 2 at 20s for 10s", "write kill|pause|partition broker N at TIME for TIME"),
        ("kill broker 2 at 20s", "write kill|pause|partition broker N at TIME for TIME"),
        ("kil broker 2 at 20s for 10s", "did you mean 'kill'"),
        ("kill broker 2 at 20 for 10s", "like 'kill broker 2 at 20s for 10s'"),
        ("kill broker 2 at 20s for 0s", "write kill"),
        ("kill broker two at 20s for 1s", "write kill"),
        ("", "write kill"),
    ],
)
def test_a_wrong_fault_shows_how_one_is_written(text: str, named: str) -> None:
    """One sentence with the text, what is wrong with it, and the grammar."""
    with pytest.raises(UsageError) as caught:
        parse([text])
    assert named in str(caught.value)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("faults", "brokers", "duration", "named"),
    [
        ([KILL], 1, 60.0, "broker 1 alone"),
        ([Fault("kill", 0, 1.0, 1.0)], 3, 60.0, "brokers 1 to 3"),
        ([Fault("kill", 4, 1.0, 1.0)], 3, 60.0, "brokers 1 to 3"),
        ([KILL], 3, 29.0, "longer --duration"),
        ([KILL, Fault("pause", 2, 29.0, 5.0)], 3, 60.0, "still killed until 30.0 s"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(faults: list[Fault], brokers: int, duration: float, named: str) -> None:
    """A broker that is not there, a time that does not fit, two faults of one broker at once."""
    with pytest.raises(UsageError, match=named):
        check(faults, brokers, duration)


def test_faults_of_two_brokers_may_overlap_and_one_may_end_with_the_run() -> None:
    """Nothing that can be carried out is refused."""
    check([KILL, Fault("pause", 3, 25.0, 5.0), Fault("pause", 2, 30.0, 5.0)], 3, 35.0)


@pytest.mark.parametrize("target", ["simulated", "simulated?sink=1"])
def test_only_brokers_that_loadkit_starts_take_faults(target: str) -> None:
    """Another target is refused before anything is opened; without faults it is as it was."""
    with pytest.raises(UsageError, match="--target embedded"):
        permit([PAUSE], target, 30.0, None)
    assert permit([], target, 30.0, None) == target


def test_the_length_must_be_known() -> None:
    """A fault is planned within a duration."""
    with pytest.raises(UsageError, match="--duration"):
        permit([PAUSE], "embedded", 30.0, 1000)


def test_a_broker_that_will_be_cut_off_is_forwarded() -> None:
    """A partition changes the cluster that is started, and its name says so; other faults leave it alone."""
    cut = Fault("partition", 3, 1.0, 1.0)
    assert permit([PAUSE, KILL], "embedded:3?heap=512m", 60.0, None) == "embedded:3?heap=512m"
    named = permit([cut, Fault("partition", 3, 5.0, 1.0)], "embedded:3@3.9.0?heap=512m", 60.0, None)
    assert EmbeddedSpec.parse(named) == EmbeddedSpec(3, "3.9.0", {"heap": "512m", "forwarded": "3"})
    assert EmbeddedSpec.parse(permit([cut], "embedded:3?forwarded=1", 60.0, None)).forwarded == {1, 3}


class Broker:
    """A site with one broker that notes when what was done to it; `refuse` raises instead."""

    def __init__(self, refuse: str = "") -> None:
        self.done: list[tuple[str, str, float]] = []
        self._refuse = refuse

    def inflict(self, fault: Fault) -> None:
        self._do("inflict", fault)

    def mend(self, fault: Fault) -> None:
        self._do("mend", fault)

    def _do(self, what: str, fault: Fault) -> None:
        self.done.append((what, str(fault), time.monotonic()))
        if what == self._refuse:
            raise TargetError("no")


def spawn(job: Callable[..., None], *arguments: Any) -> Thread:
    """Return a thread under way, which is joined as a greenlet is."""
    thread = Thread(target=job, args=arguments)
    thread.start()
    return thread


def carried_out(site: Broker, *faults: Fault, after: float = 0.0, mend: float | None = None) -> tuple[Faults, float]:
    """Return faults that were carried out from a moment ago on, and when that was; mended early where asked."""
    made = Faults(site, faults, spawn, lambda job: job(), time.sleep)  # type: ignore[arg-type]
    origin = time.monotonic_ns() - round(after * 1e9)
    made.begin(origin)
    if mend is None:
        for fault in faults:
            time.sleep(max(0.0, fault.end - (time.monotonic_ns() - origin) / 1e9))
    else:
        time.sleep(mend)
    made.end(wait=True)
    return made, origin / 1e9


def test_each_fault_comes_and_goes_at_its_time() -> None:
    """Two overlapping faults: planned and actual instants are told in seconds of the schedule."""
    site = Broker()
    made, origin = carried_out(site, Fault("pause", 1, 0.1, 0.3), Fault("kill", 2, 0.2, 0.3))
    did = [(what, fault) for what, fault, _ in site.done]
    assert did == [
        ("inflict", "pause broker 1"),
        ("inflict", "kill broker 2"),
        ("mend", "pause broker 1"),
        ("mend", "kill broker 2"),
    ]
    for (_, _, at), planned in zip(site.done, (0.1, 0.2, 0.4, 0.5), strict=True):
        assert at - origin >= planned
    rows = made.facts(round((origin - 10) * 1e9))["faults"]
    assert [row["planned"] for row in rows] == [pytest.approx([10.1, 10.4]), pytest.approx([10.2, 10.5])]
    for row in rows:
        assert row["planned"][0] <= row["begin"] < row["planned"][1] <= row["end"] <= row["back"]
    first, second = (note["text"] for note in made.notes())
    assert first.startswith("broker 1 was paused from ")
    assert second.startswith("broker 2 was killed from ")
    assert {note["code"] for note in made.notes()} == {"fault"}


def test_what_is_under_way_when_the_run_ends_is_mended_and_nothing_more_begins() -> None:
    """An interrupted run leaves no broker paused, and says which fault it did not come to."""
    site = Broker()
    made, _ = carried_out(site, Fault("pause", 1, 0.01, 60.0), Fault("kill", 2, 50.0, 5.0), mend=0.3)
    assert [(what, fault) for what, fault, _ in site.done] == [
        ("inflict", "pause broker 1"),
        ("mend", "pause broker 1"),
    ]
    paused, killed = made.facts(0)["faults"]
    assert paused["end"] - paused["begin"] < 5
    assert (killed["begin"], killed["end"], killed["back"]) == (None, None, None)
    assert "ended before it began" in made.notes()[1]["text"]


@pytest.mark.parametrize("refuse", ["inflict", "mend"])
def test_a_fault_that_fails_is_mended_all_the_same_and_said(refuse: str) -> None:
    """The run goes on; the reason stands in the result and in its warning."""
    site = Broker(refuse)
    made, _ = carried_out(site, Fault("pause", 1, 0.0, 0.05))
    assert [what for what, _, _ in site.done] == ["inflict", "mend"]
    assert made.facts(0)["faults"][0]["error"] == "no"
    assert made.notes()[0]["text"] == "--fault pause broker 1: no"


def test_a_run_without_faults_says_nothing_of_them() -> None:
    """Results stay as they were."""
    made, _ = carried_out(Broker())
    assert (made.facts(0), made.notes()) == ({}, [])
