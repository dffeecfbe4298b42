"""Whether plans carry their peak and how far they are oversized: `python -m trust.sizing.plans`, about a minute.

Of each of 1,000 random requirements two plans are made, from ceilings with 5 and with 15 % of noise. A plan carries its
peak where the fullest broker of a real placement, with the stated loss, and every use of the planner's own rules stay
within the true ceilings. It is not oversized where it has at most one step or 30 % more brokers than the smallest
cluster that the same rules allow under the true ceilings. Exit code 1 if a figure misses its bound.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from loadkit.sizing import search
from loadkit.sizing.ceilings import Measured
from loadkit.sizing.demand import Setup
from loadkit.sizing.requirements import Requirements
from loadkit.sizing.search import Fit
from loadkit.sizing.shapes import candidates
from loadkit.sizing.workload import flows
from trust.about import about
from trust.sizing import draw
from trust.sizing.truth import Truth, placed

OUT = Path("reports/trust/sizing")
FIGURES = "plans.json"
NOISES = (0.05, 0.15)
"""Relative standard deviations of each measured ceiling, which is given with the 90 % interval that follows."""
CARRIES, SIZED = 0.99, 0.95
MORE = 0.3
"""Oversize that is allowed, beside one step."""


def smallest(needs: Requirements, measured: Measured) -> Fit | None:
    """Return the smallest cluster by the planner's rules."""
    made, _ = flows(needs, measured)
    return search.smallest(Setup(needs, made, candidates(needs, measured)[0])).fit


def carries(fit: Fit, truth: Truth, seed: int) -> tuple[bool, bool]:
    """Return whether a real placement, and whether the planner's own uses, stay within the true ceilings."""
    zone = any(use.state.key == "zone" and use.state.binds for use in fit.uses)
    real = all(placed(fit, zone, seed + at).within(truth) for at in range(3))
    most = {"work": truth.work, "messages": truth.messages}
    asked = [use for use in fit.uses if use.resource in most and use.state.binds]
    ruled = all(use.demand.mid <= most[use.resource] for use in asked)
    return real, ruled


def one(seed: int) -> list[dict[str, Any]]:
    """Return what became of one requirement at each noise; nothing where it is not feasible even under the truth."""
    rng = np.random.default_rng(seed)
    needs, truth = draw.requirements(rng), draw.truth(rng)
    best = smallest(needs, draw.exact(truth))
    rows = []
    for noise in NOISES:
        fit = smallest(needs, draw.measured(truth, noise, rng))
        if best is None or fit is None:
            continue
        real, ruled = carries(fit, truth, seed)
        step = search.bounds(fit.setup)[1]
        rows.append({"seed": seed, "noise": noise, "brokers": fit.n, "smallest": best.n, "carries": real,
                     "within": ruled, "sized": fit.n <= best.n + max(step, MORE * best.n)})  # fmt: skip
    return rows


def figures(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the shares by noise."""
    found = []
    for noise in NOISES:
        own = [row for row in rows if row["noise"] == noise]
        share = {name: sum(row[name] for row in own) / max(len(own), 1) for name in ("carries", "within", "sized")}
        brokers = [row["smallest"] for row in own]
        found.append({"noise": noise, "plans": len(own), **share, "median_smallest": float(np.median(brokers)),
                      "largest_smallest": max(brokers, default=0)})  # fmt: skip
    return found


def held(found: Sequence[dict[str, Any]]) -> bool:
    """Return whether every figure keeps its bound."""
    return all(min(row["carries"], row["within"]) >= CARRIES and row["sized"] >= SIZED for row in found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, write `plans.jsonl` and `plans.json`, print the figures; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(prog="python -m trust.sizing.plans", description=__doc__)
    parser.add_argument("--requirements", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(arguments)
    rows = [row for seed in range(asked.requirements) for row in one(seed)]
    found = figures(rows)
    asked.out.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (asked.out / "plans.jsonl").write_text(lines, encoding="utf-8")
    document = {"requirements": asked.requirements, "held": held(found), "figures": found,
                **about(["python", "-m", "trust.sizing.plans", "--requirements", str(asked.requirements)])}  # fmt: skip
    (asked.out / FIGURES).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for row in found:
        print(
            f"noise {row['noise']:.0%}: {row['plans']} plans, carries as placed {row['carries']:.1%}, by the rules "
            f"{row['within']:.1%} (both >= {CARRIES:.0%}); not oversized {row['sized']:.1%} (>= {SIZED:.0%})"
        )
    return 0 if held(found) else 1


if __name__ == "__main__":
    sys.exit(main())
