"""Locust runs the load: its events, messages and statistics joined to a trial's.

One process or many, `loadkit run` or plain `locust`, headless or with the web UI: the same code. A local
runner hands messages to itself, so a single process is a master and a worker in one.

    master to workers   loadkit_plan, loadkit_order, loadkit_end, loadkit_close
    workers to master   loadkit_joined, loadkit_left, loadkit_failed, loadkit_closed, and deltas in report_to_master
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic, monotonic_ns, time
from typing import Any

import gevent
import locust
from gevent import monkey
from gevent.event import Event
from gevent.threadpool import ThreadPool
from locust import events
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerNode, WorkerRunner

from loadkit import locust_stats
from loadkit.clusters import Cluster, KafkaCluster, Names, SinkCluster
from loadkit.delta import Delta
from loadkit.errors import Interrupted, LoadkitError, RunError, UsageError
from loadkit.scenario import Applies, Scenario, check
from loadkit.site import KafkaSite, OpenTarget, SinkSite, open_target
from loadkit.target import Target, load_target
from loadkit.targets.simspec import SimulatedSpec
from loadkit.trial import Options, Progress, Trial
from loadkit.users import ConsumerUser, ProducerUser, _KafkaUser
from loadkit.worker import Runtime, Worker

POOL = 64
"""Places for blocking client calls; gevent's own pool has ten and DNS needs them."""
CLOSING = 60.0
"""Seconds a load process may take to close its clients."""
ORPHANED = 10.0
"""Seconds without the master's heartbeat after which a worker ends."""
_native_sleep = monkey.get_original("time", "sleep")
_start_new_thread = monkey.get_original("_thread", "start_new_thread")


def runtime() -> Runtime:
    """Return gevent's ways to sleep, block and start threads."""
    pool = ThreadPool(POOL)
    return Runtime(
        sleep=gevent.sleep,
        native_sleep=_native_sleep,
        call=lambda job: _unwrap(pool.apply(_caught, (job,))),
        start_thread=lambda job: _start_new_thread(job, ()),
        spawn=gevent.spawn,
    )


def _caught(job: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return job(), None
    except BaseException as error:
        return None, error


def _unwrap(outcome: tuple[Any, BaseException | None]) -> Any:
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


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


class Swarm:
    """What this process does in the runs of one Locust environment."""

    def __init__(self, environment: Environment, settings: Settings) -> None:
        """Open the target (unless this is a worker) and take part in Locust's events."""
        self.environment, self.settings = environment, settings
        self.runtime = runtime()
        runner = environment.runner
        assert runner
        self.runner = runner
        self.directs = not isinstance(runner, WorkerRunner)
        self.loads = not isinstance(runner, MasterRunner)
        self.scenario = settings.change(settings.scenario)
        count_users(environment.user_classes, self.scenario)
        self.trial: Trial | None = None
        self.worker: Worker | None = None
        self._planned, self._closed = Event(), set[str]()
        self.concluded = Event()
        self._numbers: dict[Any, int] = {}
        self._deltas: list[Delta] = []
        self._spawned = False
        self._open: OpenTarget | None = None
        environment.loadkit = self  # type: ignore[attr-defined]
        if self.directs:
            self._open = self.runtime.call(lambda: open_target(load_target(settings.target), self.scenario, settings.say))
            self._direct()
        if self.loads:
            self._load()

    def _direct(self) -> None:
        on = self.environment.events
        for name, heard in (("joined", self._on_joined), ("left", self._on_left), ("failed", self._on_failed), ("closed", self._on_closed)):
            self.runner.register_message(f"loadkit_{name}", heard)
        on.test_start.add_listener(self._on_test_start)
        on.test_stopping.add_listener(self._on_test_stopping)
        on.spawning_complete.add_listener(self._on_spawned)
        on.worker_report.add_listener(self._on_report)
        on.worker_connect.add_listener(lambda client_id, **_: self._send_plan(client_id))
        on.quitting.add_listener(lambda **_: self.release())
        if isinstance(self.runner, MasterRunner):
            gevent.spawn(self._watch_workers)

    def _load(self) -> None:
        handlers = {"plan": self._on_plan, "order": self._on_order, "end": self._on_end, "close": self._on_close}
        for name, heard in handlers.items():
            self.runner.register_message(f"loadkit_{name}", heard, concurrent=not isinstance(self.runner, LocalRunner) and name == "close")
        self.environment.events.report_to_master.add_listener(self._report)
        if isinstance(self.runner, WorkerRunner):
            self.environment.events.test_stopping.add_listener(lambda **_: self._last_words())
            gevent.spawn(self._watch_master, os.getppid())

    # what the master does

    def _on_test_start(self, **_: Any) -> None:
        assert self._open
        try:
            self._spawned, self._closed = False, set()
            self.concluded.clear()
            options = self.settings.options(self.scenario)
            site = self.runtime.call(lambda: self._open.begin(self.scenario, self.settings.keep_topics))  # type: ignore[union-attr]
            self.trial = Trial(self.scenario, site, self, options, gevent.sleep, self.runtime.call, self.settings.progress)
        except Exception as error:  # Locust would log what a listener raises, and go on
            self._end_with(error)
            return
        self._send_plan(None)
        gevent.spawn(self._direct_trial, self.trial)

    def _direct_trial(self, trial: Trial) -> None:
        try:
            trial.run()
        except LoadkitError as error:
            self.settings.failed.append(error)
            self.settings.say(f"error: {error}" if not isinstance(error, Interrupted) else str(error))
            if not isinstance(error, Interrupted):
                self.environment.process_exit_code = error.exit_code
        except BaseException as error:  # a bug of ours: whoever waits must hear of it
            self.settings.failed.append(error)
            self.environment.process_exit_code = 70
            trial.done = True
            if not isinstance(error, Exception):
                raise
        self._conclude(trial)

    def _conclude(self, trial: Trial) -> None:
        try:
            self.runtime.call(lambda: self.settings.finished(trial.options.out))
        except Exception as error:  # the result is on disk; only its page failed
            self.settings.failed.append(error)
            self.settings.say(f"error: the page could not be written: {error!r}")
        self.concluded.set()
        if self.settings.quit_when_done or self.settings.failed:
            gevent.spawn(self.runner.quit)

    def _end_with(self, error: Exception) -> None:
        self.settings.failed.append(error)
        self.settings.say(f"error: {error}")
        self.environment.process_exit_code = getattr(error, "exit_code", 70)
        gevent.spawn(self.runner.quit)

    def _plan(self) -> dict[str, Any]:
        assert self.trial and self._open
        names = self._open.site.names  # type: ignore[union-attr]
        return {
            "run": names.run, "run_id": names.run_id, "topics": dict(names.topics), "groups": dict(names.groups),
            "target": self.settings.target, "bootstrap": self._open.bootstrap,
        }  # fmt: skip

    def _send_plan(self, client_id: str | None) -> None:
        if self.trial and not self.trial.done:
            self.runner.send_message("loadkit_plan", self._plan(), client_id=client_id)  # type: ignore[attr-defined]

    def _on_spawned(self, **_: Any) -> None:
        self._spawned = True

    def _on_joined(self, msg: Any, **_: Any) -> None:
        if self.trial:
            self.trial.joined(msg.data["number"], msg.data["class"], msg.data["worker"])

    def _on_left(self, msg: Any, **_: Any) -> None:
        if self.trial:
            self.trial.left(msg.data["number"])

    def _on_failed(self, msg: Any, **_: Any) -> None:
        if self.trial:
            error = RunError(msg.data["text"])
            error.exit_code = msg.data["exit_code"]
            self.trial.fail(error)

    def _on_closed(self, msg: Any, **_: Any) -> None:
        self._closed.add(msg.data["worker"])

    def _on_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        for packed in data.get("loadkit", ()):
            if self.trial:
                self.trial.take(Delta.unpack(packed))

    def _on_test_stopping(self, **_: Any) -> None:
        """Hold Locust's stop until the run has drained; a second Ctrl-C ends the wait for that."""
        trial = self.trial
        if not trial:
            return
        trial.stop()
        while not self.concluded.is_set():
            try:
                gevent.sleep(0.05)
            except KeyboardInterrupt:
                trial.abandon()
                self.environment.process_exit_code = 130

    def _watch_workers(self) -> None:
        assert isinstance(self.runner, MasterRunner)
        known: set[str] = set()
        while True:
            gevent.sleep(0.5)
            alive = {client.id for client in self.runner.clients.all if client.state != "missing"}
            for worker in known - alive:
                if self.trial and not self.trial.done and worker not in self._closed:
                    self.trial.lost(worker)
                    self._closed.add(worker)
            known = alive

    # the trial's crew

    def expected(self) -> int:
        """Return how many of our users there are to be; more than any number until Locust has dispatched them."""
        if not self._spawned:
            return 1 << 30
        counts = self.runner.reported_user_classes_count if isinstance(self.runner, MasterRunner) else self.runner.user_classes_count
        ours = {workload.name for workload in self.scenario.workloads}
        return max(1, sum(n for name, n in counts.items() if name in ours))

    def order(self, order: dict[str, Any]) -> None:
        """Send a schedule to every process."""
        self.runner.send_message("loadkit_order", {**order, "wall_ns": _wall_offset_ns(), "boot": _boot_id()})

    def end(self, at_ns: int) -> None:
        """Tell every process when the measured schedule ends."""
        self.runner.send_message("loadkit_end", {"at_ns": at_ns, "wall_ns": _wall_offset_ns(), "boot": _boot_id()})

    def close(self) -> None:
        """Have every process close its clients and report for the last time."""
        self.runner.send_message("loadkit_close", {})
        if isinstance(self.runner, MasterRunner):
            deadline = monotonic() + CLOSING
            while self._alive() - self._closed and monotonic() < deadline:
                gevent.sleep(0.05)

    def _alive(self) -> set[str]:
        assert isinstance(self.runner, MasterRunner)
        return {client.id for client in self.runner.clients.all if client.state != "missing"}

    def release(self) -> None:
        """Take away the target that this process opened."""
        opened, self._open = self._open, None
        if opened:
            self.runtime.call(opened.close)

    # what a load process does

    def _on_plan(self, msg: Any, **_: Any) -> None:
        plan = msg.data
        names = Names(plan["run"], plan["run_id"], plan["topics"], plan["groups"])
        index = getattr(self.runner, "worker_index", 0) + 1
        name = "local" if isinstance(self.runner, LocalRunner) else self.runner.client_id
        cluster = _cluster(load_target(plan["target"]), plan["bootstrap"], self.scenario, names)
        self.worker = Worker(name, index, self.scenario, cluster, names.run, self.runtime)
        self._numbers.clear()
        self._planned.set()
        gevent.spawn(self._roll, self.worker)

    def joined(self, user: _KafkaUser) -> None:
        """Connect a user that has started; whatever goes wrong ends the run."""
        self._planned.wait()
        name = type(user).__name__
        try:
            assert self.worker
            number = self.worker.open(name)
        except LoadkitError as error:
            self._send("loadkit_failed", {"text": f"{name}: {error}", "exit_code": error.exit_code})
            return
        self._numbers[user] = number
        self._send("loadkit_joined", {"number": number, "class": name, "worker": self.worker.name})

    def left(self, user: _KafkaUser) -> None:
        """Take a user that has stopped out of the load."""
        number = self._numbers.pop(user, None)
        if number is not None and self.worker:
            self.worker.leave(number)
            self._send("loadkit_left", {"number": number})

    def _send(self, name: str, data: dict[str, Any]) -> None:
        self.runner.send_message(name, data)

    def _on_order(self, msg: Any, **_: Any) -> None:
        if self.worker:
            shift = _shift_ns(msg.data)
            self.worker.schedule({**msg.data, "origin_ns": msg.data["origin_ns"] + shift})

    def _on_end(self, msg: Any, **_: Any) -> None:
        if self.worker:
            self.worker.end(msg.data["at_ns"] + _shift_ns(msg.data))

    def _on_close(self, **_: Any) -> None:
        worker, self.worker = self.worker, None
        if worker:
            worker.close()
            self._hand_over(worker, worker.roll(last=True))
        self._planned.clear()
        if isinstance(self.runner, WorkerRunner):
            self.runner._send_stats()
            self._send("loadkit_closed", {"worker": self.runner.client_id})

    def _roll(self, worker: Worker) -> None:
        """Fold what was measured, each second."""
        next_at = monotonic()
        while self.worker is worker:
            next_at = max(next_at + 1.0, monotonic() + 0.05)
            draining = worker.ending
            gevent.sleep(0.1 if draining else max(0.0, next_at - monotonic()))
            if self.worker is worker:
                self._hand_over(worker, worker.roll())
                if draining and isinstance(self.runner, WorkerRunner):
                    self.runner._send_stats()

    def _hand_over(self, worker: Worker, delta: Delta) -> None:
        locust_stats.fold(self.environment.stats, delta, worker.started_epoch)
        if isinstance(self.runner, LocalRunner):
            if self.trial:
                self.trial.take(delta)
        else:
            self._deltas.append(delta)

    def _report(self, data: dict[str, Any], **_: Any) -> None:
        deltas, self._deltas = self._deltas, []
        if deltas:
            data["loadkit"] = [delta.pack() for delta in deltas]

    def _last_words(self) -> None:
        """Close and report though no master asked for it: this worker was stopped on its own."""
        if self.worker:
            self._on_close()

    def _watch_master(self, parent: int) -> None:
        """End when the master is gone: the forked worker's parent changes, a remote one's heartbeat stops."""
        assert isinstance(self.runner, WorkerRunner)
        forked = bool(getattr(self.environment.parsed_options, "processes", None))
        if forked:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches all; the master decides
        while True:
            gevent.sleep(0.5)
            heard = self.runner.last_heartbeat_timestamp
            silent = heard is not None and time() - heard > ORPHANED
            if (forked and os.getppid() != parent) or silent:
                sys.stderr.write("loadkit: the master is gone, this worker ends\n")
                os._exit(1)


def _cluster(target: Target, bootstrap: str | None, scenario: Scenario, names: Names) -> Cluster:
    if target.kind == "simulated":
        return SinkCluster(SimulatedSpec.parse(target.text), scenario, names)
    return KafkaCluster(target.at(bootstrap) if bootstrap else target, names)


def _wall_offset_ns() -> int:
    """Return wall clock minus monotonic clock: what another host needs to find an instant of ours."""
    return int(time() * 1e9) - monotonic_ns()


def _boot_id() -> str:
    """Return what is the same for all processes that share a monotonic clock."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import platform

        return platform.node()


def _shift_ns(order: dict[str, Any]) -> int:
    """Return what to add to the sender's monotonic instants: nothing on its own host."""
    return 0 if order["boot"] == _boot_id() else int(order["wall_ns"]) - _wall_offset_ns()


def count_users(classes: list[type[locust.User]], scenario: Scenario) -> None:
    """Have Locust start as many users of each class as the scenario, --set applied, says."""
    for user in classes:
        if issubclass(user, _KafkaUser):
            user.fixed_count = scenario.workload(user.__name__).fixed_count


def users_needed(classes: list[type[locust.User]]) -> int:
    """Return the sum of the classes' `fixed_count`, one for a class without."""
    return sum(c.fixed_count or 1 for c in classes)


def missing_classes(classes: list[type[locust.User]], users: int) -> dict[str, tuple[int, int]]:
    """Return the classes of which Locust would start fewer than they ask for: name to (started, asked)."""
    dispatcher = UsersDispatcher([WorkerNode("one")], list(classes))
    dispatcher.new_dispatch(users, users)
    started: dict[str, int] = {}
    for step in dispatcher:
        started = step["one"]
    short = {c.__name__: (started.get(c.__name__, 0), c.fixed_count or 1) for c in classes}
    return {name: counts for name, counts in short.items() if counts[0] < counts[1]}


def run_local(classes: list[type[locust.User]], settings: Settings) -> Trial:
    """Return the trial of one run in this process; raises what ended it early. Ctrl-C once drains, twice does not."""
    environment = Environment(user_classes=list(classes), events=events)
    environment.create_local_runner()
    swarm = Swarm(environment, settings)
    handlers = [gevent.signal_handler(s, partial(_interrupt, swarm, s)) for s in (signal.SIGINT, signal.SIGTERM)]
    try:
        users = users_needed(classes)
        swarm.runner.start(users, min(users, 100))
        swarm.runner.greenlet.join()
    finally:
        for handler in handlers:
            handler.cancel()
        swarm.release()
    if settings.failed:
        raise settings.failed[0]
    if not swarm.trial:
        raise RunError("the run did not begin")
    return swarm.trial


def _interrupt(swarm: Swarm, number: int) -> None:
    error = Interrupted("interrupted: what was measured until now is kept")
    error.exit_code = 128 + number
    if swarm.trial is None:
        swarm.settings.failed.append(error)
        swarm.runner.quit()
    elif swarm.trial.interrupted:
        swarm.trial.abandon()
    else:
        swarm.settings.say("stopping: draining what is in flight; interrupt again to stop at once")
        swarm.trial.stop(error)
