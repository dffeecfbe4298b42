"""Locust runs the load: its events, messages and statistics joined to a trial's.

One process or many, `loadkit run` or plain `locust`, headless or with the web UI: the same code. `Master`
directs, `LoadProcess` makes load; a single process is both.
"""

from __future__ import annotations

import gc
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import gevent
import locust
from locust import events
from locust.env import Environment
from locust.event import EventHook
from locust.runners import MasterRunner, WorkerRunner

from loadkit.boundaries import Options, Progress
from loadkit.errors import Interrupted
from loadkit.scenario import Scenario, check
from loadkit.secrets import MASK
from loadkit.site import OpenTarget, open_target
from loadkit.swarm_master import Master
from loadkit.swarm_runtime import runtime
from loadkit.swarm_users import ByClass, count_users, users_needed
from loadkit.swarm_worker import LoadProcess
from loadkit.target import load_target
from loadkit.users import ConsumerUser, ProducerUser
from loadkit.worker import Runtime


def scenario_of(classes: list[type[locust.User]], name: str, description: str = "") -> Scenario:
    """Return the scenario that user classes declare; ScenarioError when there is none."""
    return check(Scenario(
        name=name, description=description,
        producers=tuple(c.workload for c in classes if issubclass(c, ProducerUser)),
        consumers=tuple(c.workload for c in classes if issubclass(c, ConsumerUser)),
    ))  # fmt: skip


@dataclass(slots=True)
class Settings:
    """How a swarm is run."""

    target: str
    options: Callable[[Scenario], Options]
    """Makes the options of a new trial: a web UI starts several."""
    change: Callable[[Scenario], Scenario]
    """Applies --set."""
    progress: Progress
    say: Callable[[str], None]
    scenario: Scenario
    keep_topics: bool = False
    commanded: bool = True
    """Whether a command of ours runs it: errors are raised there, and Locust quits when the run is done."""
    stays: bool = False
    """Whether Locust stays for another run, whatever ended this one."""
    finished: Callable[[Path], None] = lambda out: None
    """Called with a result's folder when it is complete, however it ended."""
    failed: list[BaseException] = field(default_factory=list)
    """What ended the present run early."""


class Swarm:
    """What this process does in the runs of one Locust environment: users find it as `environment.loadkit`."""

    def __init__(
        self, environment: Environment, settings: Settings, opened: OpenTarget | None = None,
        shared: Runtime | None = None,
    ) -> None:  # fmt: skip
        """Take part in Locust's events. Raises LoadkitError.

        The target is opened, unless it is `opened` already or a master elsewhere does so.
        """
        self.settings = settings
        scenario, shared = settings.change(settings.scenario), shared or runtime()
        count_users(environment.user_classes, scenario)
        self.master: Master | None = None
        self.load: LoadProcess | None = None
        environment.loadkit = self  # type: ignore[attr-defined]
        environment.dispatcher_class = ByClass
        if not isinstance(environment.runner, WorkerRunner):
            self.master = Master(environment, scenario, settings, shared, opened)
        if not isinstance(environment.runner, MasterRunner):
            take = self.master.take if self.master else None
            self.load = LoadProcess(environment, scenario, shared, take, settings.commanded)

    def renew(self, settings: Settings, opened: OpenTarget) -> None:
        """Let the master's next run be another trial, on a target that may have been opened anew."""
        assert self.master
        self.settings = settings
        count_users(self.master.environment.user_classes, settings.scenario)
        self.master.renew(settings.scenario, settings, opened)

    def joined(self, user: locust.User) -> None:
        """Connect a user that has started."""
        assert self.load
        self.load.joined(user)

    def left(self, user: locust.User) -> None:
        """Take a user that has stopped out of the load."""
        assert self.load
        self.load.left(user)


class LocalTrials:
    """One trial after the other in this process, on a target that stays open; each has a Locust of its own.

    Ctrl-C once ends the trial under way in good order, twice at once; the trial raises `Interrupted` either way.
    """

    def __init__(
        self, classes: list[type[locust.User]], scenario: Scenario, target: str, progress: Progress,
        say: Callable[[str], None], keep_topics: bool,
    ) -> None:  # fmt: skip
        """Open the target, `scenario` being one that is to run on it. Raises LoadkitError."""
        self._classes, self._target, self._keep = list(classes), target, keep_topics
        self._progress, self._say = progress, say
        self._runtime = runtime()
        self._master: Master | None = None
        self._interrupted: Interrupted | None = None
        mind_logs()
        self._open = self._opened(scenario)
        self._handlers = [
            gevent.signal_handler(number, partial(self._interrupt, number))
            for number in (signal.SIGINT, signal.SIGTERM)
        ]

    def _opened(self, scenario: Scenario) -> OpenTarget:
        return self._runtime.call(lambda: open_target(load_target(self._target), scenario, self._say))  # type: ignore[no-any-return]

    def trial(self, scenario: Scenario, options: Options) -> None:
        """Run one trial and leave its result in `options.out`; raises what ended it early."""
        self.hear()
        if not self._open.runs():
            self._say("the embedded cluster has ended by itself: starting another")
            self._runtime.call(self._open.close)
            self._open = self._opened(scenario)
        settings = Settings(
            target=self._target, options=lambda _: options, change=lambda same: same, progress=self._progress,
            say=self._say, scenario=scenario, keep_topics=self._keep,
        )  # fmt: skip
        with _own_counts(self._classes):
            self._run(settings)
        gc.collect()  # a trial is full of cycles: not while the next one measures
        if settings.failed:
            raise settings.failed[0]
        self.hear()

    def hear(self) -> None:
        """Raise the interruption that has come, also one that no trial has heard."""
        gevent.sleep(0)
        if self._interrupted:
            raise self._interrupted

    def _run(self, settings: Settings) -> None:
        with own_listeners():
            environment = Environment(user_classes=list(self._classes), events=events)
            runner = environment.create_local_runner()
            self._master = Swarm(environment, settings, self._open, self._runtime).master
            try:
                self.hear()
                users = users_needed(self._classes)
                runner.start(users, min(users, 100))
                runner.greenlet.join()
            finally:
                self._master = None

    def end(self) -> None:
        """End the measured phase of the trial under way now; its result is whole, only shorter."""
        if self._master and self._master.trial:
            self._master.trial.stop()

    def close(self) -> None:
        """Take the target away."""
        for handler in self._handlers:
            handler.cancel()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # libev leaves the system's, which ends us unheard
        self._runtime.call(self._open.close)

    def _interrupt(self, number: int) -> None:
        error = Interrupted("interrupted: what was measured until now is kept")
        error.exit_code = 128 + number
        master, again = self._master, self._interrupted is not None
        self._interrupted = error
        if master is None:
            return
        if master.trial is None:
            master.give_up(error)
        elif again:
            master.hurry()
        else:
            self._say("stopping: draining what is in flight; interrupt again to stop at once")
            master.trial.stop(error)


def mind_logs() -> None:
    """Keep Locust's warnings of a busy processor to itself, and secrets out of logs that nobody else set up."""
    for logger in ("", "locust.runners"):
        logging.getLogger(logger).addFilter(_no_word_of_cpu)
    if logging.lastResort:
        logging.lastResort.addFilter(MASK)


def _no_word_of_cpu(record: logging.LogRecord) -> bool:
    """Keep Locust's warning that the processor is busy to itself: a result says whether that was its limit."""
    return not record.getMessage().startswith("CPU usage")


@contextmanager
def own_listeners() -> Iterator[None]:
    """Take away the listeners that were added to Locust's global events meanwhile; the scenario's own stay."""
    hooks = [hook for hook in vars(events).values() if isinstance(hook, EventHook)]
    before = [list(hook._handlers) for hook in hooks]
    try:
        yield
    finally:
        for hook, handlers in zip(hooks, before, strict=True):
            hook._handlers[:] = handlers


@contextmanager
def _own_counts(classes: list[type[locust.User]]) -> Iterator[None]:
    """Give the classes back the number of users that their file says: a trial's own is set on them."""
    before = [user.fixed_count for user in classes]
    try:
        yield
    finally:
        for user, count in zip(classes, before, strict=True):
            user.fixed_count = count
