"""Keeps a load process of another host on the master's clock: it asks for the time again and again, and follows.

    to the master     loadkit_ask    {asked}
    from the master   loadkit_time   {asked, heard, said}

The first answers set the reading, before any user connects; from then on every answer changes its pace.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.event import Event

from loadkit import clock, offset
from loadkit.clock import Course
from loadkit.offset import Offset

FIRST, AT_FIRST = 8, 0.01
"""Exchanges before a load process begins, and seconds between two of them."""
SOON, EARLY = 28, 0.1
"""Exchanges until the difference in pace is known, and seconds between two of them."""
EACH = 0.5
"""Seconds between two exchanges from then on."""


def answer(question: Mapping[str, Any]) -> dict[str, int]:
    """Return the master's side of an exchange, to be sent at once."""
    now = clock.now_ns()
    return {"asked": question["asked"], "heard": now, "said": now}


def same_clock(answered: Mapping[str, Any]) -> bool:
    """Return whether ours is the master's own clock: their mark is ours, and the exchange does not contradict it."""
    between = answered["asked"] <= answered["heard"] <= answered["said"] <= clock.raw_ns()
    return between and bool(answered["mark"] == clock.mark())


class Timekeeper:
    """This process's reading of the master's clock."""

    def __init__(self, ask: Callable[[dict[str, int]], None]) -> None:
        """Take what sends a question to the master."""
        self.ready = Event()
        """Set when instants may be read."""
        self._ask = ask
        self._offset = Offset()
        self._course = Course(0, 0, 0)
        self._worst = 0.0
        """The largest error that was possible since the last row (ns)."""
        self._breaks = 0
        self._following = False
        self.shared = False
        """Whether the master's clock is this host's."""

    def share(self) -> None:
        """Read the master's clock itself: it is this host's."""
        self.shared = True
        self.ready.set()

    def follow(self) -> None:
        """Measure the offset from now on, and follow it."""
        if not self._following:
            self._following = True
            gevent.spawn(self._keep_asking)

    def _keep_asking(self) -> None:
        asked = 0
        while True:
            self._ask({"asked": clock.raw_ns()})
            asked += 1
            gevent.sleep(AT_FIRST if asked < FIRST else EARLY if asked < SOON else EACH)

    def on_time(self, answered: Mapping[str, int]) -> None:
        """Take an answer."""
        now, known = clock.raw_ns(), self.ready.is_set()
        if known:
            self._look(now)  # first: until now the reading rested on the answers before
        self._offset.take(answered["asked"], answered["heard"], answered["said"], now)
        if known:
            self._go_on(now, self._course.offset_at(now))
        elif len(self._offset) >= FIRST:
            self.settle()
            clock.told = self.tell
            self.ready.set()

    def settle(self) -> None:
        """Set the reading to the middle of the bounds, which is a step: only while no run is under way."""
        if len(self._offset):
            now = clock.raw_ns()
            self._go_on(now, round(sum(self._offset.bounds(now)) / 2))
            self._worst = 0.0

    def _go_on(self, now: int, ahead: int) -> None:
        """Turn the reading, which is so far ahead of our clock, towards the middle of the bounds."""
        parts = round(offset.pace(self._offset, now, ahead) * clock.BILLION)
        self._course = Course(now, ahead, parts)
        clock.now_ns = self._course.source(clock.raw_ns)

    def _look(self, now: int) -> None:
        """Note how wrong the reading may be now."""
        self._worst = max(self._worst, offset.error(self._offset, now, self._course.offset_at(now)))

    def tell(self) -> dict[str, Any]:
        """Return the numbers of a row of kind `clock`: of now, but bound and breaks of all the time since the last."""
        now = clock.raw_ns()
        self._look(now)
        row = {
            "at_ns": now, "offset_ns": self._course.offset_at(now), "bound_ns": math.ceil(self._worst),
            "round_trip_ns": self._offset.round_trip_ns, "pace_ppm": self._course.parts / 1000,
            "breaks": self._offset.breaks - self._breaks, **({"injected": clock.INJECTED} if clock.INJECTED else {}),
        }  # fmt: skip
        self._worst, self._breaks = 0.0, self._offset.breaks
        return row
