"""Lag in messages and seconds from sampled offsets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit import lag
from loadkit.lag import History


def steady(rate: int, seconds: int, every: float = 1.0) -> History:
    """Return the history of a log that grew by `rate` messages a second, sampled regularly."""
    history = History()
    for i in range(int(seconds / every) + 1):
        history.note("orders", i * every, {0: round(i * every * rate)})
    return history


@given(st.integers(1, 10_000), st.integers(0, 20), st.floats(0, 1))
def test_a_group_that_follows_by_some_seconds_is_that_far_behind(rate: int, seconds: int, more: float) -> None:
    """With a steady producer, messages behind are rate times seconds behind, also between two samples."""
    behind = seconds + more
    done = max(0, round(20 * rate - behind * rate))
    messages, age = steady(rate, 20).lag("orders", 20.0, {0: done})
    assert messages == 20 * rate - done
    assert age == pytest.approx(messages / rate, abs=1e-6)


def test_a_group_at_the_end_is_not_behind() -> None:
    """Nothing unread: no messages, no seconds; the same for a partition nobody wrote to, and an unknown one."""
    assert steady(100, 5).lag("orders", 5.0, {0: 500, 7: 3}) == (0, 0.0)
    assert History().lag("orders", 5.0, {0: 0}) == (0, 0.0)


def test_a_pause_of_the_producer_does_not_make_messages_older() -> None:
    """A message that entered the log after a quiet hour is as old as that, not as the hour."""
    history = History()
    for now, end in ((0.0, 10), (3600.0, 10), (3601.0, 20)):
        history.note("orders", now, {0: end})
    assert history.lag("orders", 3602.0, {0: 10}) == (10, 2.0)


def test_partitions_add_up_and_the_oldest_counts() -> None:
    """Messages are summed over partitions; the age is that of the partition furthest behind."""
    history = History()
    for now in range(11):
        history.note("orders", float(now), {0: now * 10, 1: now * 1000})
    messages, age = history.lag("orders", 10.0, {0: 50, 1: 9000})
    assert (messages, age) == (50 + 1000, pytest.approx(5.0))


def test_a_group_further_behind_than_is_remembered_is_at_least_that_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The history is bounded; what entered the log before its first sample is as old as that sample at least."""
    monkeypatch.setattr(lag, "KEPT", 5)
    messages, age = steady(10, 100).lag("orders", 100.0, {0: 0})
    assert (messages, age) == (1000, 4.0)
