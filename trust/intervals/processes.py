"""Made-up latencies whose true quantiles are known, second by second, as the histograms of a run would have them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, signal, sparse, special

from loadkit.histogram import bounds, indices
from loadkit.result import Track

RATE = 250
"""Messages a second."""
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Run:
    """Messages of one run: the second in which each latency became known, and the latency in µs."""

    second: Ints
    latency: Floats

    @property
    def track(self) -> Track:
        """The run as a trial would have recorded it."""
        messages = np.bincount(self.second)
        seconds = np.flatnonzero(messages)
        order = np.argsort(self.second.astype(np.int16), kind="stable")  # short numbers sort faster
        latency = np.rint(self.latency[order]).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(messages[seconds])])
        shape = (len(seconds), len(bounds()[0]))
        counts = sparse.csr_array((np.ones(len(latency)), indices(latency), starts), shape=shape)
        return Track("Made.latency", seconds, counts, np.maximum.reduceat(latency, starts[:-1]).astype(float))


class Process(ABC):
    """A stationary process of latencies."""

    @abstractmethod
    def run(self, seconds: int, rng: np.random.Generator) -> Run:
        """Return what the messages due in so many seconds took."""

    @abstractmethod
    def share(self, latency: float) -> float:
        """Return the true share of messages that take at most so long (µs)."""

    def quantile(self, q: float) -> float:
        """Return the true quantile in µs, to a millionth of itself."""
        found = optimize.brentq(lambda log: self.share(np.exp(log)) - q, np.log(10), np.log(1e9), xtol=1e-6)
        return float(np.exp(found))


@dataclass(frozen=True, slots=True)
class Level(Process):
    """Lognormal latencies whose log level keeps its value for a time: an autoregression of order one over seconds."""

    time: float
    """Seconds in which a deviation of the level fades to 1/e."""
    median: float = 2000.0
    swing: float = 0.5
    """Standard deviation of the log level."""
    noise: float = 0.5
    """Standard deviation of the log of one latency around its second's level."""

    def run(self, seconds: int, rng: np.random.Generator) -> Run:
        kept = np.exp(-1 / self.time)
        steps = rng.standard_normal(seconds) * self.swing
        steps[1:] *= np.sqrt(1 - kept**2)
        level = np.repeat(signal.lfilter([1.0], [1.0, -kept], steps), RATE)
        latency = self.median * np.exp(level + self.noise * rng.standard_normal(seconds * RATE))
        return Run(np.repeat(np.arange(seconds), RATE), latency)

    def share(self, latency: float) -> float:
        return float(special.ndtr(np.log(latency / self.median) / np.hypot(self.swing, self.noise)))


@dataclass(frozen=True, slots=True)
class Stalls(Process):
    """Now and then everything stops for a while of random length: a message due meanwhile waits for its end.

    Stalls begin as a Poisson process and last exponentially long; they may overlap. A latency becomes known when its
    message is confirmed, so a stall's second is empty and the next one is full.
    """

    every: float
    """Mean seconds from the beginning of a stall to that of the next."""
    lasting: float
    """Mean seconds of a stall."""
    median: float = 2000.0
    noise: float = 0.3

    def run(self, seconds: int, rng: np.random.Generator) -> Run:
        before = 20 * self.lasting
        begins = np.sort(rng.uniform(-before, seconds, rng.poisson((seconds + before) / self.every)))
        ends = np.maximum.accumulate(np.concatenate([[-before], begins + rng.exponential(self.lasting, len(begins))]))
        due = (np.arange(seconds * RATE) + rng.uniform()) / RATE
        waited = np.maximum(ends[np.searchsorted(begins, due, "right")] - due, 0)
        latency = waited * 1e6 + self.median * np.exp(self.noise * rng.standard_normal(len(due)))
        return Run((due + latency / 1e6).astype(np.int64), latency)

    def share(self, latency: float) -> float:
        """The wait is at most w where no stall that has begun lasts longer: exp(-lasting / every exp(-w / lasting))."""
        z = np.linspace(-8, 8, 8001)
        wait = (latency - self.median * np.exp(self.noise * z)) / 1e6
        there = np.exp(-self.lasting / self.every * np.exp(-np.maximum(wait, 0) / self.lasting)) * (wait >= 0)
        density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        return float(np.trapezoid(there * density, z))


@dataclass(frozen=True, slots=True)
class Bursts(Process):
    """Quiet seconds and stretches of busy ones, which have more messages and slower ones; each lasts geometrically."""

    lasting: float = 3.0
    apart: float = 12.0
    """Mean seconds of a burst, and of the quiet between two."""
    busy: int = 500
    quiet: int = 200
    """Messages a second."""
    slow: float = 5000.0
    fast: float = 1000.0
    """Medians in µs."""
    noise: float = 0.4

    def run(self, seconds: int, rng: np.random.Generator) -> Run:
        mean = np.array([self.apart, self.lasting])
        first = int(rng.random() < self.lasting / mean.sum())
        state = (np.arange(seconds + 1) + first) % 2
        burst = np.repeat(state, rng.geometric(1 / mean[state]))[:seconds]
        messages = np.where(burst, self.busy, self.quiet)
        middle = np.repeat(np.where(burst, self.slow, self.fast), messages)
        latency = middle * np.exp(self.noise * rng.standard_normal(len(middle)))
        return Run(np.repeat(np.arange(seconds), messages), latency)

    def share(self, latency: float) -> float:
        weights = np.array([self.lasting * self.busy, self.apart * self.quiet])
        parts = special.ndtr(np.log(latency / np.array([self.slow, self.fast])) / self.noise)
        return float(weights @ parts / weights.sum())


PROCESSES: dict[str, Process] = {
    "level, 1 s": Level(1), "level, 5 s": Level(5), "level, 20 s": Level(20),
    "stalls of 20 ms, one a second": Stalls(1, 0.02), "stalls of 300 ms, one in 20 s": Stalls(20, 0.3),
    "bursts of 3 s, 12 s apart": Bursts(),
}  # fmt: skip
