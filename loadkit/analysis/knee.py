"""Where latency begins to cost more than rate brings: the knee of latency against throughput.

The knee is where power = throughput / latency is largest (L. Kleinrock, "Power and deterministic rules of thumb for
probabilistic problems in computer communications", ICC 1979). There the elasticity of latency is one: beyond it, one
percent more rate costs more than one percent of latency. For M/M/1 it lies at half the capacity. Unlike the largest
distance from a chord (Kneedle, Satopaa et al. 2011) it does not move with how far beyond the knee was measured, and
it needs no scale for either axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEWEST = 4
"""Distinct rates without which no knee is looked for."""
FLAT = 0.1
"""Relative distance from the top of power within which rates are not told apart: repeats of a p99 differ by as much."""


@dataclass(frozen=True, slots=True)
class Knee:
    """The measured rate with most power, and the nearest on either side with clearly less: the knee lies between."""

    rate: float
    latency: float
    between: tuple[float, float]


def knee(rates: Sequence[float], latencies: Sequence[float]) -> Knee | None:
    """Return the knee of points in any order; None with too few rates or where power does not fall on both sides.

    Repeats at a rate count as their geometric mean. Nothing is interpolated: latency may be flat up to the knee and a
    hundredfold beyond, and no smooth curve through three such points has its top where the knee is.
    """
    pairs = [(rate, latency) for rate, latency in zip(rates, latencies, strict=True) if rate > 0 and latency > 0]
    x = np.array(sorted({float(np.log(rate)) for rate, _ in pairs}))
    y = np.array([np.mean([np.log(latency) for rate, latency in pairs if np.log(rate) == at]) for at in x])
    if len(x) < FEWEST:
        return None
    power = x - y
    at = int(np.argmax(power))
    less = np.flatnonzero(power < power[at] - FLAT)
    below, above = less[less < at], less[less > at]
    if not len(below) or not len(above):
        return None
    rate, latency, low, high = (float(np.exp(value)) for value in (x[at], y[at], x[below[-1]], x[above[0]]))
    return Knee(rate, latency, (low, high))
