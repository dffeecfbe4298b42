"""One long run on an embedded cluster of its own, and how much of the disk it and its topic take meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.lab import Say, open_lab
from trust.soak.figures import Sample
from trust.stopping import stopping

SCENARIO = Path(__file__).parent / "steady.py"
RUN, SAMPLES, ASKED = "run", "samples.jsonl", "asked.json"
_WARM, _WARMUP = 20.0, 5.0
"""Seconds in which the broker compiles what matters, and of the run's own warm-up."""
_EVERY = 2.0
"""Seconds between two looks at the disk."""
_END = 45.0
"""Seconds in which a run that is stopped may write what it has."""


def soak(work: Path, asked: Mapping[str, Any], say: Say) -> None:
    """Run the load asked for (`rate`, `seconds`) in place of an earlier one; an interrupt ends it early and keeps it.

    Raises RuntimeError with its last words where the run fails by itself.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    (work / ASKED).write_text(json.dumps(dict(asked)) + "\n", encoding="utf-8")
    with stopping(), open_lab(say, 1.0) as lab:
        lab.warm(_WARM)
        command = [sys.executable, "-m", "loadkit", "run", str(SCENARIO), "--target", str(lab.target), "--json"]
        command += ["--set", f"Source.rate={asked['rate']}/s", "--warmup", f"{_WARMUP:g}s"]
        command += ["--duration", f"{asked['seconds']:g}s", "--out", str(work / RUN)]
        with (work / "output.log").open("w", encoding="utf-8") as log:
            # a session of its own: a Ctrl-C reaches it once, from here
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            try:
                _watch(process, work, lab.cluster.data_dir, say)
            except KeyboardInterrupt:
                say("stopped: what was measured is kept")
            finally:
                _end(process)
    if process.returncode not in (0, 130, 143):
        said = (work / "output.log").read_text("utf-8")[-1000:]
        raise RuntimeError(f"loadkit run ended with exit code {process.returncode}: {said}")


def _watch(process: subprocess.Popen[bytes], work: Path, data: Path, say: Say) -> None:
    """Look at the disk until a process has ended; each sample is on disk at once."""
    begun, told = time.monotonic(), 0.0
    with (work / SAMPLES).open("w", encoding="utf-8") as file:
        while process.poll() is None:
            sample = Sample(time.time(), written([work / RUN]), taken(data.glob("**/*.events-[0-9]*")))
            file.write(json.dumps(asdict(sample)) + "\n")
            file.flush()
            passed = time.monotonic() - begun
            if passed >= told:
                say(f"{passed / 60:.0f} min: files {sample.files / 1e6:.1f} MB, topic {sample.topic / 1e9:.2f} GB")
                told = passed + 60
            try:
                process.wait(_EVERY)
            except subprocess.TimeoutExpired:
                continue


def taken(folders: Iterable[Path]) -> int:
    """Return the bytes that all files below some folders take on disk: of a sparse file what it holds."""
    return sum(stat.st_blocks * 512 for stat in _stats(folders))


def written(folders: Iterable[Path]) -> int:
    """Return the lengths of all files below some folders: what was written, though the disk may have it later."""
    return sum(stat.st_size for stat in _stats(folders))


def _stats(folders: Iterable[Path]) -> Iterator[os.stat_result]:
    for folder in folders:
        for path in folder.rglob("*"):
            try:
                yield path.stat()
            except OSError:  # it went meanwhile
                continue


def read_samples(work: Path) -> list[Sample]:
    """Return the samples in a folder; a torn last line is left out."""
    path, found = work / SAMPLES, []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            found.append(Sample(**json.loads(line)))
        except ValueError:
            continue
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
