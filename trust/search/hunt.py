"""One search on one simulated cluster, trial by trial, and what it says beside the truth."""

from __future__ import annotations

from collections import Counter
from typing import Any

from loadkit.sweep.judgement import judge
from loadkit.sweep.scaling import at_rate
from loadkit.sweep.search import Search
from trust.search.clusters import Cluster
from trust.search.measure import observe

PROBE, HOLD = 10.0, 30.0
"""Seconds: the defaults of `loadkit max`."""


def hunt(given: Cluster, probe: float = PROBE, hold: float = HOLD) -> dict[str, Any]:
    """Return what a search found, as a row: answer, error, and every trial."""
    search, trials = Search(given.start), []
    while step := search.step:
        seed = 1 + 1000 * given.number + len(trials)
        scenario = at_rate(given.scenario, step.rate).model_copy(update={"seed": seed})
        seconds = hold if step.kind in ("hold", "over") else probe
        judged = judge(observe(scenario, given.target, seconds, step.rate), [given.objective])
        trials.append([step.kind, step.rate, judged.verdict, round(judged.distance, 4)])
        search.take(judged)
    answer = search.answer
    assert answer
    kinds = Counter(kind for kind, *_ in trials)
    return {
        "number": given.number, "family": given.family, "target": given.target, "slo": given.slo, "truth": given.truth,
        "start": given.start, "redrawn": given.redrawn, "outcome": answer.outcome, "rate": answer.rate,
        "interval": answer.interval, "regions": answer.regions, "probes": kinds["probe"] + kinds["low"],
        "holds": kinds["hold"] + kinds["over"], "trials": trials,
    }  # fmt: skip
