"""Clients that connect beside the others: each is either somebody's or closed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any


def claimed(
    call: Callable[[Callable[[], Any]], Any],
    start_thread: Callable[[Callable[[], None]], Any],
    over: Callable[[], bool],
    make: Callable[[], Any],
    opened: Callable[[Any], Any],
) -> Any:
    """Return what `opened` makes of a new lane in a `call`, or None when all is `over` by then.

    A lane that is refused is closed, and one that nobody waits for any more: its user was stopped while it connected,
    and a member of a group that nobody polls would keep its partitions from the others.
    """
    unclaimed: list[Any] = []
    given_up: list[bool] = []

    def let_go() -> None:
        with suppress(IndexError):  # whoever takes it out closes it
            unclaimed.pop().close()

    def connect() -> Any:
        lane = make()
        try:
            found = opened(lane)
        except BaseException:
            lane.close()
            raise
        unclaimed.append(lane)
        if given_up:
            let_go()
        return found

    try:
        found = call(connect)
    except BaseException:  # that of a greenlet that is killed while it waits, too
        given_up.append(True)
        start_thread(let_go)
        raise
    if over():
        call(let_go)
        return None
    return found
