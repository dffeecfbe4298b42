"""A value that is not known exactly: low, mid and high end, of which mid is the best single guess.

Ends are those of a 90 % interval unless said otherwise. Arithmetic takes the worst ends of its operands, so the ends
of a sum or product of independent values are wider than its own 90 %: never too sure. Values are 0 or more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

Z90 = 1.6448536269514722
"""Standard deviations of a normal from its middle to the ends of its 90 % interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Low, mid and high end."""

    low: float
    mid: float
    high: float

    def __post_init__(self) -> None:
        """Raise ValueError for ends that are out of order, negative or no numbers."""
        if not 0 <= self.low <= self.mid <= self.high:
            raise ValueError(f"{self.low}, {self.mid}, {self.high} are no interval of values of 0 or more")

    def __add__(self, other: Interval | float) -> Interval:
        """Return the sum."""
        o = of(other)
        return Interval(self.low + o.low, self.mid + o.mid, self.high + o.high)

    def __mul__(self, other: Interval | float) -> Interval:
        """Return the product."""
        o = of(other)
        return Interval(self.low * o.low, self.mid * o.mid, self.high * o.high)

    def __truediv__(self, other: Interval | float) -> Interval:
        """Return the quotient; infinite where the divisor is 0."""
        o = of(other)
        return Interval(_over(self.low, o.high), _over(self.mid, o.mid), _over(self.high, o.low))

    __radd__ = __add__
    __rmul__ = __mul__

    def least(self, other: Interval | float) -> Interval:
        """Return the lesser of the two."""
        o = of(other)
        return Interval(min(self.low, o.low), min(self.mid, o.mid), min(self.high, o.high))

    def through(self, rising: Callable[[float], float]) -> Interval:
        """Return what a function that never falls makes of it."""
        return Interval(rising(self.low), rising(self.mid), rising(self.high))

    def facts(self) -> list[float]:
        """Return the ends as they stand in a file."""
        return [self.low, self.mid, self.high]


def of(value: Interval | float) -> Interval:
    """Return a number as an interval without width; an interval as it is."""
    return value if isinstance(value, Interval) else Interval(value, value, value)


def around(mid: float, relative: float) -> Interval:
    """Return `mid` with ends a factor of 1 + relative away on either side."""
    return Interval(mid / (1 + relative), mid, mid * (1 + relative))


def repeated(values: Sequence[float], least: float) -> Interval:
    """Return the 90 % interval of the geometric mean of repeated measurements above 0, as wide as `around(_, least)`.

    The logarithms of repeats are taken as normal: mean ± t(0.95, n-1) s / sqrt(n). One value is `around(value, least)`.
    """
    logs = np.log(values)
    mid = float(np.exp(logs.mean()))
    if len(values) < 2:
        return around(mid, least)
    half = float(stats.t.ppf(0.95, len(values) - 1) * logs.std(ddof=1) / math.sqrt(len(values)))
    return around(mid, max(math.expm1(half), least))


def _over(number: float, divisor: float) -> float:
    if divisor:
        return number / divisor
    return math.inf if number else 0.0
