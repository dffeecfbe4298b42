"""Intervals over pairs, the looks at which they may end a gate, and the smallest effect they can show; pure.

A pair gives one number: the log of the ratio candidate to baseline. What disturbs a machine for a while falls on
either side of a pair alike, and one such pair says more of the machine than of the candidate. So a tenth of the pairs
at either end is left out of their mean, from ten pairs on, and the interval is Yuen's (Biometrika 61(1), 1974):
Student's t over what is left, its error from the winsorised squares. With fewer it is the mean and Student's t.

A gate looks at its pairs several times, so each look has a part of the error rate of its own. What is spent until a
share s of all pairs is alpha * s^3 (power family of Kim and DeMets, Biometrika 74(1), 1987), and every look is held to
its own part alone (Bonferroni's inequality): whatever the looks have in common, the interval at the look where a gate
stops misses the truth in at most alpha of all gates. Most is left for the last look, where it is worth most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

ALPHA = 0.01
"""Share of gates whose interval may miss the truth, on either side, at all looks together."""
POWER = 0.95
FEWEST = 7
"""Pairs under which nothing is told: with six, two sides of 1 % cannot be told apart without trusting the t's tail."""
GROWTH = 1.4
"""By how much the number of pairs grows from look to look."""
TRIM = 0.1
"""Share of the pairs left out of the mean at either end."""
NOTHING = 1e-12
"""What rounding leaves where there is nothing."""
UNSURE = 0.01
"""The noise is taken as high as its estimate leaves possible with this probability, where power is promised."""


@dataclass(frozen=True, slots=True)
class Look:
    """After how many pairs the gate may end, and the tail probability of each end of its interval there."""

    pairs: int
    tail: float


def looks(most: int) -> tuple[Look, ...]:
    """Return the looks of a gate of at most so many pairs; none when they are too few for a verdict."""
    if most < FEWEST:
        return ()
    at = [FEWEST]
    while at[-1] < most:
        at.append(min(most, max(at[-1] + 1, round(at[-1] * GROWTH))))
    if len(at) > 2 and at[-1] - at[-2] < 2:
        at.pop(-2)
    spent = [0.0, *((pairs / most) ** 3 for pairs in at)]
    return tuple(
        Look(pairs, ALPHA / 2 * (now - before)) for pairs, before, now in zip(at, spent, spent[1:], strict=False)
    )


def last_look(planned: Sequence[Look], pairs: int) -> Look:
    """Return the look of a gate that ends after so many pairs, for want of time: all that is not yet spent."""
    spent = sum(look.tail for look in planned if look.pairs < pairs)
    return Look(pairs, ALPHA / 2 - spent)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A trimmed mean with its interval."""

    mean: float
    low: float
    high: float
    sd: float
    """Of one pair: the error of the mean times the root of the pairs that are left in it."""
    n: int
    """All pairs."""
    whole: float = 0.0
    """Standard deviation of all pairs, none left out."""

    def p(self, bound: float, upward: bool) -> float:
        """Return the probability of a mean so far beyond `bound` by noise alone (one-sided t-test)."""
        distance = self.mean - bound if upward else bound - self.mean
        if self.sd == 0.0:
            return 0.0 if distance > NOTHING else 1.0
        left = kept(self.n)
        return float(special.stdtr(left - 1, -distance / (self.sd / math.sqrt(left))))


def kept(n: int) -> int:
    """Return how many of n pairs are left in the mean."""
    return n - 2 * int(TRIM * n)


def estimate(values: Sequence[float], tail: float) -> Estimate:
    """Return the trimmed mean of values and its interval, whose ends each leave out `tail`."""
    n, left = len(values), kept(len(values))
    cut = (n - left) // 2
    ordered = np.sort(np.asarray(values, float))
    inner = ordered[cut : n - cut]
    mean = float(inner.mean())
    if n < 2:
        return Estimate(mean, -math.inf, math.inf, math.nan, n, math.nan)
    winsorised = np.clip(ordered, inner[0], inner[-1])
    sd = math.sqrt(float(((winsorised - winsorised.mean()) ** 2).sum()) / (left - 1))
    sd = 0.0 if sd < NOTHING * max(1.0, abs(mean)) else sd
    half = -float(special.stdtrit(left - 1, tail)) * sd / math.sqrt(left)
    return Estimate(mean, mean - half, mean + half, sd, n, float(ordered.std(ddof=1)))


def two_samples(one: Sequence[float], other: Sequence[float], tail: float) -> tuple[float, float, float]:
    """Return by how much the trimmed mean of `other` lies above that of `one`, and the interval of that difference.

    Each end leaves out `tail`. Yuen's two-sample interval (Biometrika 61(1), 1974): under ten values a side nothing is
    trimmed and it is Welch's (Biometrika 34, 1947), whose sides need be neither equally many nor equally noisy.
    """
    a, b = estimate(one, 0.5), estimate(other, 0.5)
    middle = b.mean - a.mean
    if min(a.n, b.n) < 2:
        return middle, -math.inf, math.inf
    parts = [(side.sd**2 / kept(side.n), kept(side.n) - 1) for side in (a, b)]
    whole = sum(part for part, _ in parts)
    if whole == 0.0:
        return middle, middle, middle
    free = whole**2 / sum(part**2 / left for part, left in parts)
    half = -float(special.stdtrit(free, tail)) * math.sqrt(whole)
    return middle, middle - half, middle + half


def highest_sd(sd: float, n: int, whole: float = 0.0) -> float:
    """Return the noise that an estimate from n values leaves possible (chi-square, one-sided, `UNSURE`).

    `sd` leaves the farthest pairs out, and so cannot tell a machine that disturbs a tenth of its pairs from one that
    disturbs three tenths, where the trimmed mean breaks down: which of the two n pairs came from is chance. `whole`,
    the standard deviation of all n values, grows with each far pair; the larger of the two bounds counts.
    """
    return max(_highest(sd, kept(n) - 1), _highest(whole, n - 1))


def _highest(sd: float, free: int) -> float:
    return sd * math.sqrt(free / float(special.chdtri(free, 1 - UNSURE)))


def beyond(sd: float, pairs: int, tail: float) -> float:
    """Return how far beyond the margin a true effect must lie to be told with `POWER` at the last of so many pairs.

    From the noncentral t distribution; earlier looks only add to it.
    """
    if sd == 0.0:
        return 0.0
    left = kept(pairs)
    critical = -float(special.stdtrit(left - 1, tail))
    return float(special.nctdtrinc(left - 1, 1 - POWER, critical)) * sd / math.sqrt(left)
