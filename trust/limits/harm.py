"""What is done to a trial: context managers around it that slow its generator or its cluster, and undo that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.process import beside
from loadkit.result import SERIES
from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster
from trust.proxy.behaviour import Behaviour

HOG = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(100_000))"
"""Busy until it is ended, or until whoever started it has ended."""
LOOK = 0.1
"""Seconds between two looks at what a trial has written."""


@dataclass(slots=True)
class Run:
    """The command under way, as what harms it sees it."""

    out: Path
    process: subprocess.Popen[str]

    def phase(self) -> str:
        """Return the phase of the last row that it wrote."""
        series = self.out / SERIES
        lines = series.read_text("utf-8").splitlines()[-5:] if series.exists() else []
        for line in reversed(lines):
            with suppress(ValueError):
                return str(json.loads(line)["phase"])
        return ""


Harm = Callable[[Run], None]
"""Does something to a run in a thread of its own; returns when the run is over."""


@contextmanager
def hogs(cpus: Sequence[int], each: int) -> Iterator[None]:
    """Keep cores busy beside a block: so many processes each, in sessions of their own.

    Linux shares a core among sessions before it shares it among the processes of one (autogroup).
    """
    with ExitStack() as stack:
        for cpu in [cpu for cpu in cpus for _ in range(each)]:
            one = subprocess.Popen([sys.executable, "-S", "-c", HOG], start_new_session=True)
            stack.callback(_end, one)
            os.sched_setaffinity(one.pid, {cpu})
        yield


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@contextmanager
def through_proxy(cluster: EmbeddedCluster, delay: float = 0.0, bandwidth: float = 0.0) -> Iterator[str]:
    """Run the proxy beside a block, on the cores of the brokers; give its address."""
    broker = cluster.bootstrap.rpartition(":")[2]
    behaviour = str(Behaviour(delay, bandwidth=bandwidth))
    with beside([sys.executable, "-m", "trust.proxy", os.devnull, behaviour, broker]) as process:
        assert process.stdout
        yield f"127.0.0.1:{int(process.stdout.readline())}"


@contextmanager
def quota(cluster: EmbeddedCluster, rate: int) -> Iterator[None]:
    """Let clients produce so many bytes a second, by Kafka's own command."""
    _quota(cluster, "--add-config", f"producer_byte_rate={rate}")
    try:
        yield
    finally:
        _quota(cluster, "--delete-config", "producer_byte_rate")


def _quota(cluster: EmbeddedCluster, *change: str) -> None:
    command = [*embedded.java_command(), "kafka.admin.ConfigCommand", "--bootstrap-server", cluster.bootstrap]
    command += ["--alter", *change, "--entity-type", "clients", "--entity-default"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)


def bursts(pids: Callable[[Run], Sequence[int]], stopped: float, running: float) -> Harm:
    """Return what stops processes again and again for so many seconds while a run is under load."""

    def harm(run: Run) -> None:
        over = threading.Event()
        while run.process.poll() is None and not over.is_set():
            phase = run.phase()
            if phase == "drain":
                return
            if not phase:
                over.wait(LOOK)
                continue
            over.wait(running)
            _stopped(run, pids(run), stopped)

    return harm


def _stopped(run: Run, pids: Sequence[int], seconds: float) -> None:
    """Stop processes for so long, or until the run's measured phase is over."""
    try:
        for pid in pids:
            with suppress(ProcessLookupError):  # the run has just ended
                os.kill(pid, signal.SIGSTOP)
        waited, pause = 0.0, threading.Event()
        while waited < seconds and run.process.poll() is None and run.phase() != "drain":
            step = min(LOOK, seconds - waited)
            pause.wait(step)
            waited += step
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
