"""Runs of known processes, their intervals, and how many of these hold the truth.

A cell is one process at one run length. What a quantile's run holds in evidence is counted in effective blocks:

    blocks = seconds / tau x min(1, 3 / kappa)

tau is the integrated autocorrelation time (s) of the messages beyond the true quantile, second by second; kappa is the
kurtosis of their sums over blocks of tau: 3 where all blocks weigh alike, large where a few of them (rare stalls)
bring nearly all that varies. Both are properties of the process, taken from `LONG` runs that no interval sees.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from loadkit.intervals import Interval, quantile_intervals
from loadkit.summary import BEYOND
from trust.intervals.processes import PROCESSES, Process, Run

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
SECONDS = (15, 30, 60, 120, 300, 600, 1200)
RUNS = 2000
LONG = (400, 1200)
"""Runs and their seconds from which the truth about a process's evidence is taken."""
ENOUGH = 60
"""Effective blocks from which coverage is judged."""
CLAIMED = 0.92
"""Coverage that intervals of 95 % must have there."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """How much a process's runs can tell of one quantile."""

    quantile: float
    """True, in µs."""
    time: float
    """Integrated autocorrelation time, s."""
    kurtosis: float
    seen: float
    """Share of all messages of the long runs that are at most so long; it checks `quantile`."""
    error: float
    """Standard error of `seen`."""

    def blocks(self, seconds: float) -> float:
        """Return the effective blocks of a run."""
        return seconds / self.time * min(1.0, 3 / self.kurtosis)


@dataclass(frozen=True, slots=True)
class Row:
    """One quantile of a cell."""

    process: str
    quantile: str
    seconds: int
    blocks: float
    runs: int
    """Runs with ten or more values beyond the quantile; in others it is not even shown."""
    given: int
    """Of these, runs that gave an interval."""
    held: int
    """Of these, intervals that held the truth."""
    told: float | None
    """Effective blocks as the runs themselves tell (median)."""
    width: float | None
    """Median of the interval's upper end over its lower one, less 1."""

    @property
    def coverage(self) -> tuple[float, float, float]:
        """Share of the given intervals that hold the truth, and its 95 % interval (Clopper and Pearson)."""
        around = stats.binomtest(self.held, self.given).proportion_ci(0.95)
        return self.held / self.given, float(around.low), float(around.high)

    @property
    def judged(self) -> bool:
        """Whether the claim holds for it."""
        return self.blocks >= ENOUGH and self.given > 0

    @property
    def kept(self) -> bool:
        """Whether the coverage is at least what is claimed: the lower end of its interval is.

        With fewer runs than `RUNS`, which cannot prove it, whether the upper end is: they do not refute it.
        """
        _, low, high = self.coverage
        return (low if self.runs >= RUNS else high) >= CLAIMED

    def facts(self) -> dict[str, object]:
        """Return the row as it stands in the file of figures."""
        share = [round(end, 4) for end in self.coverage] if self.given else None
        verdict = {"coverage": share, "judged": self.judged} | ({"kept": self.kept} if self.judged else {})
        return {**asdict(self), **verdict}


def evidence(name: str) -> dict[str, Evidence]:
    """Return what is true of each quantile of a process."""
    process, rng = PROCESSES[name], _rng(name, 0)
    truth = {label: process.quantile(q) for label, q in QUANTILES.items()}
    runs, seconds = LONG
    beyond: dict[str, list[Floats]] = {label: [] for label in QUANTILES}
    messages: list[Floats] = []
    for _ in range(runs):
        run = process.run(seconds, rng)
        messages.append(_by_second(run, seconds))
        for label, latency in truth.items():
            beyond[label].append(_by_second(run, seconds, latency))
    return {label: _evidence(truth[label], q, np.array(messages), np.array(beyond[label]))
            for label, q in QUANTILES.items()}  # fmt: skip


def _by_second(run: Run, seconds: int, least: float = -1.0) -> Floats:
    """Return the messages of each second that took longer than `least` µs."""
    return np.bincount(run.second[run.latency > least], minlength=seconds)[:seconds].astype(float)


def _evidence(truth: float, q: float, messages: Floats, beyond: Floats) -> Evidence:
    off = beyond - (1 - q) * messages
    sums = off.sum(axis=1)
    time = max(float(sums.var() / (off.shape[1] * (off**2).mean())), 1.0)
    blocks = _sums(off, int(np.ceil(time)))
    error = float(sums.std() / np.sqrt(len(sums)) / messages.sum(axis=1).mean())
    kurtosis = float((blocks**4).mean() / (blocks**2).mean() ** 2)
    return Evidence(truth, time, kurtosis, float(1 - beyond.sum() / messages.sum()), error)


def _sums(rows: Floats, length: int) -> Floats:
    """Return the sums of whole blocks of each row."""
    whole = rows.shape[1] // length * length
    return rows[:, :whole].reshape(len(rows), -1, length).sum(axis=2)


def cell(name: str, seconds: int, runs: int, known: Mapping[str, Evidence]) -> list[Row]:
    """Return how often the intervals of each quantile held the truth."""
    process, rng = PROCESSES[name], _rng(name, seconds)
    shown, given, held = (dict.fromkeys(QUANTILES, 0) for _ in range(3))
    told: dict[str, list[float]] = {label: [] for label in QUANTILES}
    widths: dict[str, list[float]] = {label: [] for label in QUANTILES}
    for _ in range(runs):
        for label, one in _told(process, seconds, rng).items():
            shown[label] += 1
            told[label].append(one.blocks)
            if one.ends:
                low, high = one.ends
                given[label] += 1
                held[label] += low <= round(known[label].quantile) / 1e6 <= high
                widths[label].append(high / low - 1)
    return [
        Row(name, label, seconds, round(known[label].blocks(seconds), 1), shown[label], given[label], held[label],
            _median(told[label]), _median(widths[label]))
        for label in QUANTILES if shown[label]
    ]  # fmt: skip


def _told(process: Process, seconds: int, rng: np.random.Generator) -> dict[str, Interval]:
    """Return the interval of each quantile that a run would show."""
    run = process.run(seconds, rng)
    carried = {label: q for label, q in QUANTILES.items() if q <= 0.5 or len(run.latency) * (1 - q) >= BEYOND - 1e-6}
    found = quantile_intervals(run.track, list(carried.values()))
    return dict(zip(carried, found, strict=True))


def _median(values: list[float]) -> float | None:
    return round(float(np.median(values)), 4) if values else None


def _rng(name: str, seconds: int) -> np.random.Generator:
    """Return the random numbers of a cell: its own, whatever cells were made before."""
    return np.random.default_rng([zlib.crc32(name.encode()), seconds])
