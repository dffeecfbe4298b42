"""How near a sweep within a budget comes to the whole grid: `python -m trust.search.guided [--seeds 50]`.

Each case is a scenario on a simulated cluster and a grid of settings over it, with goals that pull apart. The truth of
a point is the model without noise. A guided sweep may make a quarter as many trials as the grid has points, the repeats
of its base point included, and measures with noise; beside it the same number of different points is drawn by chance.
What counts is the hypervolume that the truth of the points tried dominates, as a share of the grid's.

Losses are logarithms, each goal from 0 at the best of the grid's front to 1 at the worst of it. The reference is a
tenth beyond the front's worst: points that are worse than all of the front in some goal add nothing, however many there
are. The share with the reference at the worst points of the whole grid, which flatters, is reported beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from loadkit.analysis.pareto import front, hypervolume
from loadkit.points import Points
from loadkit.report.block import Block, Prose, block, table
from loadkit.simulation import modelled
from loadkit.sweep.goals import CPU, Goal, Metrics, goals
from loadkit.sweep.guided import Guided
from loadkit.sweep.spec import Record, Sweep, parse_axis, size
from loadkit.sweep.survey import NEGLIGIBLE
from loadkit.target import load_target
from trust.about import about
from trust.search.grids import BASE, CASES, COMPRESSION, REQUEST, Case
from trust.search.measure import quantile

OUT = Path("reports/trust/search")
FIGURES = "guided.json"
SECOND_NS = 10**9
NOISE = 0.5
"""Sigma of the lognormal factor on every service time, in what a sweep measures."""
SHARE = 4
"""A quarter of the grid is tried."""
WANTED = 0.95
Floats = NDArray[np.float64]


class Grid:
    """A case's grid: its points, their truth, and trials of them."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.axes = tuple(parse_axis(text) for text in case.vary)
        self.points = Points(self.axes, case.scenario, load_target(case.target))
        self.count = size(self.axes)
        self.budget = self.count // SHARE
        truths = [self.trial(number, None) for number in range(self.count)]
        told = goals(case.objective, [self._record(number, 0, 0, truths[number]) for number in range(self.count)])
        losses = np.array([_losses(told, metrics) for metrics in truths])
        # What moves by less than 3 % along the front is no goal there, only the chance of arrivals.
        moves = np.ptp(losses[front(losses.round(2))], axis=0) > NEGLIGIBLE
        self.goals = [goal for goal, moved in zip(told, moves, strict=True) if moved]
        self.losses = losses[:, moves]

    def trial(self, number: int, seed: int | None, repeat: int = 0) -> Metrics:
        """Return the metrics of a trial with noise by a seed, or of the truth without."""
        scenario, target = self.points.scenario(self.points.point(number).settings), self.case.target
        if seed is not None:
            own = zlib.crc32(f"{number} {repeat} {seed}".encode())
            target += f"&noise={NOISE}&seed={own}"
        return measured(self.case, scenario, target)

    def guided(self, seed: int) -> list[int]:
        """Return the points that a guided sweep tries, each of its trials once."""
        sweep = Sweep(self.axes, seed=seed, objective=self.case.objective, budget=float(self.budget))
        strategy = Guided(sweep, self.points, lambda done: self.budget - len(done))
        done: list[Record] = []
        while step := strategy.next(done):
            number = int(step.point.id[1:])
            done.append(self._record(number, step.repeat, len(done), self.trial(number, seed, step.repeat), step.block))
        return [int(record.point[1:]) for record in done]

    def chance(self, seed: int) -> list[int]:
        """Return as many different points, drawn by chance."""
        return random.Random(seed).sample(range(self.count), self.budget)

    def share(self, tried: Sequence[int], beyond_front: bool = True) -> float:
        """Return the share of the grid's hypervolume that the truth of points dominates."""
        best = self.losses[front(self.losses)]
        low, high = best.min(axis=0), best.max(axis=0) if beyond_front else self.losses.max(axis=0)
        scaled = (self.losses - low) / np.where(high > low, high - low, 1.0)
        reference = np.full(len(self.goals), 1.1 if beyond_front else 1.0 + 1e-9)
        return hypervolume(scaled[sorted(set(tried))], reference) / hypervolume(scaled, reference)

    def _record(self, number: int, repeat: int, place: int, metrics: Metrics, block: bool = True) -> Record:
        return Record(self.points.point(number).id, repeat, place, "", "complete", block=block, metrics=metrics)


def measured(case: Case, scenario: Any, target: str) -> dict[str, float | None]:
    """Return what a trial of the model tells, files left out."""
    users, model = modelled(scenario, target)
    end = round(case.seconds * SECOND_NS)
    parts = [model.advance(end, [user.arrivals(end, scenario.seed) for user in users]), model.finish()]
    series, _, _ = case.objective.partition(".")
    got = [part.deliveries[0] if series == "end_to_end" else part.acks for part in parts]
    arrived = [getattr(one, "received_ns" if series == "end_to_end" else "acked_ns") for one in got]
    waited = np.concatenate([when - one.intended_ns for when, one in zip(arrived, got, strict=True)])
    found: dict[str, float | None] = {
        "throughput": len(arrived[0]) / case.seconds, case.objective: quantile(waited, 0.99)
    }  # fmt: skip
    messages, raw, wire = (
        sum(int(getattr(p.batches, name).sum()) for p in parts) for name in ("messages", "bytes", "wire")
    )
    requests = sum(part.batches.requests for part in parts)
    if "cpu" in case.tells:
        packed = scenario.producers[0].config["compression.type"] != "none"
        found[CPU] = BASE + REQUEST * requests / messages + COMPRESSION * packed
    if "wire" in case.tells:
        found |= {"bytes": raw / messages * float(found["throughput"] or 0), "compression.ratio": raw / wire}
    return found


def _losses(wanted: Sequence[Goal], metrics: Metrics) -> list[float]:
    """Return the losses of a trial to the last digit: what a sweep takes for the same is told apart in the truth."""
    values = [goal.value(metrics) for goal in wanted]
    return [
        (-1 if goal.higher else 1) * float(np.log(value))
        for goal, value in zip(wanted, values, strict=True)
        if value is not None
    ]


@cache
def grid_of(number: int) -> Grid:
    """Return the grid of a case, its truth computed once a process."""
    return Grid(CASES[number])


def shares(number: int, seed: int) -> dict[str, float]:
    """Return the four shares of one case and one seed."""
    grid = grid_of(number)
    tried = {"guided": grid.guided(seed), "random": grid.chance(seed)}
    return {
        f"{name}{where}": grid.share(points, beyond_front=not where)
        for name, points in tried.items()
        for where in ("", "_to_worst")
    }


def middle(values: Sequence[float]) -> dict[str, float]:
    """Return the median, its distribution-free interval of 95 % (order statistics), and the least."""
    ordered = sorted(values)
    rank = int(binom.ppf(0.025, len(ordered), 0.5))
    return {
        "median": float(np.median(ordered)), "low": ordered[max(0, rank - 1)], "high": ordered[-max(1, rank)],
        "least": ordered[0],
    }  # fmt: skip


def summary(number: int, found: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return what came of one case."""
    grid = grid_of(number)
    ahead = [one["guided"] - one["random"] for one in found]
    return {
        "case": grid.case.name, "about": grid.case.about, "target": grid.case.target, "vary": grid.case.vary,
        "points": grid.count, "trials": grid.budget, "on_front": int(front(grid.losses).sum()),
        "goals": [goal.name for goal in grid.goals], "seeds": len(found),
        **{name: middle([one[name] for one in found]) for name in found[0]},
        "ahead": {**middle(ahead), "share": sum(one > 0 for one in ahead) / len(ahead)},
    }  # fmt: skip


def met(row: Mapping[str, Any]) -> bool:
    """Return whether a case reached what is wanted of it."""
    return bool(row["guided"]["median"] >= WANTED and row["ahead"]["low"] > 0)


def section(found: Mapping[str, Any]) -> Block | None:
    """Return the results as a section of a page."""
    rows = [
        [row["case"], f"{row['points']}", f"{row['trials']}", f"{row['on_front']}", _shown(row["guided"]),
         _shown(row["random"]), _shown(row["guided_to_worst"]), _shown(row["random_to_worst"]),
         f"{row['ahead']['share']:.0%}"]
        for row in found["cases"]
    ]  # fmt: skip
    head = ("case", "points", "trials", "on the front", "guided", "by chance", "guided, to the worst",
            "by chance, to the worst", "guided ahead in")  # fmt: skip
    lead = (
        f"A sweep that may make a quarter as many trials as its grid has points, and what it finds of the grid's "
        f"hypervolume by the noiseless truth of its points: medians of {found['seeds']} seeds with intervals of 95 %. "
        f"Wanted: {found['wanted']:.0%}, and more than as many points drawn by chance."
    )
    about = [Prose(f"{row['case']}: {row['about']}. Goals: {', '.join(row['goals'])}.") for row in found["cases"]]
    return block("A sweep within a budget", [table("share of the hypervolume", head, rows), *about], lead)


def _shown(one: Mapping[str, float]) -> str:
    return f"{one['median']:.1%} ({one['low']:.1%} to {one['high']:.1%})"


def measure(seeds: int, processes: int) -> Iterator[dict[str, Any]]:
    """Yield the summary of each case."""
    with ProcessPoolExecutor(processes) as pool:
        for number in range(len(CASES)):
            yield summary(number, list(pool.map(shares, [number] * seeds, range(seeds))))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every case, print a line of each and write them as JSON; 1 where one is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(arguments)
    rows = []
    for row in measure(asked.seeds, asked.processes):
        rows.append(row)
        print(
            f"{row['case']:12} {row['trials']:3} of {row['points']} points  guided {_shown(row['guided'])}  "
            f"by chance {_shown(row['random'])}  ahead in {row['ahead']['share']:.0%}", flush=True,
        )  # fmt: skip
    found = {"schema": 1, "wanted": WANTED, "seeds": asked.seeds, "noise": NOISE, "cases": rows,
             **about(["python", "-m", "trust.search.guided", "--seeds", str(asked.seeds)])}  # fmt: skip
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / FIGURES).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if all(map(met, rows)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
