"""Locust runs the load: its events, messages and statistics joined to a trial's.

One process or many, `loadkit run` or plain `locust`, headless or with the web UI: the same code. `Master`
directs, `LoadProcess` makes load; a single process is both.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import gevent
import locust
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadkit.boundaries import Options, Progress
from loadkit.errors import Interrupted, RunError
from loadkit.scenario import Scenario, check
from loadkit.swarm_master import Master
from loadkit.swarm_runtime import runtime
from loadkit.swarm_users import ByClass, count_users, users_needed
from loadkit.swarm_worker import LoadProcess
from loadkit.trial import Trial
from loadkit.users import ConsumerUser, ProducerUser


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
    quit_when_done: bool = True
    finished: Callable[[Path], None] = lambda out: None
    """Called with a result's folder when it is complete, however it ended."""
    failed: list[BaseException] = field(default_factory=list)
    """What ended the present run early."""


class Swarm:
    """What this process does in the runs of one Locust environment: users find it as `environment.loadkit`."""

    def __init__(self, environment: Environment, settings: Settings) -> None:
        """Open the target (unless a master elsewhere does) and take part in Locust's events. Raises LoadkitError."""
        self.settings = settings
        scenario, shared = settings.change(settings.scenario), runtime()
        count_users(environment.user_classes, scenario)
        self.master: Master | None = None
        self.load: LoadProcess | None = None
        environment.loadkit = self  # type: ignore[attr-defined]
        environment.dispatcher_class = ByClass
        if not isinstance(environment.runner, WorkerRunner):
            self.master = Master(environment, scenario, settings, shared)
        if not isinstance(environment.runner, MasterRunner):
            self.load = LoadProcess(environment, scenario, shared, self.master.take if self.master else None)

    def joined(self, user: locust.User) -> None:
        """Connect a user that has started."""
        assert self.load
        self.load.joined(user)

    def left(self, user: locust.User) -> None:
        """Take a user that has stopped out of the load."""
        assert self.load
        self.load.left(user)


def run_local(classes: list[type[locust.User]], settings: Settings) -> Trial:
    """Return the trial of one run in this process; raises what ended it early. Ctrl-C once drains, twice does not."""
    environment = Environment(user_classes=list(classes), events=events)
    runner = environment.create_local_runner()
    master = Swarm(environment, settings).master
    assert master
    handlers = [gevent.signal_handler(s, partial(_interrupt, master, s)) for s in (signal.SIGINT, signal.SIGTERM)]
    try:
        users = users_needed(classes)
        runner.start(users, min(users, 100))
        runner.greenlet.join()
    finally:
        for handler in handlers:
            handler.cancel()
        master.release()
    if settings.failed:
        raise settings.failed[0]
    if not master.trial:
        raise RunError("the run did not begin")
    return master.trial


def _interrupt(master: Master, number: int) -> None:
    error = Interrupted("interrupted: what was measured until now is kept")
    error.exit_code = 128 + number
    if master.trial is None:
        master.settings.failed.append(error)
        master.runner.quit()
    elif master.trial.interrupted:
        master.hurry()
    else:
        master.settings.say("stopping: draining what is in flight; interrupt again to stop at once")
        master.trial.stop(error)
