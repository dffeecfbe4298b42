"""`make trust-gate`: false alarms and power of gates at default settings, beside three common ways to compare."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from loadkit.drive_gate import MAX_PAIRS
from loadkit.gate.noise import noise
from loadkit.gate.record import Pair
from loadkit.gate.thresholds import parse_all
from loadkit.gate.verdicts import Design, judge
from trust.about import about
from trust.gate.world import MACHINES, METRIC, Machine

THRESHOLD = "latency.p99 > +10%"
FIGURES = Path(__file__).parent / "figures.json"


def verdict(design: Design, pairs: Sequence[Pair]) -> tuple[str, int]:
    """Return what a gate says of pairs that come one after the other, and after how many."""
    for look in design.looks:
        judged = judge(design, pairs[: look.pairs])
        if judged.over:
            break
    return judged.verdict, judged.pairs


def sides(pairs: Sequence[Pair]) -> tuple[list[float], list[float]]:
    """Return the metric of every trial by side."""
    return [p.baseline.metrics[METRIC] or 0.0 for p in pairs], [p.candidate.metrics[METRIC] or 0.0 for p in pairs]


def slower(p: float, pairs: Sequence[Pair]) -> bool:
    """Return whether a test at 5 % says that the candidate is slower."""
    one, other = sides(pairs)
    return bool(p < 0.05 and np.mean(other) > np.mean(one))


PEERS: dict[str, Callable[[Sequence[Pair]], bool]] = {
    "t-test at 5 % on all trials": lambda pairs: slower(stats.ttest_ind(*sides(pairs)).pvalue, pairs),
    "Mann-Whitney at 5 %": lambda pairs: slower(stats.mannwhitneyu(*sides(pairs)).pvalue, pairs),
    "more than 10 % in one run of each": lambda pairs: sides(pairs[:1])[1][0] > 1.1 * sides(pairs[:1])[0][0],
}


def alarms(machine: Machine, gates: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return how many of so many A/A gates fail, and what the peers say of the same pairs."""
    design = Design(parse_all([THRESHOLD]), MAX_PAIRS)
    found = {name: 0 for name in ("fail", "pass", "inconclusive", *PEERS)}
    taken = 0
    for seed in range(gates):
        pairs = machine.pairs(MAX_PAIRS, 0.0, seed, rng)
        said, count = verdict(design, pairs)
        found[said] += 1
        taken += count
        for name, peer in PEERS.items():
            found[name] += peer(pairs)
    return {"machine": machine.name, "gates": gates, **found, "mean_pairs": round(taken / gates, 1)}


def power(machine: Machine, times: float, gates: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return how many gates tell an effect of so many times the smallest that their own calibration promises."""
    seen, promised = 0, []
    for seed in range(gates):
        known = noise(machine.pairs(MAX_PAIRS, 0.0, gates + seed, rng))
        design = Design(parse_all([THRESHOLD]), MAX_PAIRS, known)
        smallest = design.forecast(design.thresholds[0])
        assert smallest is not None
        promised.append(smallest)
        said, _ = verdict(design, machine.pairs(MAX_PAIRS, times * smallest, seed, rng))
        seen += said == "fail"
    interval = stats.binomtest(seen, gates).proportion_ci(0.95)
    return {
        "machine": machine.name, "times": times, "gates": gates, "found": seen,
        "interval": [round(interval.low, 4), round(interval.high, 4)],
        "promised": round(math.exp(float(np.mean(np.log(promised)))), 4), "kept": bool(interval.high >= 0.95),
    }  # fmt: skip


def main() -> int:
    """Run all, print and write the figures; 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="python -m trust.gate", description=__doc__)
    parser.add_argument("--gates", type=int, default=1000, help="A/A gates a machine; half as many for power")
    parser.add_argument("--out", type=Path, default=FIGURES)
    asked = parser.parse_args()
    rng = np.random.default_rng(20)
    false = [alarms(machine, asked.gates, rng) for machine in MACHINES]
    for row in false:
        print(f"A/A {row['machine']:<10} " + ", ".join(f"{name} {row[name]}" for name in row if name != "machine"))
    told = [power(one, times, asked.gates // 2, rng) for one in MACHINES for times in (1.0, 1.25)]
    for row in told:
        print(f"power {row['machine']:<10} x{row['times']}: {row['found']} of {row['gates']} found, promised "
              f"{row['promised']:+.1%}")  # fmt: skip
    most = 4 * asked.gates / 1000
    kept = all(row["fail"] <= most for row in false) and all(row["kept"] for row in told)
    figures = {"alarms": false, "power": told, "kept": kept, **about(["python", "-m", "trust.gate", *sys.argv[1:]])}
    asked.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print("every promise was kept" if kept else "a promise was NOT kept")
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
