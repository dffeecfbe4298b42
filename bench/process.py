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

_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Ran:
    """One process that ended well."""

    output: str
    cpu: float
    """Seconds of user and system time, its children's included: from `wait4`, so start and end count too."""
    wall: float
    rss: int
    """Largest resident size in bytes."""


def run(command: Sequence[str], folder: Path) -> Ran:
    """Return what a command printed on stdout and what it cost; RuntimeError with its last words when it fails."""
    with (
        tempfile.TemporaryFile("w+", dir=folder, encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", dir=folder, encoding="utf-8") as err,
    ):
        begun = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        try:
            _, status, usage = os.wait4(process.pid, 0)
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
    return Ran(printed, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)


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
