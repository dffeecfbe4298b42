"""Cores that a broker's traffic keeps busy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from loadkit.sizing.interval import Interval

WRITE = 20e6
"""Bytes/s of write equivalents that a vCPU takes at 100 %: Google Managed Service for Kafka, plan-cluster-size."""
READ_COST = 0.25
"""Of a byte read in bytes written: "read bandwidth can be handled four times as efficiently", the same page."""
PRIOR_SPREAD = 2.0
"""The prior may be off by this factor either way (Netflix: 30 ms of CPU a MiB written is 35 MB/s a core)."""
APART = 2.0
"""Times by which what is fitted has to vary: without that nothing tells its part from another's."""


def work(into: float, out: float) -> float:
    """Return write equivalents (bytes/s): what comes in and a quarter of what goes out (the same page)."""
    return into + READ_COST * out


@dataclass(frozen=True, slots=True)
class Load:
    """What one broker does in a second."""

    work: float
    """Write equivalents (bytes)."""
    messages: float = 0.0
    """Stored, copies counted."""
    requests: float = 0.0
    """To produce and to fetch, followers' too."""

    def parts(self) -> NDArray[np.float64]:
        """Return what each term of a `Cost` is multiplied with, 1 for what is idle first."""
        return np.array([1.0, self.work, self.messages, self.requests])


_NONE = Interval(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Fit:
    """How sure a fitted cost is."""

    covariance: tuple[tuple[float, ...], ...]
    """Of the four terms."""
    spread: float
    """Relative standard deviation of what the terms leave unexplained."""
    t: float
    """Standard errors from the middle to the ends of a 90 % interval."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Busy cores = idle + by_work x write equivalents + by_message x messages + by_request x requests."""

    idle: Interval
    by_work: Interval
    """Cores for each byte/s."""
    measured: bool
    source: str
    by_message: Interval = _NONE
    by_request: Interval = _NONE
    fit: Fit | None = None
    typical: Load = Load(1e6)
    """What was measured, on average."""
    factor: float = 1.0
    """What all of it is multiplied with, to see what a plan owes to it."""

    def cores(self, load: Load) -> Interval:
        """Return the cores busy: of a fit the interval that a new measurement lies in with 90 %."""
        parts = load.parts()
        terms = (self.idle, self.by_work, self.by_message, self.by_request)
        if self.fit is None:
            each = [term * float(part) for term, part in zip(terms, parts, strict=True)]
            return (each[0] + each[1] + each[2] + each[3]) * self.factor
        mid = float(parts @ [term.mid for term in terms])
        variance = float(parts @ np.array(self.fit.covariance) @ parts) + (self.fit.spread * mid) ** 2
        half = self.fit.t * float(np.sqrt(max(variance, 0.0)))
        return Interval(max(mid - half, 0.0), mid, mid + half) * self.factor

    def at(self, work: float, messages: float) -> Interval:
        """Return the cores busy with so many requests a message as were measured."""
        each = self.typical.requests / self.typical.messages if self.typical.messages else 0.0
        return self.cores(Load(work, messages, messages * each))

    def each(self) -> Interval:
        """Return the cores for each byte/s of write equivalents at the load that was measured, all terms in it."""
        return self.cores(self.typical) / self.typical.work


def prior() -> Cost:
    """Return what is assumed where nothing was measured."""
    each = Interval(1 / WRITE / PRIOR_SPREAD, 1 / WRITE, PRIOR_SPREAD / WRITE)
    return Cost(_NONE, each, False, "Google, plan-cluster-size: 20 MB/s of write equivalents a vCPU")


def fitted(points: Sequence[tuple[Load, float]], source: str) -> Cost | None:
    """Return the cost by least squares over (load, busy cores) of brokers; None where they tell nothing.

    Least squares of relative deviations with terms of 0 or more, as Cruise Control regresses CPU over bytes. Messages
    and requests are terms where points vary them beside the bytes, since small batches cost by the request; of these
    two go those that are not above 0 with 95 % certainty, the less certain first. Some term has to be. It takes four
    points over a factor of two in bytes, and two more than there are terms. The spread is that of points left out of
    the fit in turn (PRESS, D. M. Allen, Technometrics 16(1), 1974), which also tells what the terms do not explain.
    """
    x = np.array([load.parts() for load, _ in points]) if points else np.zeros((0, 4))
    y = np.array([cores for _, cores in points])
    if len(x) < 4 or x[:, 1].min() <= 0 or x[:, 1].max() < APART * x[:, 1].min() or y.min() <= 0:
        return None
    terms = [0, 1, *(term for term in (2, 3) if _varies(x[:, term] / x[:, 1]))]
    while len(y) >= len(terms) + 2:
        made = _cost(x, y, terms, source)
        doubtful = [term for term in terms[2:] if _term(made, term).low <= 0]
        if not doubtful:
            return made if any(_term(made, term).low > 0 for term in terms[1:]) else None
        terms.remove(min(doubtful, key=lambda term: _certainty(made, term)))
    return None


def _term(cost: Cost, term: int) -> Interval:
    return (cost.idle, cost.by_work, cost.by_message, cost.by_request)[term]


def _certainty(cost: Cost, term: int) -> float:
    """Return a term in standard errors."""
    assert cost.fit is not None
    error = math.sqrt(cost.fit.covariance[term][term])
    return _term(cost, term).mid / error if error else 0.0


def _varies(share: NDArray[np.float64]) -> bool:
    return bool(share.min() > 0 and share.max() >= APART * share.min())


def _cost(x: NDArray[np.float64], y: NDArray[np.float64], terms: Sequence[int], source: str) -> Cost:
    scales = 1.0 / x[:, terms].mean(axis=0)  # columns of very different units become about 1
    relative = x[:, terms] / y[:, None] * scales
    found, _ = optimize.nnls(relative, np.ones(len(y)))
    gram = np.linalg.pinv(relative.T @ relative)
    weight = np.minimum(np.einsum("ij,jk,ik->i", relative, gram, relative), 0.9)  # of each point in its own fit
    spread = float(np.sqrt(np.mean(((relative @ found - 1) / (1 - weight)) ** 2)))
    own = spread**2 * gram * np.outer(scales, scales)
    t = float(stats.t.ppf(0.95, len(y) - len(terms)))
    ends, covariance = [_NONE] * 4, np.zeros((4, 4))
    for term, value, wide in zip(terms, found * scales, t * np.sqrt(np.diag(own)), strict=True):
        ends[term] = Interval(*(float(max(end, 0.0)) for end in (value - wide, value, value + wide)))
    covariance[np.ix_(terms, terms)] = own
    fit = Fit(tuple(tuple(float(cell) for cell in row) for row in covariance), spread, t)
    mean = x.mean(axis=0)
    return Cost(ends[0], ends[1], True, source, ends[2], ends[3], fit, Load(*map(float, mean[1:])))
