"""A load process that follows the master's clock: ready once it is known, then on without a step, and it says how well."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from loadkit import clock, offset, swarm_clock
from loadkit.swarm_clock import FIRST, Timekeeper

SECOND = 10**9
AHEAD = 50 * SECOND
"""The master's clock minus ours when this process begins."""


class Host:
    """Our raw clock, and a master whose clock is `AHEAD` and a little faster."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, faster: float) -> None:
        self.now, self.faster = 1000 * SECOND, faster
        monkeypatch.setattr(clock, "raw_ns", lambda: self.now)
        monkeypatch.setattr(clock, "now_ns", clock.now_ns)  # so that it is as before when the test is over
        monkeypatch.setattr(clock, "told", clock.told)
        self.keeper = Timekeeper(lambda question: None)

    @property
    def master(self) -> int:
        """The master's clock now."""
        return self.now + AHEAD + round((self.now - 1000 * SECOND) * self.faster)

    def exchange(self, one_way: int = 100_000) -> None:
        """Ask for the time and hear it."""
        asked = self.now
        self.now += one_way
        answered = {"asked": asked, "heard": self.master, "said": self.master}
        self.now += one_way
        self.keeper.on_time(answered)


def test_a_process_is_ready_once_it_knows_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before; then it reads the master's clock to half a round trip."""
    host = Host(monkeypatch, 0.0)
    for _ in range(FIRST - 1):
        host.exchange()
    assert not host.keeper.ready.is_set()
    assert clock.told() is None
    host.exchange()
    assert host.keeper.ready.is_set()
    assert abs(clock.now_ns() - host.master) <= 100_000
    told = clock.told()
    assert told
    assert 100_000 <= told["bound_ns"] < 120_000
    assert told["round_trip_ns"] == 200_000


def test_it_goes_on_without_a_step_and_holds_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a minute of a clock that drifts, each reading between and at the answers."""
    host = Host(monkeypatch, 200e-6)
    for _ in range(FIRST):
        host.exchange()
    last, worst = clock.now_ns(), 0
    for _ in range(120):
        host.now += SECOND // 2
        before = clock.now_ns()
        error = abs(before - host.master)
        told = clock.told()
        assert told
        assert error <= told["bound_ns"]
        assert abs(before - last - SECOND // 2) <= SECOND // 2 * (offset.FASTEST + 1e-6) + 1_000_000
        host.exchange()
        assert clock.now_ns() - before == pytest.approx(200_000, abs=1_000)
        last, worst = clock.now_ns(), error
    assert worst < 50_000


def test_the_bound_of_a_row_is_the_worst_since_the_row_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence for ten seconds widens it; the next answer does not hide that, the row after it is small again."""
    host = Host(monkeypatch, 0.0)
    for _ in range(FIRST):
        host.exchange()
    small = 0
    for _ in range(40):
        host.now += SECOND
        host.exchange()
        small = _bound()
    host.now += 60 * SECOND
    host.exchange()
    assert _bound() > 2 * small
    assert _bound() < 2 * small


def test_a_step_of_the_clock_is_in_the_next_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """And between runs the reading is set anew, at once."""
    host = Host(monkeypatch, 0.0)
    for _ in range(FIRST):
        host.exchange()
    host.now += SECOND
    host.exchange()
    assert _row()["breaks"] == 0
    host.now += 3 * SECOND  # it jumped ahead by as much: the master's clock did not go on
    monkeypatch.setattr(Host, "master", property(lambda self: self.now + AHEAD - 3 * SECOND))
    host.exchange()
    assert _row()["breaks"] > 0
    assert _row()["breaks"] == 0
    assert abs(clock.now_ns() - host.master) > 2 * SECOND
    host.keeper.settle()
    assert abs(clock.now_ns() - host.master) <= 100_000


@pytest.mark.parametrize(
    ("mark", "heard", "same"), [("", 5, True), ("other", 5, False), ("", 500, False), ("", -500, False)]
)
def test_a_clock_is_the_masters_own_if_its_mark_and_an_exchange_say_so(
    monkeypatch: pytest.MonkeyPatch, mark: str, heard: int, same: bool
) -> None:
    """Copies of a machine have one mark and several clocks."""
    ticks = itertools.count(10, 10)
    monkeypatch.setattr(clock, "raw_ns", lambda: next(ticks))
    answered = {"asked": 1, "heard": heard, "said": heard, "mark": mark or clock.mark()}
    assert swarm_clock.same_clock(answered) is same


def _row() -> dict[str, Any]:
    told = clock.told()
    assert told
    return told


def _bound() -> int:
    return int(_row()["bound_ns"])
