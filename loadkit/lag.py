"""How far a group is behind, in messages and in seconds, from committed and end offsets."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping

KEPT = 3600
"""End offsets remembered a partition; a group further behind than that is at least that late."""


class History:
    """Where the logs ended at each sample."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, int], deque[tuple[float, int]]] = {}

    def note(self, topic: str, now: float, ends: Mapping[int, int]) -> None:
        """Remember the end offset of each partition at an instant (seconds on a steady clock)."""
        for partition, end in ends.items():
            self._ends.setdefault((topic, partition), deque(maxlen=KEPT)).append((now, end))

    def lag(self, topic: str, now: float, done: Mapping[int, int]) -> tuple[int, float]:
        """Return messages behind over all partitions, and the age of the oldest unread message (seconds).

        The age is read off the sampled ends, linear between two samples: message `done` entered the log
        when the end passed it.
        """
        behind, oldest = 0, 0.0
        for partition, offset in done.items():
            samples = self._ends.get((topic, partition))
            if not samples or samples[-1][1] <= offset:
                continue
            behind += samples[-1][1] - offset
            oldest = max(oldest, now - _passed(list(samples), offset))
        return behind, oldest


def _passed(samples: list[tuple[float, int]], offset: int) -> float:
    """Return when the end offset grew beyond `offset`, linear between samples."""
    after = bisect_right([end for _, end in samples], offset)
    if after == 0:
        return samples[0][0]
    (t0, e0), (t1, e1) = samples[after - 1], samples[after]
    return t0 + (t1 - t0) * (offset - e0) / (e1 - e0)
