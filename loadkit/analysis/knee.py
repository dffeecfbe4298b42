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


@dataclass(frozen=True, slots=True)
class Knee:
    """The knee and the measured rates on either side of it: it is known no closer than they stand."""

    rate: float
    latency: float
    between: tuple[float, float]


def knee(rates: Sequence[float], latencies: Sequence[float]) -> Knee | None:
    """Return the knee of measured points in any order; None with too few rates or when it lies at an end.

    Repeats at a rate count as their geometric mean. Between the measured rates a parabola through the best point
    and its neighbours, on logarithmic axes, says where the top is.
    """
    pairs = [(rate, latency) for rate, latency in zip(rates, latencies, strict=True) if rate > 0 and latency > 0]
    x = np.array(sorted({float(np.log(rate)) for rate, _ in pairs}))
    y = np.array([np.mean([np.log(latency) for rate, latency in pairs if np.log(rate) == at]) for at in x])
    if len(x) < FEWEST:
        return None
    power = x - y
    at = int(np.argmax(power))
    if at in (0, len(x) - 1):
        return None
    near = slice(at - 1, at + 2)
    top = _top(x[near], power[near])
    latency = float(np.exp(np.interp(top, x, y)))
    return Knee(float(np.exp(top)), latency, (float(np.exp(x[at - 1])), float(np.exp(x[at + 1]))))


def _top(x: np.ndarray[tuple[int], np.dtype[np.float64]], y: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Return where the parabola through three points, the middle one highest, has its top."""
    left, right = (y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
    if left == right:
        return float(x[1])
    middle = (x[0] + x[1]) / 2 + left / (left - right) * (x[2] - x[0]) / 2
    return float(np.clip(middle, x[0], x[2]))
