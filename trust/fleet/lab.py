"""Masters and load processes as a user starts them, plain Locust or `loadkit run`, and what they leave."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

SCENARIO = Path(__file__).parent / "scenario.py"
PATIENCE = 90.0
"""Seconds after which what should have happened has not."""
LOOK = 0.02
"""Seconds between two looks into what a master says: so exactly is timed when it named somebody."""


class Process:
    """A process with a group of its own, everything it says in one file."""

    def __init__(self, log: Path, *words: str, **env: str) -> None:
        """Start `python -m words`."""
        self.log = log
        with log.open("w") as said:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", *words], stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self.log.read_text("utf-8")

    def until(self, true: Callable[[], Any], what: str) -> float:
        """Return the monotonic instant (s) at which something was true; RuntimeError when that does not come."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            if self._popen.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.log}: no word of {what}\n{self.said}")
            time.sleep(LOOK)
        return time.monotonic()

    def until_said(self, text: str) -> float:
        """Return the monotonic instant (s) at which it had said something."""
        return self.until(lambda: text in self.said, text)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def ended(self, limit: float = PATIENCE) -> str:
        """Return what it said, once it has ended in good order; RuntimeError otherwise."""
        code = self._popen.wait(limit)
        if code:
            raise RuntimeError(f"{self.log}: exit code {code}\n{self.said}")
        return self.said

    def gone(self) -> None:
        """Make sure that it and what it started are gone."""
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._popen.wait()


class Fleet:
    """Plain Locust's master and its load processes on this host; used as a context they are gone afterwards."""

    def __init__(self, folder: Path, workers: int, *flags: str, clocks: Mapping[int, str] | None = None) -> None:
        """Start all; `clocks` skews the clock of some by `LOADKIT_CLOCK`, as if they were on other hosts."""
        folder.mkdir(parents=True)
        self.folder, self.out = folder, folder / "out"
        self._flags, self._port, self._stack = flags, str(free_port()), ExitStack()
        self._clocks = clocks or {}
        self.workers: list[Process] = []
        words = ["--master", "--headless", "--expect-workers", str(workers), "--master-bind-port", self._port]
        self.master = self._start("master", *words, LOADKIT_OUT=str(self.out))
        for _ in range(workers):
            self.join()

    def _start(self, name: str, *words: str, **env: str) -> Process:
        made = Process(self.folder / f"{name}.log", "locust", "-f", str(SCENARIO), *words, *self._flags, **env)
        self._stack.callback(made.gone)
        return made

    def join(self) -> Process:
        """Start one more load process."""
        number = len(self.workers)
        env = {"LOADKIT_CLOCK": self._clocks[number]} if number in self._clocks else {}
        made = self._start(f"worker{number}", "--worker", "--master-port", self._port, **env)
        self.workers.append(made)
        return made

    def end(self) -> dict[str, Any]:
        """End the run by Ctrl-C and return its facts."""
        self.master.send(signal.SIGINT)
        self.master.ended()
        found: dict[str, Any] = json.loads((self.out / "result.json").read_text("utf-8"))
        return found

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def free_port() -> int:
    """Return a port that nobody listens at; Locust's master opens the next one too on some platforms."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def pause(seed: int) -> float:
    """Return a random time up to a second: a kill is to meet every phase of the heartbeat."""
    return random.Random(seed).random()
