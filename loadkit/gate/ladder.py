"""A highest rate told from trials at a few fixed rates around it; pure.

A search of a side takes a dozen trials and its answer is as coarse as its steps. So a gate tries the same three rates
on both sides and asks at which rate each objective's metric reaches its bound: by a straight line between neighbouring
rates, both on the logarithm, and beyond them by the line through the nearest two, which is rough: near its limit a
latency is no straight line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from loadkit import vocabulary
from loadkit.errors import UsageError
from loadkit.slo import Objective

STEPS = (0.85, 1.0, 1.15)
"""The rates that are tried, as shares of the baseline's highest rate."""
REACH = 1.5
"""By how much a rate may lie beyond the tried ones; what lies farther is told as that far."""


def rates(highest: float) -> tuple[float, ...]:
    """Return the rates (msg/s) to try around a baseline's highest rate."""
    return tuple(float(f"{highest * step:.6g}") for step in STEPS)


def check(objectives: Iterable[Objective]) -> None:
    """Raise UsageError for an objective that cannot be interpolated: it must bound a measured time from above."""
    for one in objectives:
        series = vocabulary.split(one.metric)[1].partition(".")[0]
        if series not in vocabulary.LATENCIES or one.compare not in ("<", "<=") or one.bound <= 0:
            raise UsageError(
                f"--slo {one.text!r}: at fixed rates the highest rate is told from a time with an upper bound, like "
                "'latency.p99 < 20ms'; give --full to search each side instead"
            )


def highest(
    tried: Sequence[float], objectives: Iterable[Objective], found: Sequence[Mapping[str, float | None]]
) -> float | None:
    """Return the rate (msg/s) up to which all objectives hold, from the metrics at each rate tried (ascending).

    None where a metric was withheld at one of them.
    """
    ends = []
    for one in objectives:
        values = [metrics.get(one.metric) for metrics in found]
        if any(value is None or value <= 0 for value in values):
            return None
        ends.append(_reached(np.log(tried), np.log(np.array(values, float)), math.log(one.bound)))
    return math.exp(min(ends))


def _reached(x: np.ndarray, y: np.ndarray, bound: float) -> float:
    """Return the log of the rate at which a metric that grows with the rate reaches a bound."""
    y = np.maximum.accumulate(y)  # what is lower at a higher rate is so by noise
    at = int(np.clip(np.searchsorted(y, bound), 1, len(y) - 1))
    slope = (y[at] - y[at - 1]) / (x[at] - x[at - 1])
    low, high = float(x[0]) - math.log(REACH), float(x[-1]) + math.log(REACH)
    if slope <= 0:
        return low if bound < y[0] else high
    return float(np.clip(x[at - 1] + (bound - y[at - 1]) / slope, low, high))
