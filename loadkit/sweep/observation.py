"""What a search looks at in one trial, taken from its files. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from loadkit.limit_facts import facts_of
from loadkit.result import Result, Row
from loadkit.summary import Summary

SETTLING = 1
"""Seconds at the start of the measured phase that say nothing of growth: what is in flight is still filling up."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One trial as a search sees it; None where it was not measured."""

    offered: float
    """Messages a second that were asked for."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)
    achieved: float | None = None
    """Share of the offered rate that was confirmed at the pace at which it came: 1 less the growth of what waits."""
    lag_growth: float | None = None
    """The same for the worst consuming class: share of its topic's rate by which it falls behind."""
    under_replicated: float | None = None
    """Most partitions of any broker that lacked a replica."""
    limit: str = "unknown"
    evidence: Sequence[str] = ()
    cores: float | None = None
    """Cores of Python's own work in the busiest generator process."""
    processes: int = 0
    error: str | None = None
    """Why the trial failed, if it did."""


def observe(result: Result, summary: Summary, offered: float) -> Observation:
    """Return what a search looks at in a trial that was asked to offer so many messages a second."""
    error = (
        None if result.facts.get("status") == "complete" else str(result.facts.get("error") or "it did not complete")
    )
    facts = facts_of(result, summary.metrics)
    sick = [row["under_replicated"] for row in result.of_kind("broker") if row.get("under_replicated") is not None]
    return Observation(
        offered, summary.metrics, summary.withheld, _achieved(result), _lag_growth(result), max(sick, default=None),
        summary.limit, tuple(summary.evidence), facts.process_cores,
        len({row["name"] for row in result.of_kind("host")}), error,
    )  # fmt: skip


def growth(waiting: Sequence[float]) -> float:
    """Return the units a second by which a series with one value a second grows.

    Theil-Sen: the median slope of all pairs (Sen 1968). One second with a stall in it, even the last, does not tilt it
    as it would a line of least squares or the difference of the ends.
    """
    values = np.asarray(waiting, float)
    first, second = np.triu_indices(len(values), 1)
    return float(np.median((values[second] - values[first]) / (second - first))) if len(first) else 0.0


def _achieved(result: Result) -> float | None:
    """Return 1 - growth of the messages due and neither confirmed nor failed, as a share of the rate they came at."""
    rows = result.of_kind("producer")
    due, done = _by_second(result, rows, ("due",)), _by_second(result, rows, ("acked", "errors"))
    return kept(due, done)


def _lag_growth(result: Result) -> float | None:
    classes = result.facts.get("classes", {})
    producers, consumers = result.of_kind("producer"), result.of_kind("consumer")
    found = []
    for name, facts in classes.items():
        feeding = [row for row in producers if classes.get(row["name"], {}).get("topic") == facts["topic"]]
        if facts["role"] != "consumer" or not feeding:
            continue
        own = _by_second(result, [row for row in consumers if row["name"] == name], ("received",))
        joined = next((second for second, count in enumerate(own) if count), 0)  # some join late on purpose
        share = kept(_by_second(result, feeding, ("acked",)), own, joined + SETTLING)
        if share is not None:
            found.append(1 - share)
    return max(found, default=None)


def kept(came: Sequence[float], left: Sequence[float], since: int = SETTLING) -> float | None:
    """Return 1 - (growth of what came and has not left) / (rate at which it came); None where that cannot be told."""
    waiting = np.cumsum(np.asarray(came) - np.asarray(left))[since:]
    rate = float(np.mean(came[since:])) if len(waiting) > 1 else 0.0
    return 1 - max(0.0, growth(waiting.tolist())) / rate if rate > 0 else None


def _by_second(result: Result, rows: Iterable[Row], names: Sequence[str]) -> list[float]:
    """Return the sum of some numbers in each whole second of the measured phase."""
    start, end = result.measured
    sums = [0.0] * int(end - start)
    for row in rows:
        at = int(row["t"] - start)
        if 0 <= at < len(sums):
            sums[at] += sum(row.get(name) or 0 for name in names)
    return sums
