"""Load processes of their own: gathered once for a command, they stay from trial to trial and from target to target.

Those of this machine (`--workers N`) are started here, each Locust's own worker of the scenario's file; those of a
fleet (`--expect-workers N`) are `loadkit worker` on any machine. This process is their master and makes no load itself.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from time import monotonic
from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import MasterRunner

from loadkit import swarm_guard
from loadkit.boundaries import Options
from loadkit.errors import FleetError, Interrupted, UsageError
from loadkit.hands import Hands
from loadkit.scenario_file import ScenarioFile
from loadkit.site import OpenTarget, Say
from loadkit.swarm import LocalTrials, Settings, Swarm, own_listeners
from loadkit.swarm_master import Master
from loadkit.swarm_users import users_needed
from loadkit.units import format_duration
from loadkit.worker import Runtime

STARTING, AGAIN, LEAVING = 60.0, 60.0, 10.0
"""Seconds in which our own load processes must have connected; in which a fleet's that is gone must have been replaced
before another trial; in which ours must have ended."""


class Fleet:
    """The load processes of one command."""

    def __init__(self, file: ScenarioFile, who: Hands, say: Say) -> None:
        """Listen for them. Raises UsageError where that cannot be."""
        self._file, self._who, self._say = file, who, say
        self._processes: list[subprocess.Popen[bytes]] = []
        self._swarm: Swarm | None = None
        self._gathered = False
        self._listening = ExitStack()
        self._listening.enter_context(own_listeners())
        self.environment = Environment(user_classes=list(file.classes), events=events)
        if who.token:
            swarm_guard.guard(who.token)
        self.runner = self._listener()
        self.runner.register_message("loadkit_hello", lambda **_: None)  # until there is a target, nobody answers

    def _listener(self) -> MasterRunner:
        who = self._who
        try:
            if who.port:
                socket.create_server((who.host.replace("*", ""), who.port), family=_family(who.host)).close()
            return self.environment.create_master_runner(who.host, who.port)
        except (OSError, RPCError, SystemExit) as error:
            why = getattr(error, "strerror", None) or error
            raise UsageError(
                f"--master-bind {who.host}:{who.port}: {why}; give an address of this machine and a free port"
            ) from None

    @property
    def place(self) -> str:
        """Where it listens."""
        return f"{self._who.host}:{self.runner.server.port}"

    def master(self, settings: Settings, opened: OpenTarget, runtime: Runtime) -> Master:
        """Return what directs the next run, which is of these settings on this target."""
        settings.stays = True
        if self._swarm:
            self._swarm.renew(settings, opened)
        else:
            self.runner.custom_messages.pop("loadkit_hello")
            self._swarm = Swarm(self.environment, settings, opened, runtime)
        assert self._swarm.master
        return self._swarm.master

    def gather(self, master: Master, hear: Callable[[], None]) -> int:
        """Return how many load processes there are, when all that there are to be are ready.

        `hear` raises the interruption that has come. Raises FleetError when they do not come, with the exit code of a
        UsageError when one that came instead is unlike this process.
        """
        self._start_own()
        needed, told, begun = self._who.others, -1, monotonic()
        limit = STARTING if self._who.own else AGAIN if self._gathered else self._who.within
        while (there := len(master.ready())) < needed:
            hear()
            self._check_own()
            if not self._gathered and (unlike := master.refusal()):
                error = FleetError(str(unlike))
                error.exit_code = UsageError.exit_code
                raise error
            if monotonic() > begun + limit:
                raise self._too_few(there, limit)
            if self._who.expected and there != told:
                self._say(f"{there} of {needed} load processes are ready{f'; {self._way()}' if told < 0 else ''}")
                told = there
            gevent.sleep(0.05)
        self._gathered = True
        return there

    def _way(self) -> str:
        token = " and the token" if self._who.token else ""
        return (
            f"waiting at {self.place}: `loadkit worker {self._file.path} --master HOST:PORT` with this address{token}"
        )

    def _too_few(self, there: int, limit: float) -> FleetError:
        few = f"only {there} of {self._who.others} load processes were ready within {format_duration(limit)}"
        return FleetError(few if self._who.own else f"{few}; {self._way()}")

    def _start_own(self) -> None:
        self._processes = [process for process in self._processes if process.poll() is None]
        while len(self._processes) < self._who.own:
            self._processes.append(self._started())

    def _check_own(self) -> None:
        ended = next((process for process in self._processes if process.poll() is not None), None)
        if ended:
            raise FleetError(f"a load process ended with exit code {ended.returncode} before it was ready")

    def _started(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable, "-m", "locust", "-f", str(self._file.path), "--worker", "--loglevel", "ERROR",
            "--master-host", self._who.host, "--master-port", str(self.runner.server.port),
        ]  # fmt: skip
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)

    def close(self) -> None:
        """Send the load processes home."""
        with suppress(Interrupted):
            self.runner.quit()
        deadline = monotonic() + LEAVING
        for process in self._processes:
            while process.poll() is None and monotonic() < deadline:
                gevent.sleep(0.05)
            if process.poll() is None:
                process.kill()
                process.wait()
        self.runner.server.close(linger=int(1000 * LEAVING))
        self._listening.close()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class WorkerTrials(LocalTrials):
    """One trial after the other on one target, the load made by processes of their own."""

    def __init__(self, fleet: Fleet, *opening: Any) -> None:
        """Open the target as `LocalTrials` does with the other arguments. Raises LoadkitError."""
        super().__init__(*opening)
        self._fleet = fleet

    def _run(self, settings: Settings) -> None:
        master = self._fleet.master(settings, self._open, self._runtime)
        count = self._fleet.gather(master, self.hear)
        asked = settings.options
        settings.options = lambda scenario: _with_facts(asked(scenario), count)
        self._master = master
        try:
            self.hear()
            users, before = users_needed(self._classes), master.runs
            self._fleet.runner.start(users, min(users, 100))
            if master.runs == before:
                raise FleetError("every load process left just before the run began")
            master.concluded.wait()
            self._fleet.runner.stop()
        finally:
            self._master = None


def _with_facts(options: Options, count: int) -> Options:
    return replace(options, facts={**options.facts, "workers": count})
