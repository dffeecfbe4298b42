"""The process that directs: it opens the target, runs one trial after the other, and is the crew of each.

    to load processes     loadkit_welcome, loadkit_refused, loadkit_plan, loadkit_order, loadkit_end, loadkit_close,
                          loadkit_time, loadkit_again
    from load processes   loadkit_hello, loadkit_joined, loadkit_left, loadkit_failed, loadkit_closed, loadkit_ask,
                          and deltas in Locust's own reports

Instants in messages are of the run's clock, which is this process's (`clock.py`).

A local runner hands messages to itself, so a single process directs and loads at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

from loadkit import clock
from loadkit.agreement import differences, files, mark, terms
from loadkit.boundaries import Options, Progress
from loadkit.delta import Delta
from loadkit.errors import Interrupted, LoadkitError, RunError, UsageError
from loadkit.scenario import Scenario
from loadkit.secrets import MASK
from loadkit.site import OpenTarget, open_target
from loadkit.swarm_clock import answer
from loadkit.target import load_target
from loadkit.trial import Trial
from loadkit.worker import Runtime

CLOSING, HURRIED = 60.0, 3.0
"""Seconds that load processes get to close their clients; in a hurry."""


class Master:
    """Directs the runs of one Locust environment."""

    def __init__(
        self, environment: Environment, scenario: Scenario, settings: Any, runtime: Runtime,
        opened: OpenTarget | None = None,
    ) -> None:  # fmt: skip
        """Listen to Locust's events, and open the target unless it is open; `settings` is `swarm.Settings`.

        Raises LoadkitError.
        """
        self.environment, self.scenario, self.settings, self.runtime = environment, scenario, settings, runtime
        runner = environment.runner
        assert isinstance(runner, LocalRunner | MasterRunner)
        self.runner = runner
        self.trial: Trial | None = None
        self.begun = False
        """Whether Locust has started a run, now or before."""
        self.concluded = Event()
        self._spawned = self._closing = self._hurried = False
        self._given_up: Interrupted | None = None
        self.runs = 0
        """How many runs Locust has started."""
        self._closed: set[str] = set()
        self._welcomed: set[str] = set()
        self._given_up_on: set[str] = set()
        """Load processes that were silent for so long that others took over their share."""
        self._refused: dict[str, UsageError] = {}
        self._open, self._lent = opened, opened is not None
        self._listen()
        if not opened:
            self._open = runtime.call(lambda: open_target(load_target(settings.target), scenario, settings.say))

    def _listen(self) -> None:
        handlers: dict[str, Callable[..., None]] = {
            "hello": self._on_hello, "joined": self._on_joined, "left": self._on_left,
            "failed": self._on_failed, "closed": self._on_closed, "ask": self._on_ask,
        }  # fmt: skip
        for name, heard in handlers.items():
            self.runner.register_message(f"loadkit_{name}", heard)
        on = self.environment.events
        on.test_start.add_listener(self._on_test_start)
        on.test_stopping.add_listener(lambda **_: self.hold())
        on.spawning_complete.add_listener(self._on_spawned)
        on.worker_report.add_listener(self._on_report)
        on.quitting.add_listener(self._on_quitting)
        if isinstance(self.runner, MasterRunner):
            gevent.spawn(self._watch_workers, self.runner)

    def renew(self, scenario: Scenario, settings: Any, opened: OpenTarget) -> None:
        """Let the next run be of another scenario and other settings, on a target that is open."""
        self.scenario, self.settings, self._open = scenario, settings, opened
        self.trial, self._given_up = None, None

    # a run

    def _on_test_start(self, **_: Any) -> None:
        self.begun, self.trial = True, None
        self.runs += 1
        self._spawned = self._closing = self._hurried = False
        self._closed.clear()
        self._given_up_on.clear()
        self.concluded.clear()
        self.settings.failed.clear()
        self.environment.process_exit_code = None
        try:
            self.trial = self._new_trial()
        except Exception as error:  # Locust would log what a listener raises, and go on
            self._note(error)
            self.concluded.set()
            self._stop_locust()
            return
        if self._given_up:
            self.trial.stop(self._given_up)
        self._check_refused()
        gevent.spawn(self._direct, self.trial)  # first: it ends the run whatever becomes of the plan
        self._send_plan(None)

    def _new_trial(self) -> Trial:
        options: Options = self.settings.options(self.scenario)
        progress: Progress = self.settings.progress
        opened = self._open
        assert opened
        site = self.runtime.call(lambda: opened.begin(self.scenario, self.settings.keep_topics))
        return Trial(self.scenario, site, self, options, gevent.sleep, self.runtime.call, gevent.spawn, progress)

    def _direct(self, trial: Trial) -> None:
        try:
            trial.run()
        except Interrupted as error:
            unasked = trial.interrupted is None and self.environment.web_ui is None
            self._note(RunError(f"the time was over too early: {error}") if unasked else error)
        except BaseException as error:  # whoever waits must hear of it, also of a bug of ours
            trial.done = True
            self._note(error)
        try:
            self.runtime.call(lambda: self.settings.finished(trial.options.out))
        except RunError as error:  # the result is on disk; only its page failed, on a full disk as its run did
            if not self.settings.failed:
                self._note(error)
        except Exception as error:
            self._note(RunError(f"the page could not be written: {error!r}"))
        if getattr(self.environment.parsed_options, "csv_prefix", None):
            gevent.sleep(CSV_STATS_INTERVAL_SEC + 0.2)  # Locust writes its CSV files once more, the last second in them
        self.concluded.set()
        if self.settings.commanded or any(not isinstance(error, Interrupted) for error in self.settings.failed):
            self._stop_locust()

    def _note(self, error: BaseException) -> None:
        """Keep and say an error, and make it Locust's exit code; an interruption is none.

        The first one that `loadkit run` ends with is raised there and said by the command.
        """
        raised = self.settings.commanded and not self.settings.failed
        self.settings.failed.append(error)
        if raised:
            return
        text = str(error) if isinstance(error, LoadkitError) else f"a bug in loadkit ({type(error).__name__}: {error})"
        self.settings.say(MASK.text(text if isinstance(error, Interrupted) else f"error: {text}"))
        if not isinstance(error, Interrupted):
            self.environment.process_exit_code = getattr(error, "exit_code", 70)

    def _stop_locust(self) -> None:
        """Stop the run; without a web page or a command that could start another, end the process."""
        if self.settings.stays:
            return  # whoever waits for the end of the run stops it
        if self.environment.web_ui is None:
            gevent.spawn(self.runner.quit)
        else:
            gevent.spawn(self._stop_when_spawned, self.runs)

    def _stop_when_spawned(self, run: int) -> None:
        """Stop once Locust has started all users: stopped in the middle it would go on to start the rest."""
        while not self._spawned and run == self.runs:
            gevent.sleep(0.05)
        if run == self.runs:
            self.runner.stop()

    def hold(self, interrupted: Interrupted | None = None) -> None:
        """End the run in good order, and return when everything is on disk: Locust stops only after that."""
        if self.trial is None or self.concluded.is_set():
            return
        if not self.trial.done:
            self.trial.stop(interrupted)
        self.concluded.wait()

    def give_up(self, interrupted: Interrupted) -> None:
        """Let a run that has no trial yet come to none."""
        self.settings.failed.append(interrupted)
        if self.settings.stays:
            self._given_up = interrupted
        else:
            self.runner.quit()

    def hurry(self) -> None:
        """Stop waiting for what is in flight and for clients that close."""
        self._hurried = True
        if self.trial:
            self.trial.abandon()

    def _on_quitting(self, **_: Any) -> None:
        """Be ended by a signal that Locust handles itself: keep what was measured, then let go of the target."""
        interrupted = Interrupted("stopped: what was measured until now is kept")
        self.hold(interrupted if getattr(self.environment.parsed_options, "run_time", None) else None)
        self.release()

    def release(self) -> None:
        """Take away the target that was opened here."""
        opened, self._open = self._open, None
        if opened and not self._lent:
            self.runtime.call(opened.close)

    # what load processes say

    def _on_spawned(self, **_: Any) -> None:
        self._spawned = True
        counts: dict[str, int] = self.runner.target_user_classes_count
        for workload in self.scenario.workloads:
            asked, there = workload.fixed_count, counts.get(workload.name, 0)
            if there < asked:
                self.settings.say(f"warning: {workload.name} has {there} of the {asked} users that it asks for")
        workers = self.runner.worker_count
        if self.scenario.consumers and min(counts.values(), default=0) < workers and self._simulated():
            self.settings.say(
                "warning: consumers of the simulated sink receive only what their own process produces, "
                f"and not every class has a user in each of the {workers} processes"
            )

    def _simulated(self) -> bool:
        return self._open is not None and self._open.target.kind == "simulated"

    def _on_hello(self, msg: Any, **_: Any) -> None:
        unlike = differences(terms(self.environment.user_classes), msg.data["terms"])
        if unlike:
            self._refuse(msg.node_id, unlike)
            return
        self.runner.send_message(
            "loadkit_welcome", {"pid": os.getpid(), "mark": clock.mark(), **answer(msg.data)}, msg.node_id
        )
        self._welcomed.add(msg.node_id)
        if self.trial and self.trial.connected and not self.trial.done and not self._closing:
            self.settings.say(f"loadkit: {msg.node_id} came late: the run goes on, and it takes its part")
        self._send_plan(msg.node_id)

    def ready(self) -> set[str]:
        """Return the load processes that are like this one and wait for a run."""
        assert isinstance(self.runner, MasterRunner)
        return self._welcomed & {client.id for client in self.runner.clients.ready}

    def refusal(self) -> UsageError | None:
        """Return why a load process that came was sent home; None where none was."""
        return next(iter(self._refused.values()), None)

    def _refuse(self, client_id: str, unlike: str) -> None:
        """Send a load process home that is unlike this one."""
        text = f"load process {client_id} has {unlike}; give all hosts the same loadkit and the same scenario file"
        self.runner.send_message("loadkit_refused", {"text": text}, client_id)
        self.settings.say(f"warning: {text}")
        self._refused[client_id] = UsageError(text)
        self._check_refused()

    def _check_refused(self) -> None:
        """Let no run begin that Locust has counted a refused process for."""
        counted = self._refused.keys() & _alive(self.runner) if isinstance(self.runner, MasterRunner) else set()
        if counted and self.trial and not self.trial.connected:
            self.trial.fail(self._refused[min(counted)])

    def _on_ask(self, msg: Any, **_: Any) -> None:
        self.runner.send_message("loadkit_time", answer(msg.data), msg.node_id)

    def _send_plan(self, client_id: str | None) -> None:
        """Send what a load process needs to know of the run: names of targets, so that each reads secrets itself."""
        if self.trial is None or self.trial.done or self._closing:
            return
        assert self._open
        assert self._open.site
        names, built_in = self._open.site.names, self._open.cluster
        plan = {
            "run": names.run, "run_id": names.run_id, "topics": dict(names.topics), "groups": dict(names.groups),
            "target": self.settings.target, "bootstrap": self._open.bootstrap, "client": self._open.client,
            "mark": mark(self._open.target),
            "cpus": sorted(built_in.generator_cpus) if built_in and built_in.generator_cpus else None,
            "scenario": self.scenario.model_dump(mode="json") if isinstance(self.runner, MasterRunner) else None,
            "files": files(self.scenario) if isinstance(self.runner, MasterRunner) else {},
        }  # fmt: skip
        self.runner.send_message("loadkit_plan", plan, client_id)

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
        """Hear that a load process has reported for the last time; unasked for, it was stopped on its own."""
        worker = msg.data["worker"]
        if not self._closing and worker not in self._closed:
            self._gone(worker, "was stopped")
        self._closed.add(worker)

    def _on_report(self, data: dict[str, Any], **_: Any) -> None:
        for packed in data.get("loadkit", ()):
            self.take(Delta.unpack(packed))
        gevent.sleep(0)  # while messages wait, Locust reads one after the other, and nobody else would have a turn

    def take(self, delta: Delta) -> None:
        """Take what a load process measured."""
        if self.trial:
            self.trial.take(delta)

    def _watch_workers(self, runner: MasterRunner) -> None:
        known: set[str] = set()
        while True:
            gevent.sleep(0.25)
            alive = _alive(runner)
            for worker in known - alive - self._closed:
                if worker in runner.clients and self.trial and not self.trial.done:
                    self._given_up_on.add(worker)
                self._gone(worker, "died")
                self._closed.add(worker)
            for worker in alive & self._given_up_on:
                self._take_back(worker)
            known = alive

    def _take_back(self, worker: str) -> None:
        """Let a load process that is heard again take part anew: its share ended where others took it over."""
        self._given_up_on.discard(worker)
        self._closed.discard(worker)
        self.settings.say(f"loadkit: load process {worker} is heard again, and takes its part anew")
        self.runner.send_message("loadkit_again", {}, worker)

    def _gone(self, worker: str, how: str) -> None:
        """Go on without a load process: its share is named, and what it would still have reported is not waited for."""
        trial = self.trial
        if trial is None or trial.done:
            return
        trial.lost(worker, how)
        self.settings.say(f"warning: {trial.notes[-1]['text']}")
        if not trial.connected:
            trial.fail(RunError(f"load process {worker} {how} before the load began"))

    # the trial's crew

    def expected(self) -> int:
        """Return how many of our users there are to be; one more than there are until Locust has started all."""
        if not self._spawned:
            return len(self.trial.users) + 1 if self.trial else 1
        ours = {workload.name for workload in self.scenario.workloads}
        counts: dict[str, int] = self.runner.target_user_classes_count
        return max(1, sum(count for name, count in counts.items() if name in ours))

    def order(self, order: dict[str, Any]) -> None:
        """Send a schedule to every process."""
        if order["epoch"] and self.trial:
            self.settings.say(f"loadkit: {self.trial.notes[-1]['text']}")
        self.runner.send_message("loadkit_order", order)

    def end(self, at_ns: int) -> None:
        """Tell every process when the measured schedule ends."""
        self.runner.send_message("loadkit_end", {"at_ns": at_ns})

    def close(self) -> None:
        """Have every process close its clients and report for the last time; returns when the living have."""
        self._closing = True
        self.runner.send_message("loadkit_close", {})
        if not isinstance(self.runner, MasterRunner):
            return
        begun = monotonic()
        while _alive(self.runner) - self._closed and monotonic() < begun + (HURRIED if self._hurried else CLOSING):
            gevent.sleep(0.02)


def _alive(runner: MasterRunner) -> set[str]:
    return {client.id for client in runner.clients.all if client.state != "missing"}
