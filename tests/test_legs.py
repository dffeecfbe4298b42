"""Legs of a class's users: whoever comes, goes or hears late, the class's schedule is sent once."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.leg import Leg
from loadkit.legs import WARMUP_NUMBERS, Switch, leg_of
from loadkit.pacer import NEVER, pacer
from loadkit.scenario import ProducerWorkload, Topic

SECOND = 10**9
WORKLOAD = ProducerWorkload(name="Checkout", topic=Topic("orders"), rate=400.0)


class Driver:
    """A driver as far as `Switch` sees it."""

    def __init__(self) -> None:
        self.legs: deque[Leg] = deque()

    def add(self, leg: Leg) -> None:
        """Append a leg."""
        self.legs.append(leg)


def order(begin: int, phase: str = "measure", epoch: int = 0) -> dict[str, Any]:
    """Return an order of the trial that holds from `begin` on."""
    return {
        "phase": phase, "epoch": epoch, "origin_ns": 0, "from_ns": begin, "until_ns": NEVER, "rates": {"Checkout": 400.0}
    }  # fmt: skip


def intended(leg: Leg) -> list[int]:
    """Return when the messages of a leg are due that it does not skip."""
    count = leg.due(NEVER - 1) - leg.sent
    return leg.pacer.intended(leg.sent, count).tolist() if count > 0 else []


@given(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 3 * SECOND)), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_changes_of_users_neither_double_nor_drop_a_message(stretches: list[tuple[int, int]]) -> None:
    """Each stretch has its own users; all their messages together are the class's schedule, each due once."""
    sent: list[int] = []
    begin = 0
    for epoch, (users, length) in enumerate(stretches):
        for k in range(users):
            driver = Driver()
            driver.add(leg_of(WORKLOAD, order(begin, epoch=epoch), (k, users, -1), 1))
            Switch(driver, None, begin + length)()  # type: ignore[arg-type]
            sent += intended(driver.legs[0])
        begin += length
    whole = pacer(400.0, None, "even", 0, 1, 1)
    assert sorted(sent) == whole.intended(0, whole.due(begin - 1)).tolist()


def test_what_is_sent_beyond_a_switch_that_came_late_counts_as_the_next_legs() -> None:
    """The leg was to end at 1 s and had sent 10 messages more: the next one sends 10 fewer."""
    driver = Driver()
    driver.add(leg_of(WORKLOAD, order(0), (0, 1, -1), 1))
    driver.legs[0].sent = 410
    Switch(driver, leg_of(WORKLOAD, order(SECOND), (0, 1, -1), 1), SECOND)()  # type: ignore[arg-type]
    old, new = driver.legs
    assert old.due(2 * SECOND) == 400
    assert (new.skipped, new.sent) == (400, 410)


def test_a_switch_ahead_of_time_changes_no_count() -> None:
    """A leg that is behind keeps its debt, and the next one begins with its own first message."""
    driver = Driver()
    driver.add(leg_of(WORKLOAD, order(0), (0, 1, -1), 1))
    driver.legs[0].sent = 390
    Switch(driver, leg_of(WORKLOAD, order(SECOND), (0, 1, -1), 1), SECOND)()  # type: ignore[arg-type]
    assert (driver.legs[1].skipped, driver.legs[1].sent) == (400, 400)


def test_the_measured_schedule_does_not_wait_for_the_warm_ups_debt() -> None:
    """The warm-up's leg ends at once when the measured one begins, and numbers its messages apart."""
    driver = Driver()
    driver.add(leg_of(WORKLOAD, order(0, "warmup"), (2, 4, -1), 1))
    Switch(driver, leg_of(WORKLOAD, order(0), (2, 4, -1), 1), 0)()  # type: ignore[arg-type]
    assert driver.legs[0].settle_ns == 0
    assert [leg.number for leg in driver.legs] == [WARMUP_NUMBERS + 2, 2]
