"""Plain Locust as a user runs it: in a process group of its own, with a time limit, what it left read back."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from hdrh.histogram import HdrHistogram
from running import ENV, ROOT, give_way

from loadkit.pacer import pacer
from loadkit.shapes import Constant

ORDERS = ROOT / "scenarios" / "orders.py"
LOCUSTS_OWN = re.compile(r"Traceback(?:(?!Traceback)[\s\S])*?stats_writer(?:(?!Traceback)[\s\S])*?closed file\.\n")
"""With --csv and --processes Locust may write once more into files that it has closed; its exit code is not touched."""
PATIENCE = 100.0
"""Seconds after which what should have happened has not: generous, for loaded machines."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A Locust that has ended, and what it left."""

    code: int
    said: str
    """stdout and stderr."""
    out: Path

    @property
    def result(self) -> dict[str, Any]:
        """`result.json`."""
        return json.loads((self.out / "result.json").read_text())  # type: ignore[no-any-return]

    @property
    def errors(self) -> list[str]:
        """The lines that begin like one of our errors."""
        return [line for line in self.said.splitlines() if line.startswith("error:")]

    def in_order(self) -> Ended:
        """Return itself if it ended with 0 and without a traceback."""
        assert self.code == 0, f"exit code {self.code}\n{self.said}"
        return self.clean()

    def clean(self) -> Ended:
        """Return itself if it printed no traceback."""
        said = LOCUSTS_OWN.sub("", self.said)
        assert "Traceback" not in said, said
        return self


class Locust:
    """A Locust under way; `processes` and workers of its own group end with it."""

    def __init__(self, out: Path, *arguments: str, file: Path = ORDERS, **env: str) -> None:
        """Start `locust -f file`; everything it says goes into one file beside `out`."""
        self.out, self._log = out, Path(f"{out}.log")
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "locust", "-f", str(file), *arguments], cwd=out.parent, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env={**ENV, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "LOADKIT_OUT": str(out),
                     "LOADKIT_STATE": str(out.parent / "state"), **env},
            )  # fmt: skip
        give_way(self.process.pid)

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self._log.read_text()

    def until(self, true: Callable[[], Any], what: str, limit: float = PATIENCE) -> None:
        """Return when something is true; fail when the process ends or the time is over before."""
        wait(lambda: true() or self.process.poll() is not None, lambda: f"not {what}\n{self.said}", limit)
        assert true(), f"ended with {self.process.returncode}, not {what}\n{self.said}"

    def until_measuring(self, seconds: float = 0.0) -> Locust:
        """Return itself once it has measured for so long, give or take a second."""
        self.until(lambda: "loadkit: measure" in self.said, "measuring")
        time.sleep(seconds)
        return self

    def group(self, number: signal.Signals) -> None:
        """Send a signal to every process of its group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def children(self) -> list[int]:
        """Return the process ids of its own children."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in path.read_text().split()]

    def ended(self, limit: float = PATIENCE) -> Ended:
        """Return what it left, once it has ended."""
        try:
            code = self.process.wait(limit)
        finally:
            self.kill()
        return Ended(code, self.said, self.out)

    def kill(self) -> None:
        """Make sure that it and its group are gone."""
        try:
            self.group(signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


def wait(true: Callable[[], Any], what: Callable[[], str], limit: float = PATIENCE) -> float:
    """Return how many seconds it took until something was true; fail when the time is over before."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() < begun + limit, what()
        time.sleep(0.05)
    return time.monotonic() - begun


def alive(pid: int) -> bool:
    """Return whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def processes(n: int) -> list[str]:
    """Return the flags of n forked processes and a port of their own."""
    port = str(free_port())
    return ["--processes", str(n), "--master-bind-port", port, "--master-port", port]


def write(path: Path, text: str) -> Path:
    """Write a file and return its path."""
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def sets(*assignments: str) -> list[str]:
    """Return `--set` flags."""
    return [word for text in assignments for word in ("--set", text)]


def histograms(out: Path) -> dict[str, HdrHistogram]:
    """Return each series of the log of histograms as one, warm-up included, read by another library than ours."""
    found: dict[str, HdrHistogram] = {}
    for line in (out / "histograms.hlog").read_text().splitlines():
        if line.startswith("Tag="):
            tag, *_, encoded = line.removeprefix("Tag=").split(",")
            whole = found.setdefault(tag.rpartition(":")[2], HdrHistogram(1, 3_600_000_000, 3))
            whole.add(HdrHistogram.decode(encoded))
    return found


def recorded(out: Path) -> dict[str, int]:
    """Return how many values of each series the log of histograms holds, warm-up included."""
    return {series: whole.get_total_count() for series, whole in histograms(out).items()}


def csv_counts(prefix: Path) -> dict[str, int]:
    """Return Locust's request counts by name from its CSV file."""
    with Path(f"{prefix}_stats.csv").open() as file:
        return {row["Name"]: int(row["Request Count"]) for row in csv.DictReader(file)}


def html_counts(path: Path) -> dict[str, int]:
    """Return Locust's request counts by name from its HTML page."""
    found = re.search(r"window\.templateArgs = (\{.*\})", path.read_text())
    assert found
    return {row["name"]: row["num_requests"] for row in json.loads(found[1])["requests_statistics"]}


def measured(result: Mapping[str, Any]) -> float:
    """Return the length of the measured phase in seconds."""
    phase = next(phase for phase in result["phases"] if phase["name"] == "measure")
    return float(phase["end"] - phase["start"])


def scheduled(rate: float, seconds: float) -> range:
    """Return how many messages a class schedule has in so many seconds: the phase is known to a microsecond."""
    whole = pacer(rate, Constant(), "even", 0, 1, 1)
    return range(whole.due(round((seconds - 2e-6) * 1e9)), whole.due(round((seconds + 2e-6) * 1e9)) + 1)


class Page:
    """Locust's web UI by its HTTP API."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}"

    def text(self, path: str, **form: Any) -> str:
        """Return what a path answers to GET, or to POST when there is a form."""
        data = urlencode(form).encode() if form else None
        with urllib.request.urlopen(f"{self._root}{path}", data, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def json(self, path: str, **form: Any) -> Any:
        """Return the same, read as JSON."""
        return json.loads(self.text(path, **form))

    def up(self) -> bool:
        """Return whether it answers."""
        try:
            return bool(self.text("/"))
        except OSError:
            return False

    def stats(self) -> dict[str, dict[str, Any]]:
        """Return the rows of /stats/requests by name."""
        return {row["name"]: row for row in self.json("/stats/requests")["stats"]}
