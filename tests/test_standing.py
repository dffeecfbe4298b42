"""Burrow's rules: its own table of cases, and windows that are filled by sampling once a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from loadkit.standing import (
    COMMITS,
    COMPLETE,
    Commit,
    Standing,
    Status,
    Windows,
    always_behind,
    judge,
    lately_level,
    never_less,
    rewound,
    stalled,
    stopped,
    worst,
)


@dataclass(frozen=True)
class Case:
    """One case of Burrow's caching_test.go: offsets with lags, 100 s (or as told) apart, and what each rule says."""

    offsets: Sequence[int]
    lags: Sequence[int | None]
    ends: Sequence[int]
    lag: int
    now: float
    always: bool
    back: int | None
    stopped: bool
    stalled: bool
    never_less: bool
    level: bool
    status: Status
    allowed: int = 0
    first: float = 100.0
    every: float = 100.0
    times: Sequence[float] = ()

    @property
    def commits(self) -> list[Commit]:
        """The commits of the case."""
        times = self.times or [self.first + self.every * at for at in range(len(self.offsets))]
        return [Commit(*one) for one in zip(self.offsets, times, self.lags, strict=True)]


STEPS, SAME = (1000, 2000, 3000, 4000, 5000), (1000,) * 5
LEVEL_ONCE, BEHIND = (0, 50, 100, 150, 200), (50, 100, 150, 200, 250)
BACK, BACK_LAGS = (1000, 2000, 3000, 2000, 4000), (100, 150, 200, 1250, 300)
LONG = [792748079 + at for at in range(15)]
TIMES = [
    1512224618.356, 1512224619.362, 1512224620.366, 1512224621.367, 1512224622.370, 1512224623.373, 1512224624.378,
    1512224625.379, 1512224626.383, 1512224627.383, 1512224628.383, 1512224629.388, 1512224630.391, 1512224631.394,
    1512224632.397,
]  # fmt: skip
ALL = [
    Case(STEPS, LEVEL_ONCE, [5200], 200, 600, False, None, False, False, True, False, Status.OK),
    Case(STEPS, LEVEL_ONCE, [5200], 200, 900, False, None, False, False, True, False, Status.OK),
    Case(STEPS, LEVEL_ONCE, [5200], 200, 1000, False, None, True, False, True, False, Status.STOP),
    Case(STEPS, BEHIND, [5250], 250, 1000, True, None, True, False, True, False, Status.STOP),
    Case(SAME, LEVEL_ONCE, [1200], 200, 600, False, None, False, True, True, False, Status.OK),
    Case(SAME, (100, 150, 200, 250, 300), [1300], 300, 600, True, None, False, True, True, False, Status.STALL),
    Case(SAME, (100,) * 5, [1100], 100, 600, True, None, False, True, True, False, Status.STALL),
    Case(BACK, BACK_LAGS, [4300], 300, 600, True, 3, False, False, False, False, Status.OK),
    Case(STEPS, BEHIND, [5250], 0, 1000, True, None, True, False, True, False, Status.OK),
    Case(
        LONG, (0,) * 15, [792749024, 792749000, 792748800, 792748600, 792748500], 931, 1512224650,
        False, None, True, False, True, False, Status.STOP, times=TIMES,
    ),
    Case(
        LONG, (0,) * 15, [792748094, 792748093, 792748093, 792748093], 1, 1512224650,
        False, None, True, False, True, True, Status.OK, times=TIMES,
    ),
    Case(
        (1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000, 5500), (0, None, 50, None, 100, None, 150, None, 200, None),
        [5700], 200, 600, False, None, False, False, True, False, Status.OK, every=50.0,
    ),
    Case((1000, 2000, 2000), (2, 1, 1), [2001], 1, 550, False, None, True, False, False, False, Status.OK, allowed=1),
    Case(SAME, (100, 150, 200, 250, 300), [1300], 300, 600, True, None, False, True, True, False, Status.STALL, allowed=99),
    Case(BACK, BACK_LAGS, [4300], 300, 600, True, 3, False, False, False, False, Status.OK, allowed=99),
    Case((1000, 2000, 3000, 2000, 2500), BACK_LAGS, [4300], 300, 600, True, 3, False, False, False, False, Status.REWIND),
]  # fmt: skip
"""The sixteen of Burrow's own table, in its order."""


@pytest.mark.parametrize("case", ALL, ids=map(str, range(len(ALL))))
def test_every_rule_says_of_burrows_own_cases_what_burrow_says(case: Case) -> None:
    """Each rule by itself, and the status that they lead to."""
    commits = case.commits
    assert always_behind(commits, case.allowed) == case.always
    assert rewound(commits) == case.back
    assert stopped(commits, case.now) == case.stopped
    assert stalled(commits) == case.stalled
    assert never_less(commits) == case.never_less
    assert lately_level(commits, case.ends) == case.level
    assert judge(commits, case.ends, case.lag, case.now, case.allowed) == case.status


def test_a_group_that_makes_progress_while_its_lag_never_becomes_less_is_warned_of() -> None:
    """Burrow's rule 5, of which its table has no case that comes to a warning; a single step down makes it well."""
    slow = [Commit(1000 * at, float(at), 100 * at) for at in range(1, 6)]
    assert judge(slow, [9000], 600, 6.0) == Status.WARN
    assert judge([*slow[:-1], Commit(5000, 5.0, 399)], [9000], 600, 6.0) == Status.OK


def test_a_group_is_as_its_worst_partition_but_never_worse_than_an_error() -> None:
    """As Burrow does, and a group without partitions is well."""
    assert worst([]) == worst([Status.OK]) == Status.OK
    assert worst([Status.OK, Status.WARN]) == Status.WARN
    assert {worst([Status.OK, status]) for status in (Status.STOP, Status.STALL, Status.REWIND)} == {Status.ERR}


def followed(committed: Sequence[int | None], ends: Sequence[int]) -> list[Standing]:
    """Return how a group stood at each second, given its committed offset and the end of the only partition."""
    windows = Windows()
    return [
        windows.note("g", "orders", float(at), {0: end}, {} if done is None else {0: done})[0]
        for at, (done, end) in enumerate(zip(committed, ends, strict=True))
    ]


def test_a_group_that_follows_at_a_distance_is_well() -> None:
    """It is always behind by what came in since its last commit, sometimes a little less: no reason to warn."""
    behind = [90, 110, 100, 95, 105] * 6
    ends = [1000 * at + 1000 for at in range(30)]
    seen = followed([end - less for end, less in zip(ends, behind, strict=True)], ends)
    assert {one.status for one in seen} == {Status.OK}
    assert [one.lag for one in seen] == behind
    assert seen[-1].complete == 1.0


def test_a_group_that_falls_behind_steadily_is_warned_of_as_soon_as_it_can_be_told() -> None:
    """Not before half of the window is filled."""
    seen = followed([900 * at for at in range(1, 31)], [1000 * at for at in range(1, 31)])
    known = int(COMPLETE * COMMITS)
    assert [one.status for one in seen] == [Status.OK] * (known - 1) + [Status.WARN] * (31 - known)


def test_a_group_that_dies_has_stopped_once_it_was_silent_for_longer_than_its_commits_took() -> None:
    """Ten commits took nine seconds, so that it is told in the tenth second of silence, and said of the partition."""
    ends = [1000 * at for at in range(1, 41)]
    committed = [end - 10 + at % 3 for at, end in enumerate(ends[:20])]
    seen = followed([*committed, *[committed[-1]] * 20], ends)
    first = next(at for at, one in enumerate(seen) if one.status is Status.STOP)
    assert first == 19 + 10
    assert {one.status for one in seen[first:]} == {Status.STOP}


def test_a_group_without_load_has_not_stopped() -> None:
    """Nothing new in the log, nothing to commit: no lag, no error; and lag that has only just come is no error yet."""
    ends = [1000] * 30 + [1010] * 3
    seen = followed([min(100 * at, 1000) for at in range(1, 34)], ends)
    assert {one.status for one in seen} == {Status.OK}


def test_a_group_that_goes_back_is_told_until_it_returns() -> None:
    """A smaller offset than before, then progress up to it."""
    committed = [1000, 2000, 3000, 4000, 5000, 2500, 3500, 4500, 5500, 6500]
    seen = followed(
        committed, [end + 100 - at for at, end in enumerate([*committed[:5], 5500, 5600, 5700, 5800, 6600])]
    )
    assert [one.status for one in seen[4:]] == [Status.OK, *[Status.REWIND] * 3, *[Status.OK] * 2]


def test_a_partition_that_was_never_committed_is_behind_from_its_beginning_and_not_judged() -> None:
    """Burrow does not know such a partition at all."""
    assert followed([None] * 20, [500] * 20)[-1] == Standing(Status.OK, 500, 0.0)
