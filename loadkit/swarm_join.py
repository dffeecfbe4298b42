"""`loadkit worker`: a load process on any machine, which joins a master, makes its share of the load, and ends with it.

It brings the scenario's file; rates, settings and the step to the next trial come from the master. Secrets of the
target are read here, from this machine's environment and files: the master sends the target's name alone.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.runners import WorkerRunner

from loadkit import swarm_guard
from loadkit.boundaries import Options
from loadkit.errors import FleetError, Interrupted
from loadkit.scenario import Scenario
from loadkit.scenario_file import ScenarioFile
from loadkit.site import Say
from loadkit.swarm import Settings, Swarm, mind_logs
from loadkit.swarm_runtime import end_main
from loadkit.units import format_duration

EACH = 0.5
"""Seconds between two tries to reach the master."""
BEFORE, AFTER = "no master was joined", "what was measured until now has been reported"
LEAST = 10.0
"""Seconds that a master which is reached gets to answer, at least."""


def join(file: ScenarioFile, host: str, port: int, token: str, wait: float, say: Say) -> None:
    """Make load for a master until it ends.

    Raises FleetError when it cannot be reached within `wait` seconds, does not take this process or is unlike it;
    Interrupted on SIGTERM and KeyboardInterrupt on Ctrl-C, when what was measured has been reported.
    """
    if token:
        swarm_guard.guard(token)
    mind_logs()
    environment = Environment(user_classes=list(file.classes), events=events)
    with _heard(signal.SIGTERM, BEFORE), _heard(signal.SIGINT, BEFORE):
        runner = _joined(environment, host, port, bool(token), wait)
    with _heard(signal.SIGTERM, AFTER):
        Swarm(environment, _settings(file.scenario, say))
        say(f"joined the master at {host}:{port} as {runner.client_id}: it directs, and this process ends with it")
        try:
            runner.greenlet.join()
        finally:
            environment.events.quitting.fire(environment=environment, reverse=True)
            runner.quit()
            _told(runner)


def _told(runner: WorkerRunner) -> None:
    """Return when what was said last is on its way to the master, or it has not taken it for a second."""
    context = runner.client.socket.context
    runner.client.close(linger=1000)
    context.term()


@contextmanager
def _heard(number: signal.Signals, text: str) -> Iterator[None]:
    """Raise Interrupted in the main greenlet when a signal comes meanwhile; a second one ends it where it is."""
    error = Interrupted(f"interrupted: {text}")
    error.exit_code = 128 + number
    handler = gevent.signal_handler(number, partial(end_main, error))
    try:
        yield
    finally:
        handler.cancel()


def _joined(environment: Environment, host: str, port: int, token: bool, wait: float) -> WorkerRunner:
    begun = monotonic()
    _reach(host, port, wait)
    left = max(LEAST, wait - (monotonic() - begun))
    late = gevent.Timeout(left)
    late.start()
    try:
        return environment.create_worker_runner(host, port)
    except (gevent.Timeout, ConnectionError) as error:
        if isinstance(error, gevent.Timeout) and error is not late:
            raise
        other = "has it the same token?" if token else "has it a token, which is to be given here as well?"
        raise FleetError(
            f"{host}:{port} is reached but did not answer within {format_duration(left)}: is it a loadkit run with "
            f"--expect-workers, and {other}"
        ) from None
    finally:
        late.close()


def _reach(host: str, port: int, wait: float) -> None:
    """Return when something listens there."""
    begun = monotonic()
    while True:
        try:
            socket.create_connection((host, port), timeout=max(EACH, min(5.0, wait))).close()
            return
        except OSError as error:
            if monotonic() + EACH > begun + wait:
                raise FleetError(
                    f"no master at {host}:{port} within {format_duration(wait)} ({error.strerror or error}): start "
                    "`loadkit run SCENARIO --expect-workers N --master-bind HOST:PORT`, and give --master its address"
                ) from None
        gevent.sleep(EACH)


def _settings(scenario: Scenario, say: Say) -> Settings:
    """Return settings of a process that opens no target: those of a run come from the master."""

    def options(_: Scenario) -> Options:
        raise AssertionError("a load process makes no trial of its own")

    return Settings(target="", options=options, change=lambda same: same, progress=_silent, say=say, scenario=scenario)


def _silent(*_: Any) -> None:
    """Show no progress: the master does."""
