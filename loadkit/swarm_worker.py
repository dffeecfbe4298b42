"""A process that makes load: it follows the master's plan and orders, and reports each second.

A forked process (`--processes`) leaves Ctrl-C and SIGTERM to the master while that lives; one on its own
that is stopped drains and reports before it goes. Either ends when its master is gone.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

import gevent
import locust
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from locust.env import Environment
from locust.runners import LocalRunner, WorkerRunner

from loadkit import clock, locust_stats, swarm_guard
from loadkit.agreement import differences, files, mark, terms
from loadkit.clusters import Cluster, KafkaCluster, MockCluster, Names, SinkCluster
from loadkit.delta import Delta
from loadkit.errors import FleetError, Interrupted, LoadkitError, ScenarioError, TargetFileError, UsageError
from loadkit.scenario import Scenario
from loadkit.secrets import MASK
from loadkit.swarm_clock import Timekeeper, same_clock
from loadkit.swarm_runtime import end_main
from loadkit.target import Target, load_target
from loadkit.targets.simspec import SimulatedSpec
from loadkit.telemetry import host
from loadkit.worker import Runtime, Worker

Take = Callable[[Delta], None]
ORPHANED = 10.0
"""Seconds without the master's heartbeat after which a load process ends."""
LOOK = 0.5
"""Seconds between two looks whether the master is there."""
LEAVING = 10.0
"""Seconds that a load process which is stopped on its own waits for what is in flight."""
DECIDING = 1.0
"""Seconds in which the master of a forked process that got SIGTERM may decide to end the run itself."""


class LoadProcess:
    """Makes the load of one Locust runner."""

    def __init__(
        self, environment: Environment, scenario: Scenario, runtime: Runtime, take: Take | None, commanded: bool = False
    ) -> None:
        """Listen to messages; `take` gets a local runner's deltas, those of others travel with Locust's reports.

        Where a command of ours runs it (`commanded`), what ends it is raised in the main greenlet.
        """
        self.environment, self.scenario, self.runtime = environment, scenario, runtime
        runner = environment.runner
        assert isinstance(runner, LocalRunner | WorkerRunner)
        self.runner, self._take = runner, take
        self.worker: Worker | None = None
        self._planned, self._ending, self._welcomed = Event(), Event(), Event()
        self._idle = Event()
        """Set when there is no run, or its last report is on its way."""
        self._idle.set()
        self._numbers: dict[locust.User, int] = {}
        self._deltas: list[Delta] = []
        self._rolling = BoundedSemaphore()
        self._forked = self._leaving = False
        self._commanded = commanded
        self._time = Timekeeper(lambda question: self._send("ask", question))
        for name, heard, apart in self._handlers():
            runner.register_message(f"loadkit_{name}", heard, concurrent=apart and take is None)
        environment.events.user_error.add_listener(self._on_user_error)
        if isinstance(runner, WorkerRunner):
            self._serve(runner)
        else:
            self._time.share()

    def _handlers(self) -> list[tuple[str, Callable[..., None], bool]]:
        """Return the messages with what hears them, and whether that blocks for long."""
        return [
            ("welcome", self._on_welcome, False), ("plan", self._on_plan, False), ("order", self._on_order, False),
            ("end", self._on_end, False), ("close", self._on_close, True),
            ("refused", self._on_refused, False), ("again", self._on_again, False),
            ("time", lambda msg, **_: self._time.on_time(msg.data), False),
        ]  # fmt: skip

    def _serve(self, runner: WorkerRunner) -> None:
        swarm_guard.mask()
        on = self.environment.events
        on.report_to_master.add_listener(self._report)
        on.quitting.add_listener(lambda **_: self._leave())
        on.test_stopping.add_listener(lambda **_: self._leave())
        self._ctrl_c = gevent.signal_handler(signal.SIGINT, self._interrupted)
        gevent.spawn(self._say_hello)
        gevent.spawn(self._watch_master, runner, os.getppid())

    def _interrupted(self) -> None:
        """Stop in good order on the first Ctrl-C in this process's own terminal, at once on the second."""
        if self._leaving:
            os._exit(Interrupted.exit_code)
        self._leaving = True
        end_main(KeyboardInterrupt())  # Locust's own way

    def _say_hello(self) -> None:
        """Make oneself known until the master answers: it may not listen yet."""
        ours = terms(self.environment.user_classes)
        while not self._welcomed.is_set():
            self._send("hello", {"asked": clock.raw_ns(), "terms": ours})
            self._welcomed.wait(1.0)

    # what users do

    def joined(self, user: locust.User) -> None:
        """Connect a user that has started; whatever goes wrong ends the run."""
        self._planned.wait()
        self._time.ready.wait()
        name, worker = type(user).__name__, self.worker
        if worker is None:
            return
        try:
            number = worker.open(name)
        except Exception as error:
            if self.worker is worker:  # else its run is over, and the next one's is not to end by it
                self._fail_by(name, error)
            return
        if self.worker is worker:
            self._numbers[user] = number
            self._send("joined", {"number": number, "class": name, "worker": worker.name})

    def left(self, user: locust.User) -> None:
        """Take a user that has stopped out of the load."""
        number = self._numbers.pop(user, None)
        if number is not None and self.worker:
            self.worker.leave(number)
            self._send("left", {"number": number})

    def _on_user_error(self, user_instance: locust.User, exception: Exception, **_: Any) -> None:
        """End the run when a scenario's own `on_start` raises: that user will never join."""
        name = type(user_instance).__name__
        ours = any(workload.name == name for workload in self.scenario.workloads)
        if ours and user_instance not in self._numbers:
            self._fail(f"{name}.on_start: {type(exception).__name__}: {exception}", 3)

    def _fail_by(self, what: str, error: Exception) -> None:
        if isinstance(error, LoadkitError):
            self._fail(f"{what}: {error}", error.exit_code)
        else:
            self._fail(f"{what}: a bug in loadkit ({type(error).__name__}: {error})", 70)

    def _fail(self, text: str, exit_code: int) -> None:
        self._send("failed", {"text": MASK.text(text), "exit_code": exit_code})

    def _send(self, name: str, data: dict[str, Any]) -> None:
        self.runner.send_message(f"loadkit_{name}", data)

    # what the master says

    def _on_welcome(self, msg: Any, **_: Any) -> None:
        if self._welcomed.is_set():
            return  # it answers every hello
        shared = same_clock(msg.data)
        if shared:
            self._time.share()
        else:
            self._time.follow()
        self._forked = shared and msg.data["pid"] == os.getppid()
        if self._forked:
            self._ctrl_c.cancel()
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches all; the master decides
        self._welcomed.set()

    def _on_refused(self, msg: Any, **_: Any) -> None:
        """End: the master does not take a process that is unlike it."""
        if self._welcomed.is_set():
            return  # it answers every hello
        self._welcomed.set()
        if self._commanded:
            end_main(FleetError(msg.data["text"]))
        else:
            sys.stderr.write(f"error: {msg.data['text']}\n")
            end_main(SystemExit(UsageError.exit_code))

    def _on_again(self, **_: Any) -> None:
        """Tell of all users anew: the master had not heard of this process for so long that it counted them out."""
        for user, number in self._numbers.items():
            if self.worker:
                self._send("joined", {"number": number, "class": type(user).__name__, "worker": self.worker.name})

    def _on_plan(self, msg: Any, **_: Any) -> None:
        plan = msg.data
        if self.worker and self.worker.run == plan["run"]:
            return  # told twice: by the start of the run and in answer to hello
        name = "local" if isinstance(self.runner, LocalRunner) else self.runner.client_id
        try:
            worker = self._made(name, plan)
        except LoadkitError as error:  # a target file or a secret that this host does not have
            self._fail(f"load process {name}: {error}", error.exit_code)
            return
        self._time.settle()
        self.worker = worker
        self._numbers.clear()
        self._ending.clear()
        self._idle.clear()
        self._planned.set()
        gevent.spawn(self._roll, worker)

    def _made(self, name: str, plan: Mapping[str, Any]) -> Worker:
        if plan["scenario"]:  # a master elsewhere may have moved a setting since this process began
            self.scenario = Scenario.model_validate(plan["scenario"])
            if unlike := differences(plan["files"], files(self.scenario)):
                raise ScenarioError(f"{unlike}; give all hosts the same files")
        names = Names(plan["run"], plan["run_id"], plan["topics"], plan["groups"])
        target = load_target(plan["target"])
        if mark(target) != plan["mark"]:
            raise TargetFileError(f"{plan['target']} is not the master's file: give all hosts the same")
        if plan["cpus"] and self._time.shared and hasattr(os, "sched_setaffinity"):
            with suppress(OSError):  # a container's own cores
                host.pin(frozenset(plan["cpus"]))
        if plan["bootstrap"]:  # where a built-in cluster was started
            target = target.at(plan["bootstrap"], **plan["client"])
        made = cluster(target, self.scenario, names)
        return Worker(name, self.runner.worker_index + 1, self.scenario, made, names.run, self.runtime)

    def _on_order(self, msg: Any, **_: Any) -> None:
        if self.worker:
            self.worker.schedule(msg.data)

    def _on_end(self, msg: Any, **_: Any) -> None:
        self._ending.set()
        if self.worker:
            self.worker.end(msg.data["at_ns"])

    def _on_close(self, **_: Any) -> None:
        self._ending.set()
        try:
            with self._rolling:
                worker, self.worker = self.worker, None
                if worker:
                    self._end(worker)
        except Exception as error:
            self._fail_by("closing", error)
        self._planned.clear()
        if isinstance(self.runner, WorkerRunner):
            self._report_now()
            self._send("closed", {"worker": self.runner.client_id})
        self._idle.set()

    def _end(self, worker: Worker) -> None:
        """Report what was measured, then close the clients: leaving a group may take longer than the master waits."""
        worker.halt()
        self._hand_over(worker, worker.roll())
        self._report_now()
        worker.let_go()
        self._hand_over(worker, worker.roll(last=True))

    # what is measured

    def _roll(self, worker: Worker) -> None:
        """Fold what was measured, each second; sooner while the run drains."""
        self._time.ready.wait()  # an order may come before the clock is known: no second of ours would be the run's
        next_at = monotonic()
        while self.worker is worker:
            next_at = max(next_at + 1.0, monotonic() + 0.05)
            if self._ending.is_set() or worker.ending:
                gevent.sleep(0.1)
            else:
                self._ending.wait(max(0.0, next_at - monotonic()))
            try:
                with self._rolling:
                    if self.worker is worker:
                        self._hand_over(worker, worker.roll())
            except Exception as error:  # a greenlet that dies of it tells nobody, and the run would drain for ever
                self._fail_by("measuring", error)
                return
            self._report_now()

    def _hand_over(self, worker: Worker, delta: Delta) -> None:
        delta.error = MASK.text(delta.error) if delta.error else None
        locust_stats.fold(self.environment.stats, delta, worker.started_epoch)
        if self._take:
            self._take(delta)
        else:
            self._deltas.append(delta)

    def _report(self, data: dict[str, Any], **_: Any) -> None:
        deltas, self._deltas = self._deltas, []
        data["loadkit"] = [delta.pack() for delta in deltas]

    def _report_now(self) -> None:
        """Send one of Locust's reports at once; by itself it sends one each 3 s."""
        if isinstance(self.runner, WorkerRunner):
            data: dict[str, Any] = {}
            self.environment.events.report_to_master.fire(client_id=self.runner.client_id, data=data)
            self.runner.send_message("stats", data)

    # the end

    def _leave(self) -> None:
        """Drain, close and report though the master did not ask for it: this process is being stopped."""
        if self._idle.is_set() or (self._forked and self._ending.wait(DECIDING) and self._idle.wait(10 * LEAVING)):
            return
        deadline = monotonic() + LEAVING
        if self.worker:
            self.worker.end(clock.now_ns())
        while self.worker and self.worker.outstanding() and monotonic() < deadline:
            gevent.sleep(0.02)
        if not self._idle.is_set():
            self._on_close()

    def _watch_master(self, runner: WorkerRunner, parent: int) -> None:
        """End when the master is gone: a forked process gets another parent, a remote one hears no heartbeat.

        Silence is counted in looks, not by the clock: a process that itself stood still has not listened.
        """
        heard, silence = runner.last_heartbeat_timestamp, 0.0
        while True:
            gevent.sleep(LOOK)
            latest = runner.last_heartbeat_timestamp
            silence = silence + LOOK if latest == heard and latest is not None else 0.0
            heard = latest
            if os.getppid() != parent if self._forked else silence >= ORPHANED:
                sys.stderr.write("loadkit: the master is gone, this load process ends\n")
                sys.stderr.flush()
                os._exit(FleetError.exit_code if self._commanded else 1)


def cluster(target: Target, scenario: Scenario, names: Names) -> Cluster:
    """Return what makes lanes."""
    if target.kind == "simulated":
        spec = SimulatedSpec.parse(target.text)
        return MockCluster(target, scenario, names) if spec.mock else SinkCluster(spec, scenario, names)
    return KafkaCluster(target, names)
