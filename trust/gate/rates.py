"""How often gates fail, by the source of their pairs: false alarms without an effect, power with one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from scipy import stats

from loadkit.drive_gate import MAX_PAIRS
from loadkit.gate.noise import noise
from loadkit.gate.record import Pair
from loadkit.gate.statistics import POWER
from loadkit.gate.thresholds import parse_all
from loadkit.gate.verdicts import Design, judge

METRIC = "latency.p99"
MARGIN = "> +10%"
THRESHOLD = f"{METRIC} {MARGIN}"
ALARMS = 0.004
"""Share of A/A gates that may fail."""
TIMES = (1.0, 1.25)
"""Effects at which power is looked at, as multiples of the smallest that is promised."""


class Source(Protocol):
    """Where pairs come from."""

    @property
    def name(self) -> str:
        """What a table calls it."""

    @property
    def metric(self) -> str:
        """The metric that its gates compare."""

    def pairs(self, count: int, effect: float, seed: int, rng: np.random.Generator) -> list[Pair]:
        """Return so many pairs as a gate of a seed runs them, the candidate's metric larger by `effect` (a share)."""


def verdict(design: Design, pairs: Sequence[Pair]) -> tuple[str, int]:
    """Return what a gate says of pairs that come one after the other, and after how many."""
    for look in design.looks:
        judged = judge(design, pairs[: look.pairs])
        if judged.over:
            break
    return judged.verdict, judged.pairs


def sides(pairs: Sequence[Pair], metric: str) -> tuple[list[float], list[float]]:
    """Return the metric of every trial by side."""
    return [p.baseline.metrics[metric] or 0.0 for p in pairs], [p.candidate.metrics[metric] or 0.0 for p in pairs]


def slower(p: float, one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether a test at 5 % says that the candidate is slower."""
    return bool(p < 0.05 and np.mean(other) > np.mean(one))


PEERS: Mapping[str, Callable[[Sequence[float], Sequence[float]], bool]] = {
    "t-test at 5 % on all trials": lambda one, other: slower(stats.ttest_ind(one, other).pvalue, one, other),
    "Mann-Whitney at 5 %": lambda one, other: slower(stats.mannwhitneyu(one, other).pvalue, one, other),
    "more than 10 % in one run of each": lambda one, other: other[0] > 1.1 * one[0],
}
"""Common ways to compare; each sees the metric of all trials of both sides, which a gate need not take."""


def alarms(source: Source, gates: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return how many of so many A/A gates fail, and what the peers say of the same pairs."""
    design = Design(parse_all([f"{source.metric} {MARGIN}"]), MAX_PAIRS)
    found = {name: 0 for name in ("fail", "pass", "inconclusive", *PEERS)}
    taken = 0
    for seed in range(gates):
        pairs = source.pairs(MAX_PAIRS, 0.0, seed, rng)
        said, count = verdict(design, pairs)
        found[said] += 1
        taken += count
        for name, peer in PEERS.items():
            found[name] += peer(*sides(pairs, source.metric))
    return {
        "source": source.name, "gates": gates, **found, "mean_pairs": round(taken / gates, 1),
        "kept": found["fail"] <= ALARMS * gates,
    }  # fmt: skip


def power(source: Source, times: float, gates: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return how many gates tell an effect of so many times the smallest that their own calibration promises."""
    seen, promised, peers = 0, [], dict.fromkeys(PEERS, 0)
    for seed in range(gates):
        known = noise(source.pairs(MAX_PAIRS, 0.0, gates + seed, rng))
        design = Design(parse_all([f"{source.metric} {MARGIN}"]), MAX_PAIRS, known)
        smallest = design.forecast(design.thresholds[0])
        assert smallest is not None
        promised.append(smallest)
        pairs = source.pairs(MAX_PAIRS, times * smallest, seed, rng)
        said, _ = verdict(design, pairs)
        seen += said == "fail"
        for name, peer in PEERS.items():
            peers[name] += peer(*sides(pairs, source.metric))
    return {
        "source": source.name, "times": times, **share(seen, gates), **peers,
        "promised": round(math.exp(float(np.mean(np.log(promised)))), 4), "kept": told(seen, gates, times),
    }  # fmt: skip


def share(seen: int, gates: int) -> dict[str, Any]:
    """Return how many gates found an effect, with the 95 % interval of their share (Clopper and Pearson)."""
    interval = stats.binomtest(seen, gates).proportion_ci(0.95)
    return {"gates": gates, "found": seen, "interval": [round(interval.low, 4), round(interval.high, 4)]}


def told(seen: int, gates: int, times: float) -> bool:
    """Return whether an effect of so many times the promised one was found as often as promised.

    At the promised one the interval of the share must reach 95 %, at 1.25 times the share itself.
    """
    if times < 1.25 - 1e-9:
        return bool(share(seen, gates)["interval"][1] >= POWER)
    return seen >= POWER * gates
