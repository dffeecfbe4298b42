"""A stretch of one user's schedule, as its producer follows it and as others count it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loadkit.pacer import NEVER, Pacer

SETTLE_NS = 1_000_000_000
"""How long after the end what was due may still be handed over."""


@dataclass(slots=True)
class Leg:
    """A stretch of one user's schedule: its messages from `first` on, due before `until_ns`."""

    phase: Literal["warmup", "measure"]
    pacer: Pacer
    origin_ns: int
    """Monotonic clock at the schedule's time 0."""
    until_ns: int = NEVER
    """Time of the schedule (ns from origin) at which this leg ends; its messages are due before."""
    number: int = 0
    """The class-wide number of this user's message 0."""
    stride: int = 1
    limit: int = NEVER
    """Messages after which the leg ends whatever the time."""
    sent: int = 0
    """The next message; messages before the leg's beginning are skipped by starting above 0."""
    skipped: int = 0
    twin: Pacer | None = None
    """The same schedule once more, for whoever asks from another thread."""
    settle_ns: int = SETTLE_NS
    """How long after its end the leg may still hand over what was due."""

    def over(self, now_ns: int) -> bool:
        """Return whether nothing of this leg may be handed over any more."""
        return self.until_ns != NEVER and now_ns >= self.origin_ns + self.until_ns + self.settle_ns

    def due(self, now_ns: int) -> int:
        """Return how many of this leg's messages are due at a monotonic instant, those it skipped included."""
        return self._due(self.pacer, now_ns)

    def counted(self, now_ns: int) -> int:
        """Return the same to another thread than the loop's: a Poisson pacer may serve one thread only."""
        return self._due(self.twin or self.pacer, now_ns)

    def _due(self, pacer: Pacer, now_ns: int) -> int:
        return max(self.skipped, min(pacer.due(min(now_ns - self.origin_ns, self.until_ns - 1)), self.limit))

    def next_ns(self) -> int:
        """Return the monotonic instant at which the next message is due; NEVER when there is none."""
        if self.sent >= self.limit:
            return NEVER
        at = self.pacer.at(self.sent)
        return NEVER if at >= self.until_ns else at + self.origin_ns
