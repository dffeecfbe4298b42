"""Made-up trials as a shared machine gives them: noise that remembers, drift, and bursts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadkit.gate.order import order
from loadkit.gate.record import Pair, Trial
from trust.gate.rates import METRIC


@dataclass(frozen=True)
class Machine:
    """The noise of the log of a trial's p99."""

    name: str
    metric: str = METRIC
    sd: float = 0.05
    memory: float = 0.0
    """Correlation of a trial with the one before it (AR(1))."""
    drift: float = 0.0
    """Growth of the log over all trials of a gate."""
    bursts: float = 0.0
    """Share of trials that meet a disturbance, which lasts for two trials in the mean."""
    burst: float = 0.7
    """Mean of what a disturbance adds to the log (exponential)."""

    def logs(self, trials: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the noise of so many trials in a row."""
        fresh = rng.normal(0, self.sd, trials)
        values = np.empty(trials)
        values[0] = fresh[0]
        for at in range(1, trials):
            values[at] = self.memory * values[at - 1] + np.sqrt(1 - self.memory**2) * fresh[at]
        values += self.drift * np.arange(trials) / trials
        disturbed = False
        for at in range(trials):
            disturbed = rng.random() < (0.5 if disturbed else self.bursts / 2)
            values[at] += rng.exponential(self.burst) if disturbed else 0.0
        return values

    def pairs(self, count: int, effect: float, seed: int, rng: np.random.Generator) -> list[Pair]:
        """Return pairs in the order in which a gate runs them, the candidate slower by `effect` (a share)."""
        noise = iter(self.logs(2 * count, rng))
        made = []
        for number in range(count):
            found = {}
            for place, side in enumerate(order(seed, number)):
                value = float(np.exp(next(noise)) * (1 + effect * (side == "candidate")))
                found[side] = Trial(number, side, place, "", {METRIC: value})
            made.append(Pair(found["baseline"], found["candidate"]))
        return made


MACHINES = (
    Machine("quiet"),
    Machine("noisy", sd=0.15),
    Machine("remembers", memory=0.8),
    Machine("drifts", memory=0.5, drift=0.5),
    Machine("bursts", memory=0.5, bursts=0.1),
    Machine("all of it", sd=0.1, memory=0.7, drift=0.3, bursts=0.15),
)
