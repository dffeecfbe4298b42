"""How far repeats of one point differ, and what follows for sums and differences of points.

    log y = point + block + noise                   one observation a trial; blocks are the rounds of repeats

Least squares gives each point's mean with the blocks taken out. What is left over gives each point a variance of its
own, because p99 near saturation is far noisier than p99 at ease. A sum over many points takes each point's own
variance, which is unbiased, and the degrees of freedom of their weighted sum (Satterthwaite, Biometrics Bulletin 2,
1946). One or two points alone have too few repeats for that: their variances are moderated, drawn towards the one that
all points share by as much as the spread of the points' variances warrants (empirical Bayes: G. K. Smyth, Stat. Appl.
Genet. Mol. Biol. 3(1), 2004, section 6). A point that was not repeated takes the shared variance in both. All intervals
are Student's t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]
LEVEL = 0.95
_NOTHING = 1e-9
"""What rounding leaves where there is nothing."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """A weighted sum of logs of points: the log of a ratio where the weights sum to zero; with its 95 % interval."""

    estimate: float
    low: float
    high: float
    p: float
    """Probability of an estimate as far from zero by noise alone (two-sided t-test); 1 when noise is not known."""
    df: float
    """Degrees of freedom; 0 when nothing was repeated, and then the interval is as wide as can be."""

    @property
    def change(self) -> float:
        """The estimate as a share: 0.1 is 10 % more."""
        return float(np.expm1(self.estimate))

    @property
    def changes(self) -> tuple[float, float]:
        """The ends of the interval as shares."""
        return float(np.expm1(self.low)), float(np.expm1(self.high))


@dataclass(frozen=True, slots=True)
class Repeats:
    """Log means of points with blocks taken out, and the noise of one trial at each."""

    points: tuple[str, ...]
    means: Floats
    weights: Floats
    """Points x trials: how each mean is made of the trials' logs."""
    place: NDArray[np.int64]
    """Which point each trial is of."""
    variance: Floats
    """Of one trial's log, by point, unbiased; NaN when nothing at all was repeated."""
    df: Floats
    """Degrees of freedom of each point's variance."""
    moderated: Floats
    moderated_df: Floats
    total_df: float
    """Degrees of freedom that all repeats hold together."""

    def contrast(self, by_point: Floats) -> Contrast:
        """Return the sum of many points' logs with these weights."""
        return self._told(by_point, self.variance, self.df)

    def of(self, point: str, against: str | None = None, among: int = 1) -> Contrast:
        """Return a point's log mean, or by how much it differs from another point's.

        `among` is how many points it was picked from: the interval covers all of theirs together (Bonferroni), so it
        holds for the best one too, whose measured value owes something to luck.
        """
        by_point = np.zeros(len(self.points))
        by_point[self.points.index(point)] = 1.0
        if against is not None:
            by_point[self.points.index(against)] -= 1.0
        return self._told(by_point, self.moderated, self.moderated_df, among)

    def _told(self, by_point: Floats, variance: Floats, df: Floats, among: int = 1) -> Contrast:
        estimate = float(by_point @ self.means)
        if not self.total_df:
            return told(estimate, np.nan, 0.0)
        parts = _by(self.place, (by_point @ self.weights) ** 2) * variance
        whole, own = float(parts.sum()), float((parts**2 / df).sum())
        return told(estimate, whole, min(whole**2 / own, self.total_df) if own > 0 else self.total_df, among)


def told(estimate: float, variance: float, df: float, among: int = 1) -> Contrast:
    """Return an estimate with its t interval; an endless one when the variance is not known.

    With `among` above 1, interval and probability are those of one of so many (Bonferroni).
    """
    if not np.isfinite(variance) or df <= 0:
        return Contrast(estimate, -np.inf, np.inf, 1.0, 0.0)
    error = float(np.sqrt(max(variance, 0.0)))  # rounding leaves a little less than nothing
    if error < _NOTHING:  # repeats agree to the last digit: a simulated cluster without noise
        return Contrast(estimate, estimate, estimate, float(abs(estimate) < _NOTHING), df)
    half = -float(special.stdtrit(df, (1 - LEVEL) / 2 / among)) * error
    p = min(float(2 * special.stdtr(df, -abs(estimate) / error)) * among, 1.0)
    return Contrast(estimate, estimate - half, estimate + half, p, df)


def repeats(points: Sequence[str], blocks: Sequence[int], logs: Sequence[float]) -> Repeats:
    """Return means and noise of trials: the point, the block and the log of the metric of each."""
    names = tuple(dict.fromkeys(points))
    place: NDArray[np.int64] = np.array([names.index(point) for point in points], np.int64)
    y = np.asarray(logs, float)
    design = np.hstack([np.eye(len(names))[place], _blocks(np.asarray(blocks))])
    inverse = np.linalg.pinv(design)
    left = y - design @ (inverse @ y)
    free = 1.0 - np.einsum("ij,ji->i", design, inverse)
    df = _by(place, np.where(free > _NOTHING, free, 0.0))
    squares = _by(place, left**2)
    own, shared = _unbiased(squares, df), moderated(squares, df)
    weights: Floats = np.asarray(inverse[: len(names)], float)
    return Repeats(names, weights @ y, weights, place, *own, *shared, float(df.sum()))


def _by(place: NDArray[np.int64], values: Floats) -> Floats:
    """Return the sums of trials' values by point."""
    return np.bincount(place, values).astype(float)


def _blocks(blocks: NDArray[np.int64]) -> Floats:
    """Return columns for all blocks but one, coded to sum to zero, so that a point's mean is that of all blocks."""
    found, at = np.unique(blocks, return_inverse=True)
    coded = np.vstack([np.eye(len(found) - 1), -np.ones(len(found) - 1)])
    return np.asarray(coded[at], float)


def _unbiased(squares: Floats, df: Floats) -> tuple[Floats, Floats]:
    """Return each point's own variance and its freedom; those of all points together where it was not repeated."""
    total = float(df.sum())
    pooled = float(squares[df > 0].sum()) / total if total else np.nan
    return np.where(df > 0, squares / np.where(df > 0, df, 1.0), pooled), np.where(df > 0, df, total)


def moderated(squares: Floats, df: Floats) -> tuple[Floats, Floats]:
    """Return each point's moderated variance and its degrees of freedom, from sums of squares and their freedom."""
    known = df > 0
    total = float(df[known].sum())
    if not known.any():
        return np.full(len(df), np.nan), np.zeros(len(df))
    pooled = float(squares[known].sum()) / total
    own = squares[known] / df[known]
    if pooled < _NOTHING**2:
        return np.zeros(len(df)), np.full(len(df), total)
    prior_df, prior = _prior(np.maximum(own, 1e-5 * np.median(own[own > 0])), df[known])
    if not np.isfinite(prior_df):
        return np.full(len(df), pooled), np.full(len(df), total)
    variance = np.full(len(df), prior)
    variance[known] = (prior_df * prior + df[known] * own) / (prior_df + df[known])
    return variance, np.minimum(np.where(known, prior_df + df, prior_df), total)


def _prior(own: Floats, df: Floats) -> tuple[float, float]:
    """Return the degrees of freedom and the variance that points share (Smyth 2004, section 6.2)."""
    if len(own) < 2:
        return np.inf, float(own.mean())
    logs = np.log(own) - special.digamma(df / 2) + np.log(df / 2)
    spread = float(logs.var(ddof=1)) - float(special.polygamma(1, df / 2).mean())
    if spread <= 1e-6:
        return np.inf, float(own.mean())
    half = optimize.brentq(lambda log: special.polygamma(1, np.exp(log)) - spread, -12.0, 15.0)
    prior_df = 2 * float(np.exp(half))
    return prior_df, float(np.exp(logs.mean() + special.digamma(prior_df / 2) - np.log(prior_df / 2)))
