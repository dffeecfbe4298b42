"""What a trial stands between: the load processes, the target under test, and how it is asked to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from loadkit.clusters import Names
from loadkit.faults import Fault
from loadkit.histogram import LogLine
from loadkit.result import Row
from loadkit.scenario import Workload

SHORTEST_WARMUP, LONGEST_WARMUP = 5, 30
"""Seconds that a warm-up which ends by itself takes at least and at most."""


class Crew(Protocol):
    """The load processes of a run."""

    def expected(self) -> int:
        """Return how many users there are to be."""

    def order(self, order: dict[str, Any]) -> None:
        """Send a schedule to every process."""

    def end(self, at_ns: int) -> None:
        """Tell every process when the measured schedule ends."""

    def close(self) -> None:
        """Have every process close its clients and report for the last time; returns when they have."""


class Site(Protocol):
    """The target under test, opened for one run."""

    names: Names
    judges_integrity: bool

    def facts(self) -> dict[str, Any]:
        """Return what a result says of the target."""

    def config(self, workload: Workload) -> dict[str, str]:
        """Return the client settings in force for a workload, secrets masked."""

    def lane(self, workload: Workload) -> str:
        """Return which lane a workload's users take, and why where it is not the fast one."""

    def permit(self, total_bytes: float) -> None:
        """Raise UsageError where so many bytes in all are more than the target allows."""

    def ends(self) -> Mapping[tuple[str, int], tuple[int, int]]:
        """Return begin and end offset by (declared topic, partition)."""

    def sample(self, second: int, phase: str) -> list[dict[str, Any]]:
        """Return rows of lag and broker metrics."""

    def inflict(self, fault: Fault) -> None:
        """Return when a fault has begun."""

    def mend(self, fault: Fault) -> None:
        """Return when a fault that began, or that could not, is over: the broker is as it was."""

    def close(self) -> None:
        """Take away what the run made."""


class Observer(Protocol):
    """Is told of trials while they are under way, in the process that directs them and never in the loop of the load.

    What it is told is what the trial writes to disk, when it is written: a second is whole then.
    """

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Hear that the load of a trial begins, and what its result says so far."""

    def seconds(self, lines: Sequence[LogLine], rows: Sequence[Row]) -> None:
        """Take the histograms and the rows of the seconds that have become complete."""

    def end(self, facts: Mapping[str, Any]) -> None:
        """Hear that a trial has ended, and what its result says."""


class Unobserved:
    """Nobody watches."""

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Do nothing."""

    def seconds(self, lines: Sequence[LogLine], rows: Sequence[Row]) -> None:
        """Do nothing."""

    def end(self, facts: Mapping[str, Any]) -> None:
        """Do nothing."""


NOBODY: Observer = Unobserved()


@dataclass(frozen=True, slots=True)
class Options:
    """How one trial is run."""

    out: Path
    duration: float | None = 30.0
    """Seconds; None: until stopped."""
    warmup: float | None = None
    """Seconds; None: until flat, 5 to 30 s."""
    longest_warmup: float = LONGEST_WARMUP
    messages: int | None = None
    drain_timeout: float = 30.0
    faults: tuple[Fault, ...] = ()
    observer: Observer = NOBODY
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the command knows: command, argv, scenario file, sets, environment."""


Progress = Callable[[str, str, float, float | None], None]
"""(phase, text, seconds in the phase, seconds it will take or None)."""
