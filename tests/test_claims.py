"""Clients that connect while their user or run ends: each is somebody's or closed, and nobody closes one in a call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from loadkit.claims import claimed


class Lane:
    """A lane that connects when the test lets it."""

    def __init__(self) -> None:
        self.connecting, self.connect = threading.Event(), threading.Event()
        self.inside = False
        self.closed = 0

    def opened(self) -> str:
        """Connect."""
        self.inside = True
        self.connecting.set()
        assert self.connect.wait(20)
        self.inside = False
        return "driver"

    def close(self) -> None:
        """Count."""
        assert not self.inside, "closed by one thread while another is in a call"
        self.closed += 1


class Killed(BaseException):
    """What a greenlet gets that is killed while it waits."""


def at_once(job: Callable[[], None]) -> None:
    """Run what would be started as a thread."""
    job()


def test_a_lane_that_connects_is_its_drivers() -> None:
    """Nobody closes it."""
    lane = Lane()
    lane.connect.set()
    assert claimed(lambda job: job(), at_once, lambda: False, lambda: lane, Lane.opened) == "driver"
    assert lane.closed == 0


def test_a_lane_that_is_refused_is_closed() -> None:
    """A sweep's hundredth refused user must not hold a hundred clients."""
    lane = Lane()

    def refuse(_: Lane) -> None:
        raise ValueError("denied")

    with pytest.raises(ValueError, match="denied"):
        claimed(lambda job: job(), at_once, lambda: False, lambda: lane, refuse)
    assert lane.closed == 1


def test_a_lane_whose_run_is_over_when_it_has_connected_is_closed() -> None:
    """It is in no list of clients that closing goes through."""
    lane, over = Lane(), [False]

    def call(job: Callable[[], Any]) -> Any:
        found = job()
        over[0] = True
        return found

    lane.connect.set()
    assert claimed(call, at_once, lambda: over[0], lambda: lane, Lane.opened) is None
    assert lane.closed == 1


@pytest.mark.parametrize("first", ["killed", "connected"])
def test_a_lane_whose_user_is_stopped_while_it_connects_is_closed_once(first: str) -> None:
    """By its own thread when that is still connecting, else by another."""
    lane = Lane()
    with ThreadPoolExecutor(1) as pool:

        def call(job: Callable[[], Any]) -> Any:
            running = pool.submit(job)
            assert lane.connecting.wait(20)
            if first == "connected":
                lane.connect.set()
                running.result(20)
            raise Killed

        with pytest.raises(Killed):
            claimed(call, at_once, lambda: False, lambda: lane, Lane.opened)
        lane.connect.set()
    assert lane.closed == 1
