"""A command run to its end: what it printed, and what it cost."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TAIL = 2000
_WATCH = 0.1
"""Seconds between two looks at the CPU time of a process that is watched."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One process that ended well."""

    output: str
    cpu: float
    """Seconds of user and system time, its children's included: from `wait4`, so start and end count too."""
    wall: float
    rss: int
    """Largest resident size in bytes."""
    watched: tuple[tuple[float, float], ...] = ()
    """Where it was watched: pairs of a time (seconds since 1970) and the CPU seconds spent until then."""

    def cores(self, start: float, end: float) -> float:
        """Return the CPU seconds a second between two times, by linear interpolation; ValueError where not watched."""
        if not self.watched or end <= start:
            raise ValueError("the process was not watched then")
        return (_at(self.watched, end) - _at(self.watched, start)) / (end - start)


def _at(samples: Sequence[tuple[float, float]], when: float) -> float:
    """Return the CPU time at an instant between samples; that of the nearest one outside of them."""
    before = max((one for one in samples if one[0] <= when), default=samples[0])
    after = min((one for one in samples if one[0] > when), default=before)
    if after[0] <= before[0]:
        return before[1]
    return before[1] + (after[1] - before[1]) * (when - before[0]) / (after[0] - before[0])


def run(command: Sequence[str], folder: Path, watch: bool = False) -> Ran:
    """Return what a command printed on stdout and what it cost; RuntimeError with its last words when it fails.

    With `watch` its CPU time is looked at ten times a second, so that a part of its life can be told from the rest.
    """
    samples: list[tuple[float, float]] = []
    with (
        tempfile.TemporaryFile("w+", dir=folder, encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", dir=folder, encoding="utf-8") as err,
    ):
        begun = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        try:
            status, usage = _watch(process.pid, samples) if watch else os.wait4(process.pid, 0)[1:]
        except BaseException:
            process.terminate()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begun
        printed, said = (_text(file) for file in (out, err))
    if process.returncode:
        raise RuntimeError(
            f"{' '.join(command)[-300:]} ended with {process.returncode}:\n{said[-_TAIL:]}{printed[-_TAIL:]}"
        )
    return Ran(printed, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024, tuple(samples))


def _watch(pid: int, samples: list[tuple[float, float]]) -> tuple[int, Any]:
    """Return exit status and usage of a child once it has ended, its CPU time added to samples until then."""
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        samples.append((time.time(), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")))
        time.sleep(_WATCH)


def _text(file: object) -> str:
    file.seek(0)  # type: ignore[attr-defined]
    return str(file.read())  # type: ignore[attr-defined]


@contextmanager
def beside(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a command beside a block; it is told to end by closing its stdin, and waited for."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        assert process.stdin
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
