"""How throughput grows with brokers: Gunther's universal scalability law.

X(N) = lambda N / (1 + alpha (N - 1) + beta N (N - 1)); N. J. Gunther, "Guerrilla Capacity Planning", 2007. alpha is
what is serial, beta what each owes to each other; its peak lies at sqrt((1 - alpha) / beta).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from loadkit.errors import UsageError

FEWEST = 5
"""Distinct sizes without which nothing is fitted."""
FURTHEST = 2.0
"""Times the largest size measured up to which it is used."""


@dataclass(frozen=True, slots=True)
class Law:
    """A fit with its 90 % intervals."""

    scale: tuple[float, float, float]
    alpha: tuple[float, float, float]
    beta: tuple[float, float, float]
    largest: int

    def at(self, n: float) -> float:
        """Return the throughput of n brokers; UsageError beyond twice the largest that was measured."""
        if n > FURTHEST * self.largest:
            raise UsageError(
                f"{n:g} brokers are more than twice the {self.largest} that were measured: measure a larger cluster"
            )
        return float(_law(n, self.scale[1], self.alpha[1], self.beta[1]))

    @property
    def peak(self) -> float:
        """Return the size beyond which more brokers bring less; infinite without crosstalk."""
        return math.sqrt((1 - self.alpha[1]) / self.beta[1]) if self.beta[1] > 1e-12 else math.inf


def fit(points: Sequence[tuple[int, float]]) -> Law | None:
    """Return the law of (brokers, throughput) points; None with fewer than five distinct sizes."""
    sizes = sorted({n for n, _ in points})
    if len(sizes) < FEWEST:
        return None
    n, x = np.array(points, float).T
    start = (float((x / n).max()), 0.01, 0.0001)
    found, covariance = optimize.curve_fit(
        _law, n, x, p0=start, bounds=([0, 0, 0], [np.inf, 1, 1]), sigma=x, maxfev=20_000
    )
    half = stats.t.ppf(0.95, max(len(points) - 3, 1)) * np.sqrt(np.maximum(np.diag(covariance), 0))
    ends = [(max(float(v - h), 0.0), float(v), float(v + h)) for v, h in zip(found, half, strict=True)]
    return Law(ends[0], ends[1], ends[2], sizes[-1])


def _law(n: Any, scale: float, alpha: float, beta: float) -> Any:
    return scale * n / (1 + alpha * (n - 1) + beta * n * (n - 1))
