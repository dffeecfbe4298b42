"""Gates on slowdowns planted into the simulated cluster: `python -m trust.gate.planted`.

Each trial is one of the model, in virtual time, with a seed of its own; gates draw their trials from those of a side.
A slowdown is modelled at several sizes. Where a gate needs an effect between two of them, each of its trials lies
between the two with its seed, on the logarithm. The true effect is the mean log ratio of all trials of both sides.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadkit import payloads
from loadkit.drive_gate import MAX_PAIRS
from loadkit.gate.noise import noise
from loadkit.gate.order import order
from loadkit.gate.record import Noise, Pair, Trial
from loadkit.gate.thresholds import parse_all
from loadkit.gate.verdicts import Design
from loadkit.report.block import Block, Chart, table
from loadkit.scenario import ProducerWorkload, Scenario, Topic
from trust.gate import figures, pictures
from trust.gate.rates import METRIC, THRESHOLD, TIMES, alarms, power, share, verdict
from trust.search.measure import quantile, trial

FIGURES = "planted.json"
SECONDS, PARTITIONS, RATE = 4.0, 6, 600
SERVICE, LINGER = 1500.0, 5.0
BASELINES, CANDIDATES = 400, 160
"""Trials of the baseline, and of each size of each slowdown."""
BUDGETS = (7, 10, 14, MAX_PAIRS, 40)
EFFECTS = (0.05, 0.1, 0.125, 0.15, 0.175, 0.2, 0.25, 0.3, 0.4, 0.5)
"""True effects at which the picture shows power."""
Logs = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plant:
    """A slowdown at one size: what it changes of target and client."""

    label: str
    service: float = 1.0
    """Times the service time."""
    linger: float = 0.0
    """Milliseconds more."""
    slow: float = 0.0
    """Milliseconds more in one of the partitions."""
    stall: float = 0.0
    """Milliseconds for which every server stands still, once a second."""

    @property
    def target(self) -> str:
        """The target that has it."""
        rate, overhead = SERVICE / self.service, self.service * 50
        parts = [f"service_rate={rate:.6g}/s", f"request_overhead={overhead:.6g}us", "noise=0.5"]
        if self.slow:
            parts.append(f"slow=0:{self.slow:g}ms")
        if self.stall:
            parts.append("pause=" + ",".join(f"{at + 0.5:g}s:{self.stall:g}ms" for at in range(math.ceil(SECONDS))))
        return "simulated?" + "&".join(parts)

    def scenario(self, seed: int) -> Scenario:
        """Return the scenario that has it."""
        made = ProducerWorkload(
            name="Checkout", topic=Topic("orders", partitions=PARTITIONS), rate=RATE, arrivals="poisson",
            payload=payloads.constant(size=100), config={"linger.ms": f"{LINGER + self.linger:g}", "acks": "all"},
        )  # fmt: skip
        return Scenario(name="planted", producers=(made,), seed=seed)

    def logs(self, first: int, count: int) -> Logs:
        """Return the log of the metric in trials with so many seeds from `first` on."""
        made = (trial(self.scenario(seed), self.target, SECONDS).latency for seed in range(first, first + count))
        return np.log([quantile(latency, 0.99) for latency in made])


KINDS: Mapping[str, tuple[Plant, ...]] = {
    "service time": tuple(
        Plant(f"service time {more:+.0%}", service=1 + more) for more in (0.05, 0.1, 0.2, 0.35, 0.5, 0.7)
    ),
    "linger": tuple(Plant(f"linger +{more:g} ms", linger=more) for more in (1, 2, 4, 8, 12)),
    "1 of 6 partitions slow": tuple(
        Plant(f"1 of {PARTITIONS} partitions +{more:g} ms", slow=more) for more in (1, 2, 4, 8, 14)
    ),
    "stalls": tuple(Plant(f"stalls of {more:g} ms", stall=more) for more in (10, 12, 15, 20, 30, 40)),
}
"""Each kind of slowdown by growing size."""
SHOWN = ("service time +5%", "service time +10%", "service time +20%", "linger +2 ms", "1 of 6 partitions +4 ms",
         "1 of 6 partitions +8 ms", "stalls of 12 ms", "stalls of 20 ms")  # fmt: skip
"""Slowdowns whose found share stands on the page by budget."""


class Planted:
    """A kind of slowdown as a source of pairs."""

    metric = METRIC

    def __init__(self, name: str, baseline: Logs, sizes: Sequence[Logs]) -> None:
        """Take the logs of the trials of the baseline and of each size; trials of a size share their seeds."""
        self.name = name
        self._baseline = baseline
        same = baseline[: len(sizes[0])] - baseline[: len(sizes[0])].mean() + baseline.mean()
        levels = [(0.0, same), *((float(one.mean() - baseline.mean()), one) for one in sizes)]
        self._levels = sorted(levels, key=lambda level: level[0])

    @property
    def largest(self) -> float:
        """The largest true effect (share) that there are trials of."""
        return math.expm1(self._levels[-1][0])

    def candidates(self, effect: float) -> Logs:
        """Return the logs of trials whose true effect is so large (a share)."""
        wanted = math.log1p(effect)
        for (low, one), (high, other) in zip(self._levels, self._levels[1:], strict=False):
            if low <= wanted <= high:
                weight = (wanted - low) / (high - low) if high > low else 0.0
                between = (1 - weight) * one + weight * other
                return np.asarray(between + (wanted - (between.mean() - self._baseline.mean())))
        raise ValueError(f"{self.name}: no trials of an effect of {effect:+.1%}; the largest is {self.largest:+.1%}")

    def pairs(self, count: int, effect: float, seed: int, rng: np.random.Generator) -> list[Pair]:
        """Return pairs of trials drawn of each side, no trial twice in a gate."""
        if not effect:
            drawn = rng.choice(self._baseline, 2 * count, replace=False)
            return paired(drawn[:count], drawn[count:], seed)
        return paired(
            rng.choice(self._baseline, count, replace=False),
            rng.choice(self.candidates(effect), count, replace=False), seed,
        )  # fmt: skip


def paired(baseline: Logs, candidate: Logs, seed: int) -> list[Pair]:
    """Return trials of both sides as the pairs of a gate."""
    made = []
    for number, values in enumerate(zip(baseline, candidate, strict=True)):
        sides = dict(zip(("baseline", "candidate"), values, strict=True))
        found = {
            side: Trial(number, side, place, "", {METRIC: math.exp(sides[side])})
            for place, side in enumerate(order(seed, number))
        }
        made.append(Pair(found["baseline"], found["candidate"]))
    return made


def known(source: Planted, rng: np.random.Generator) -> Mapping[str, Noise]:
    """Return the noise that a calibration of the default length finds."""
    return noise(source.pairs(MAX_PAIRS, 0.0, 0, rng))


def of_size(
    name: str, source: Planted, effect: float, budget: int, gates: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Return how many gates of at most so many pairs find an effect (a share), and the smallest they promise."""
    seen, promised = 0, []
    for seed in range(gates):
        design = Design(parse_all([THRESHOLD]), budget, known(source, rng))
        promised.append(design.forecast(design.thresholds[0]) or math.nan)
        said, _ = verdict(design, source.pairs(budget, effect, seed, rng))
        seen += said == "fail"
    return {
        "plant": name, "effect": round(effect, 4), "budget": budget, **share(seen, gates),
        "promised": round(math.exp(float(np.mean(np.log(promised)))), 4),
    }  # fmt: skip


def section(found: Mapping[str, Any]) -> Block | None:
    """Return the planted slowdowns as a section of the page, with power against effect and budget."""
    head = ("slowdown", "true effect on the p99", *(f"{budget} pairs" for budget in BUDGETS))
    names = dict.fromkeys(row["plant"] for row in found["sizes"])
    rows = []
    for name in names:
        own = [row for row in found["sizes"] if row["plant"] == name]
        rows.append([name, f"{own[0]['effect']:+.1%}", *(f"{row['found'] / row['gates']:.1%}" for row in own)])
    lead = (
        f"Trials of {SECONDS:g} s at {RATE} messages a second on the simulated cluster, in virtual time. The gate is "
        f"{THRESHOLD!r}, calibrated by {MAX_PAIRS} pairs of its own: an effect within the margin is no failure."
    )
    lines = {
        budget: [(row["effect"], row["found"] / row["gates"]) for row in found["curve"] if row["budget"] == budget]
        for budget in BUDGETS
    }
    promised = {row["budget"]: row["promised"] for row in found["curve"]}
    return figures.rates_block("Slowdowns planted into the simulated cluster", lead, found, [
        table("Gates that found a slowdown, by how many pairs they may take", head, rows),
        Chart("power", "Power against effect and budget: service time", pictures.power(lines, promised)),
    ])  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Model the trials, judge the gates, print and write the figures; 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="python -m trust.gate.planted", description=__doc__)
    parser.add_argument("--gates", type=int, default=1000, help="A/A gates; half as many for power")
    parser.add_argument("--out", type=Path, default=figures.OUT)
    asked = parser.parse_args(arguments)
    command = "trust.gate.planted", "--gates", asked.gates
    if (done := figures.there(asked.out / FIGURES, *command)) is not None:
        return done
    rng, gates = np.random.default_rng(21), asked.gates // 2
    baseline = Plant("baseline").logs(1, BASELINES)
    sizes = {
        name: [plant.logs(10_000 * (at + 1), CANDIDATES) for plant in plants]
        for at, (name, plants) in enumerate(KINDS.items())
    }
    sources = [Planted(name, baseline, logs) for name, logs in sizes.items()]
    found = {
        "alarms": [figures.said({**alarms(sources[0], asked.gates, rng), "source": "baseline"})],
        "power": [figures.said(power(one, times, gates, rng)) for one in sources for times in TIMES],
        "sizes": [
            of_size(plant.label, source, math.expm1(logs.mean() - baseline.mean()), budget, gates // 2, rng)
            for source, plants in zip(sources, KINDS.values(), strict=True)
            for plant, logs in zip(plants, sizes[source.name], strict=True) if plant.label in SHOWN
            for budget in BUDGETS
        ],
        "curve": [
            of_size("service time", sources[0], effect, budget, gates // 2, rng)
            for budget in BUDGETS for effect in EFFECTS
        ],
    }  # fmt: skip
    return figures.write(asked.out / FIGURES, found, *command)


if __name__ == "__main__":
    sys.exit(main())
