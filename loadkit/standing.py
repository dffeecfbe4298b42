"""Whether a consumer group keeps up, by the rules of LinkedIn's Burrow; pure.

The rules are those of core/internal/evaluator/caching.go at github.com/linkedin/Burrow, in their order, and its own
table of cases is a test of them. They look at a partition's last commits and at how the lag was at each, so that a
group which is behind and works it off is well, and one that is little behind and has stopped is not.

Burrow reads commits where brokers keep them; here the committed offset is asked for once a second, and a commit is an
offset that has changed. librdkafka commits nothing that has not changed, so for loadkit's own consumers the two are the
same, and `STALL`, commits of one and the same offset, cannot come of them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Any

COMMITS = 10
"""Commits of a partition that are remembered, Burrow's `intervals`."""
ENDS = 10
"""End offsets that are remembered: Burrow's ten are 10 s apart, these one second, for runs are short."""
COMPLETE = 0.5
"""Share of the commits that must be known for a partition to be judged, Burrow's `minimum-complete`.

With Burrow's default of 0 a partition of one commit counts as stopped a moment later.
"""


class Status(IntEnum):
    """How a partition or a group stands; a greater one is worse, and names are Burrow's."""

    OK = 1
    WARN = 2
    """It makes progress, and its lag has not once become less."""
    ERR = 3
    """Of a group: at least one partition has stopped, stalled or gone back."""
    STOP = 4
    """It has not committed for longer than all its remembered commits took, and is behind."""
    STALL = 5
    """It commits, always the same offset, and is behind."""
    REWIND = 6
    """It committed a smaller offset than before and has not come back to that."""


MEANINGS: Mapping[Status, str] = {
    Status.OK: "keeps up, or works off what it is behind",
    Status.WARN: "makes progress, and its lag does not become less",
    Status.ERR: "a partition has stopped, stalled or gone back",
    Status.STOP: "has not committed for longer than its last commits took, and is behind",
    Status.STALL: "commits the same offset again and again, and is behind",
    Status.REWIND: "went back to a smaller offset and has not returned",
}
"""What each says, in words that fit after the name of a group or partition."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed offset, when it was committed (seconds on a steady clock), and the lag then (None: not known)."""

    offset: int
    at: float
    lag: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a group stands on one partition."""

    status: Status
    lag: int
    """Messages behind."""
    complete: float
    """Share of the window of commits that is filled; below `COMPLETE` the status is OK whatever happens."""


def judge(commits: Sequence[Commit], ends: Iterable[int], lag: int, now: float, allowed: int = 0) -> Status:
    """Return the status of a partition of its last commits (oldest first), recent end offsets and present lag."""
    if lag <= allowed or not commits:
        return Status.OK
    if stopped(commits, now) and not lately_level(commits, ends):
        return Status.STOP
    back = rewound(commits)
    if back is not None and not recovered(commits, back):
        return Status.REWIND
    if not always_behind(commits, allowed):
        return Status.OK
    if stalled(commits):
        return Status.STALL
    return Status.WARN if never_less(commits) else Status.OK


def always_behind(commits: Iterable[Commit], allowed: int) -> bool:
    """Return whether the lag was above what is allowed at every commit of which it is known (rule 1)."""
    return all(commit.lag is None or commit.lag > allowed for commit in commits)


def rewound(commits: Sequence[Commit]) -> int | None:
    """Return the place of the first commit that is smaller than the one before it (rule 2)."""
    return next((at + 1 for at, (one, other) in enumerate(pairwise(commits)) if other.offset < one.offset), None)


def recovered(commits: Sequence[Commit], back: int) -> bool:
    """Return whether a later commit came back to the offset before the one at `back`."""
    return any(commit.offset >= commits[back - 1].offset for commit in commits[back:])


def stopped(commits: Sequence[Commit], now: float) -> bool:
    """Return whether the last commit is longer ago than all remembered ones took (rule 3)."""
    return now - commits[-1].at > commits[-1].at - commits[0].at


def lately_level(commits: Sequence[Commit], ends: Iterable[int]) -> bool:
    """Return whether the last commit was the end of the log at some recent time: it stopped only a moment ago."""
    return any(end <= commits[-1].offset for end in ends)


def stalled(commits: Sequence[Commit]) -> bool:
    """Return whether all commits are of one offset (rule 4)."""
    return all(one.offset == other.offset for one, other in pairwise(commits))


def never_less(commits: Iterable[Commit]) -> bool:
    """Return whether the lag did not become less from any commit to the next (rule 5)."""
    return all(other >= one for one, other in pairwise(c.lag for c in commits if c.lag is not None))


def worst(statuses: Iterable[Status]) -> Status:
    """Return the status of a group of those of its partitions: ERR for whatever is worse than that."""
    return min(max(statuses, default=Status.OK), Status.ERR)


class Windows:
    """What is remembered of each partition that a group reads."""

    def __init__(self) -> None:
        self._commits: dict[tuple[str, str, int], deque[Commit]] = {}
        self._ends: dict[tuple[str, str, int], deque[int]] = {}

    def note(
        self, group: str, topic: str, now: float, ends: Mapping[int, int], done: Mapping[int, int]
    ) -> dict[int, Standing]:
        """Return how a group stands on each partition, given end and committed offsets at an instant (seconds).

        A partition without a committed offset counts as behind from its beginning, and is never judged.
        """
        return {
            partition: self._one((group, topic, partition), now, end, done.get(partition))
            for partition, end in sorted(ends.items())
        }

    def _one(self, key: tuple[str, str, int], now: float, end: int, offset: int | None) -> Standing:
        commits = self._commits.setdefault(key, deque(maxlen=COMMITS))
        recent = self._ends.setdefault(key, deque(maxlen=ENDS))
        recent.append(end)
        lag = max(0, end - (offset or 0))
        if offset is not None and (not commits or commits[-1].offset != offset):
            commits.append(Commit(offset, now, lag))
        complete = len(commits) / COMMITS
        known = complete >= COMPLETE
        return Standing(judge(list(commits), recent, lag, now) if known else Status.OK, lag, complete)


def tell(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return how each consuming class stood, of the rows of a result that are to count: {} where none was judged.

    `status` is the last one and `worst` the worst, `seconds` are those of each status. `partitions` holds those that
    were not well throughout, with the same facts, the worst first.
    """
    groups: dict[str, list[Status]] = {}
    places: dict[str, dict[str, list[Status]]] = {}
    for row in sorted((row for row in rows if row.get("status")), key=lambda row: float(row["t"])):
        status, name = Status[row["status"]], str(row["name"])
        if row["kind"] == "consumer":
            groups.setdefault(name, []).append(status)
        elif row["kind"] == "group":
            group, _, place = name.partition("/")
            places.setdefault(group, {}).setdefault(place, []).append(status)
    return {
        name: {
            **_facts(seen),
            "partitions": {
                place: _facts(own)
                for place, own in sorted(places.get(name, {}).items(), key=lambda one: -max(one[1]))
                if max(own) > Status.OK
            },
        }
        for name, seen in groups.items()
    }


def _facts(seen: Sequence[Status]) -> dict[str, Any]:
    return {
        "status": seen[-1].name, "worst": max(seen).name,
        "seconds": {status.name: count for status, count in sorted(Counter(seen).items())},
    }  # fmt: skip
