"""Several trials in one process, on a target that is opened once: an embedded cluster starts once for all of them.

`simulated` runs in virtual time; everything else, the simulated sink too, goes through Locust. A trial gets topics of
its own and leaves nothing behind for the next.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Protocol

from loadkit import swarm, swarm_workers  # first: they bring Locust, which patches sockets
from loadkit.boundaries import Options, Progress
from loadkit.errors import Interrupted, LoadkitError, RunError, TargetError
from loadkit.hands import ALONE, Hands
from loadkit.scenario import Scenario
from loadkit.scenario_file import ScenarioFile
from loadkit.simulation import simulate
from loadkit.site import Say
from loadkit.swarm_workers import Fleet
from loadkit.target import load_target
from loadkit.targets.simspec import SimulatedSpec

PRIME = 8.0
"""Seconds for which a cluster that was just started is loaded before its first trial."""


class Session(Protocol):
    """A target that is open for trials."""

    def trial(self, scenario: Scenario, options: Options) -> None:
        """Run one trial at this scenario and leave its result in `options.out`, without a page.

        Raises LoadkitError; Interrupted on Ctrl-C, which once ends the trial in good order, twice at once.
        """

    def end(self) -> None:
        """End the measured phase of the trial under way now; to be called from its progress."""

    def hear(self) -> None:
        """Raise the interruption that came while no trial was under way."""


@contextmanager
def session(
    file: ScenarioFile, target: str, progress: Progress, say: Say, keep_topics: bool = False, fleet: Fleet | None = None
) -> Iterator[Session]:
    """Open a target for trials of a scenario file, and take it away at the end. Raises LoadkitError.

    The load is made by a fleet of processes of their own, or by this process.
    """
    if virtual(target):
        with _VirtualTrials(target) as trials:
            yield trials
        return
    opening = (file.classes, file.scenario, target, progress, say, keep_topics)
    local = swarm_workers.WorkerTrials(fleet, *opening) if fleet else swarm.LocalTrials(*opening)
    try:
        yield local
    finally:
        local.close()


@contextmanager
def fleet(file: ScenarioFile, who: Hands, say: Say) -> Iterator[Fleet | None]:
    """Yield the load processes of a command, and send them home at the end; None where it makes the load itself."""
    if not who.others:
        yield None
        return
    made = Fleet(file, who, say)
    try:
        yield made
    finally:
        made.close()


def reached(target: str, who: Hands) -> str:
    """Return the target as load processes reach it: `simulated` is the real-time sink for them."""
    return f"{target}{'&' if '?' in target else '?'}sink=1" if who.others and virtual(target) else target


def virtual(target: str) -> bool:
    """Return whether a target runs in virtual time."""
    found = load_target(target)
    return found.kind == "simulated" and SimulatedSpec.parse(found.text).virtual


class _VirtualTrials:
    """Trials in virtual time: each is over in a moment, so that Ctrl-C waits for the one under way."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._interrupted: Interrupted | None = None

    def __enter__(self) -> _VirtualTrials:
        self._before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def trial(self, scenario: Scenario, options: Options) -> None:
        """Run one trial."""
        if not self._interrupted:
            simulate(scenario, self._target, options)
        self.hear()

    def hear(self) -> None:
        """Raise the interruption that came."""
        if self._interrupted:
            raise self._interrupted

    def end(self) -> None:
        """Do nothing: virtual time costs none."""

    def _interrupt(self, number: int, _: FrameType | None) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = Interrupted("interrupted: what was measured until now is kept")
        self._interrupted.exit_code = 128 + number


class Sessions:
    """Sessions of several targets of one scenario file, each opened once.

    One is open at a time and kept until another is wanted, or all stay open (`together`).
    """

    def __init__(
        self, file: ScenarioFile, progress: Progress, say: Say, who: Hands = ALONE, together: bool = False
    ) -> None:
        self._file, self._progress, self._say = file, progress, say
        self._together = together
        self._stack, self._fleets = ExitStack(), ExitStack()
        self._fleet = self._fleets.enter_context(fleet(file, who, say))
        self._open: dict[str, Session] = {}
        self.refused: dict[str, LoadkitError] = {}
        """Targets that could not be opened; they are not tried again."""

    def at(self, target: str, scenario: Scenario) -> Session:
        """Return the session at a target, `scenario` being one that is to run on it. Raises LoadkitError."""
        if target in self.refused:
            raise self.refused[target]
        if target not in self._open:
            if not self._together:
                self._shut()
            file = replace(self._file, scenario=scenario)
            opened = session(file, target, self._progress, self._say, fleet=self._fleet)
            try:
                self._open[target] = self._stack.enter_context(opened)
            except LoadkitError as error:
                self.refused[target] = error
                raise
            for each in self._open.values():  # one that was open before heard the Ctrl-C of that time
                each.hear()
            if load_target(target).kind == "embedded":
                self._prime(self._open[target], scenario)
        return self._open[target]

    def _prime(self, opened: Session, scenario: Scenario) -> None:
        """Load a cluster that has just started: its JVM compiles what runs often, and the first trial would pay for it.

        On two shared cores the first trial had four times the 99th percentile of the same point later.
        """
        self._say(f"loading the new cluster for {PRIME:.0f} s before the first trial")
        with TemporaryDirectory(prefix="loadkit-") as place, suppress(TargetError, RunError):
            opened.trial(scenario, Options(out=Path(place) / "prime", duration=1.0, warmup=PRIME))

    def _shut(self) -> None:
        self._open = {}
        self._stack.close()

    def close(self) -> None:
        """Take what is open away, and send the load processes home."""
        with self._fleets:
            self._shut()
