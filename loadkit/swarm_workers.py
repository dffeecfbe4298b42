"""Load processes of this machine's own (`--workers N`): started once, they stay from trial to trial.

Each is Locust's own worker of the scenario's file; this process is their master and makes no load itself.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner

from loadkit.boundaries import Options
from loadkit.errors import Interrupted, RunError
from loadkit.scenario import Scenario
from loadkit.swarm import LocalTrials, Settings, Swarm, own_listeners
from loadkit.swarm_users import users_needed

HOST = "127.0.0.1"
STARTING, LEAVING = 60.0, 10.0
"""Seconds in which load processes must have connected; have ended."""


class WorkerTrials(LocalTrials):
    """One trial after the other, the load made by processes of their own."""

    def __init__(self, path: Path, workers: int, *opening: Any) -> None:
        """Open the target as `LocalTrials` does with the other arguments. Raises LoadkitError."""
        super().__init__(*opening)
        self._path, self._count = path, workers
        self._processes: list[subprocess.Popen[bytes]] = []
        self._swarm: Swarm | None = None
        self._listening = ExitStack()
        self._listening.enter_context(own_listeners())
        self._environment = Environment(user_classes=list(self._classes), events=events)
        self._runner = self._environment.create_master_runner(HOST, 0)

    def trial(self, scenario: Scenario, options: Options) -> None:
        """Run one trial and leave its result in `options.out`; raises what ended it early."""
        super().trial(scenario, replace(options, facts={**options.facts, "workers": self._count}))

    def _run(self, settings: Settings) -> None:
        settings.stays = True
        if self._swarm:
            self._swarm.renew(settings, self._open)
        else:
            self._swarm = Swarm(self._environment, settings, self._open, self._runtime)
        self._gather()
        master = self._swarm.master
        assert master
        self._master = master
        try:
            self.hear()
            users = users_needed(self._classes)
            self._runner.start(users, min(users, 100))
            master.concluded.wait()
            self._runner.stop()
        finally:
            self._master = None

    def _gather(self) -> None:
        """Start the load processes that are missing, and return when all are ready."""
        self._processes = [process for process in self._processes if process.poll() is None]
        while len(self._processes) < self._count:
            self._processes.append(self._started())
        begun = monotonic()
        while len(self._runner.clients.ready) < self._count:
            self.hear()
            ended = next((p for p in self._processes if p.poll() is not None), None)
            if ended:
                raise RunError(f"a load process ended with exit code {ended.returncode} before it was ready")
            if monotonic() > begun + STARTING:
                ready = len(self._runner.clients.ready)
                raise RunError(f"only {ready} of {self._count} load processes were ready within {STARTING:.0f} s")
            gevent.sleep(0.05)

    def _started(self) -> subprocess.Popen[bytes]:
        assert isinstance(self._runner, MasterRunner)
        command = [
            sys.executable, "-m", "locust", "-f", str(self._path), "--worker", "--loglevel", "ERROR",
            "--master-host", HOST, "--master-port", str(self._runner.server.port),
        ]  # fmt: skip
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)

    def close(self) -> None:
        """Send the load processes home and take the target away."""
        with suppress(Interrupted):
            self._runner.quit()
        self._dismiss()
        self._listening.close()
        super().close()

    def _dismiss(self) -> None:
        """Return when every load process has ended; one that does not is killed."""
        deadline = monotonic() + LEAVING
        for process in self._processes:
            while process.poll() is None and monotonic() < deadline:
                gevent.sleep(0.05)
            if process.poll() is None:
                process.kill()
                process.wait()
