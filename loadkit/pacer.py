"""When message i is due, in integer nanoseconds from the start of the schedule. No clock is read here.

`due` and `intended` are exact inverses: `due(t) > i` if and only if `intended(i) <= t`. That is what makes
the load open-loop: whatever the cluster does, message i was due at `intended(i)`.

A steady rate is exact rational arithmetic. A changing one inverts the integral of its rate in floats; the
rounded result is what counts, and wherever rounding could matter `due` corrects its estimate by it.
A message that falls on the edge of a stretch of rate 0 is due when that stretch ends.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loadkit import hashing
from loadkit.shapes import Knots, Shape

Instants: TypeAlias = NDArray[np.int64]
_Floats: TypeAlias = NDArray[np.float64]
_Stretch: TypeAlias = tuple[float, float, float, float, int, int]

NEVER: Final = (1 << 63) - 1
"""When a message is intended that never is, because the rate has gone to 0."""
_SECOND: Final = 10**9
_SAFE: Final = 1 << 62
_BLOCK: Final = 4096


class Pacer(Protocol):
    """The schedule of one stream of messages."""

    def due(self, elapsed_ns: int) -> int:
        """Return how many messages are intended at or before `elapsed_ns`."""
        ...

    def at(self, message: int) -> int:
        """Return when one message is due: the same as `intended`, in about a microsecond."""
        ...

    def intended(self, first: int, n: int, step: int = 1) -> Instants:
        """Return when the n messages first, first + step, ... are due."""
        ...


@dataclass(frozen=True, slots=True)
class Even:
    """Message i is due at floor(i * 10^9 / rate) ns, exactly, for as long as int64 nanoseconds last (292 years)."""

    rate: Fraction

    def due(self, elapsed_ns: int) -> int:
        """Return ceil((elapsed_ns + 1) * rate / 10^9)."""
        if elapsed_ns < 0:
            return 0
        return -(-(elapsed_ns + 1) * self.rate.numerator // (_SECOND * self.rate.denominator))

    def at(self, message: int) -> int:
        """Return when one message is due."""
        if not self.rate.numerator:
            return NEVER
        return min(message * _SECOND * self.rate.denominator // self.rate.numerator, NEVER)

    def intended(self, first: int, n: int, step: int = 1) -> Instants:
        """Return when the n messages first, first + step, ... are due."""
        numerator, unit = self.rate.numerator, _SECOND * self.rate.denominator
        if not numerator or n <= 0:
            return np.full(n, NEVER)
        made = np.empty(n, np.int64)
        whole, rest = divmod(step * unit, numerator)
        reachable = max(0, min(n, -(-(self.due(NEVER - 1) - first) // step)))
        made[reachable:] = NEVER
        # floor((base + j * step) * unit / numerator), split so that no product leaves 63 bits
        chunk = max(1, _SAFE // numerator - 1)
        for start in range(0, reachable, chunk):
            j = np.arange(min(chunk, reachable - start))
            at, left = divmod((first + start * step) * unit, numerator)
            made[start : start + len(j)] = at + j * whole + (left + j * rest) // numerator
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Shaped:
    """Message i is due when the integral of a piecewise-linear rate reaches i, to the nearest nanosecond.

    Within a stretch that starts with rate r and slope a, x messages take `2 x / (r + sqrt(r^2 + 2 a x))`
    seconds: the root of `r t + a t^2 / 2 = x` that stays accurate as a goes to 0. It grows with x in floats
    too as long as a stretch holds fewer than 10^15 messages, three years at 10 M/s.
    """

    starts_ns: tuple[int, ...]
    """When each stretch starts."""
    counts: tuple[float, ...]
    """Messages before each stretch."""
    stretches: tuple[_Stretch, ...]
    """Of each: messages before it, rate r, r^2, twice its slope, start and end in ns."""
    lap_ns: int
    """When everything starts again; NEVER where it does not."""
    lap: float
    """Messages in a lap; inf where there is none."""
    slack: float
    """Messages in two nanoseconds of the highest rate: how near a whole number `due` must look twice."""
    columns: tuple[_Floats, _Floats, _Floats, _Floats, Instants, Instants]
    """The stretches as arrays."""

    def due(self, elapsed_ns: int) -> int:
        """Return how many messages are intended at or before `elapsed_ns`."""
        if elapsed_ns < 0 or not self.lap:
            return 0
        laps, local = divmod(elapsed_ns, self.lap_ns)
        k = bisect_right(self.starts_ns, local) - 1
        count, rate, _, twice, start, _ = self.stretches[k]
        t = (local - start) / 1e9 if start < NEVER else 0.0
        x = count + t * (rate + twice * t / 4) if t else count
        if laps:
            x += laps * self.lap
        guess, slack, at = int(x), self.slack + x * 1e-12, self.at
        if slack < x - guess < 1.0 - slack:
            return guess + 1  # rounding cannot have moved message `guess` past t, nor the next one before it
        while guess and at(guess - 1) > elapsed_ns:
            guess -= 1
        while at(guess) <= elapsed_ns:
            guess += 1
        return guess

    def intended(self, first: int, n: int, step: int = 1) -> Instants:
        """Return when the n messages first, first + step, ... are due."""
        return self.when(np.arange(first, first + n * step, step).astype(np.float64))

    def when(self, messages: _Floats) -> Instants:
        """Return when the integral of the rate leaves each of `messages`, ascending floats; NEVER if it does not."""
        if not self.lap or not len(messages):
            return np.full(len(messages), NEVER)
        if self.lap == math.inf:
            return self._local(messages)
        laps = np.floor(messages / self.lap)
        made = self._local(np.maximum(messages - laps * self.lap, 0.0))
        made += laps.astype(np.int64) * self.lap_ns
        return made

    def _local(self, x: _Floats) -> Instants:
        counts, rates, squares, twice, starts, ends = self.columns
        low, high = counts.searchsorted((x.min(), x.max()), "right") - 1
        k = low if low == high else counts.searchsorted(x, "right") - 1
        x = x - counts[k]
        under = twice[k] * x
        under += squares[k]
        np.sqrt(np.maximum(under, 0.0, out=under), out=under)
        under += rates[k]
        np.maximum(under, 1e-300, out=under)  # 0 only where x is
        x *= 2.0
        x /= under
        x *= 1e9
        x += 0.5
        made = x.astype(np.int64)
        made += starts[k]
        return np.minimum(made, ends[k], out=made)

    def at(self, message: int) -> int:
        """Return when one message is due: the same operations as for many, so the same bits, without arrays."""
        if not self.lap:
            return NEVER
        x, shift = float(message), 0
        if self.lap_ns != NEVER:
            laps = int(x / self.lap)
            shift, x = laps * self.lap_ns, x - laps * self.lap
            x = max(x, 0.0)
        count, rate, square, twice, start, end = self.stretches[bisect_right(self.counts, x) - 1]
        x -= count
        under = twice * x + square
        under = rate + math.sqrt(under) if under > 0.0 else rate
        made = start + int(2.0 * x / under * 1e9 + 0.5) if under else start
        return shift + min(made, end)


def shaped(knots: Knots, repeats_every: float | None = None) -> Shaped:
    """Return the schedule of a rate that is linear between `knots` of (seconds, messages a second).

    The first rate also holds before the first knot, and the last one for ever, unless it all starts again
    after `repeats_every` seconds. Raises ValueError for times that go back or rates below 0.
    """
    if not knots or any(t < 0 or r < 0 for t, r in knots) or any(a[0] > b[0] for a, b in pairwise(knots)):
        raise ValueError("knots need times in order and rates of 0 or more")
    times = [0, *(round(t * _SECOND) for t, _ in knots)]
    rates = [knots[0][1], *(r for _, r in knots)]
    if repeats_every is not None:
        times, rates = [*times, round(repeats_every * _SECOND)], [*rates, rates[-1]]
    spans = [(b - a) / _SECOND for a, b in pairwise(times)]
    held = [(a + b) / 2 * span for (a, b), span in zip(pairwise(rates), spans, strict=True)]
    twice = [2 * (b - a) / span if span else 0.0 for (a, b), span in zip(pairwise(rates), spans, strict=True)]
    counts = [math.fsum(held[:i]) for i in range(len(times))]
    rows = [*zip(counts, rates, [r * r for r in rates], [*twice, 0.0], times, [*times[1:], NEVER], strict=True)]
    if repeats_every is not None:
        return _shaped(times[:-1], rows[:-1], times[-1], counts[-1])
    if not rates[-1]:  # what is left after the end takes no time, from NEVER on
        rows[-1] = (counts[-1], math.inf, math.inf, 0.0, NEVER, NEVER)
    return _shaped(times, rows, NEVER, math.inf)


def _shaped(starts: list[int], rows: list[_Stretch], lap_ns: int, lap: float) -> Shaped:
    counts, rates, squares, twice = (np.array([row[i] for row in rows]) for i in range(4))
    begin, end = (np.array([row[i] for row in rows], np.int64) for i in (4, 5))
    columns = (counts, rates, squares, twice, begin, end)
    slack = 2e-9 * max((row[1] for row in rows if row[1] < math.inf), default=0.0) + 1e-12
    return Shaped(tuple(starts), tuple(row[0] for row in rows), tuple(rows), lap_ns, lap, slack, columns)


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Every `stride`-th message of a class, from `slot` on: what one of `stride` users sends."""

    pacer: Pacer
    slot: int
    stride: int

    def due(self, elapsed_ns: int) -> int:
        """Return how many of this user's messages are intended at or before `elapsed_ns`."""
        return max(0, (self.pacer.due(elapsed_ns) - self.slot + self.stride - 1) // self.stride)

    def at(self, message: int) -> int:
        """Return when one of this user's messages is due."""
        return self.pacer.at(self.slot + message * self.stride)

    def intended(self, first: int, n: int, step: int = 1) -> Instants:
        """Return when this user's n messages first, first + step, ... are due."""
        return self.pacer.intended(self.slot + first * self.stride, n, step * self.stride)


@dataclass(frozen=True, slots=True, eq=False)
class Poisson:
    """Arrivals at random, independent of each other: the share `1 / stride` of a shaped rate.

    Exponential gaps of mean 1 by message number, cumulated, times `stride`, put through the inverse of the
    integrated rate (time change of a unit Poisson process; Cinlar, 1975, chapter 4.7). Made in blocks of
    4096; eight blocks are kept, and 16 bytes for each block there ever was, so going back is exact too.
    """

    shape: Shaped
    stride: int
    seed: int
    stream: int
    _sums: array[float] = field(default_factory=lambda: array("d", [0.0]))
    """Cumulated gaps before each block known."""
    _lasts: array[int] = field(default_factory=lambda: array("q"))
    """When the last message of each block known is due."""
    _blocks: OrderedDict[int, Instants] = field(default_factory=OrderedDict)

    def due(self, elapsed_ns: int) -> int:
        """Return how many messages are intended at or before `elapsed_ns`."""
        while not self._lasts or self._lasts[-1] <= elapsed_ns:
            self._block(len(self._lasts))
        b = len(self._lasts) - 1
        if b and self._lasts[b - 1] > elapsed_ns:
            b = bisect_right(self._lasts, elapsed_ns)
        return b * _BLOCK + int(self._block(b).searchsorted(elapsed_ns, "right"))

    def at(self, message: int) -> int:
        """Return when one message is due."""
        b, i = divmod(message, _BLOCK)
        return int(self._block(b)[i])

    def intended(self, first: int, n: int, step: int = 1) -> Instants:
        """Return when the n messages first, first + step, ... are due."""
        if n <= 0:
            return np.empty(0, np.int64)
        blocks, last = range(first // _BLOCK, (first + (n - 1) * step) // _BLOCK + 1), first + (n - 1) * step
        parts = [self._block(b) for b in blocks]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return whole[first - blocks[0] * _BLOCK : last - blocks[0] * _BLOCK + 1 : step].copy()

    def _block(self, b: int) -> Instants:
        for missing in range(len(self._lasts), b):
            self._block(missing)
        if b in self._blocks:
            self._blocks.move_to_end(b)
            return self._blocks[b]
        numbers = np.arange(b * _BLOCK, (b + 1) * _BLOCK)
        gaps = -np.log1p(-hashing.uniform(self.seed, numbers, self.stream))
        gaps[0] += self._sums[b]
        sums = np.cumsum(gaps)
        made = self.shape.when(sums * self.stride)
        if b == len(self._lasts):
            self._sums.append(float(sums[-1]))
            self._lasts.append(int(made[-1]))
        self._blocks[b] = made
        if len(self._blocks) > 8:
            self._blocks.popitem(last=False)
        return made


def pacer(
    rate: float, shape: Shape | None, arrivals: Literal["even", "poisson"], slot: int, stride: int, seed: int
) -> Pacer:
    """Return the schedule of user `slot` of `stride` in a class of `rate` messages a second.

    Even: the users take the class's messages in turn. Poisson: each has a stream of its own of a share of the rate.
    """
    knots = shape.knots(rate) if shape else ((0.0, rate),)
    repeats = shape.repeats_every() if shape else None
    if arrivals == "poisson":
        return Poisson(shaped(knots, repeats), stride, seed, hashing.Stream.ARRIVAL + slot)
    steady = len({r for _, r in knots}) == 1
    whole: Pacer = Even(rational(knots[0][1])) if steady else shaped(knots, repeats)
    return whole if stride == 1 else Interleaved(whole, slot, stride)


def rational(rate: float) -> Fraction:
    """Return `rate` as a short fraction, off by less than a part in 10^11: 0.1 is 1/10, 1 M/min is 50000/3."""
    if rate >= 1:
        return Fraction(rate).limit_denominator(10**6)
    return 1 / (1 / Fraction(rate)).limit_denominator(10**6) if rate > 0 else Fraction(0)


def time_of(pacers: Sequence[Pacer], total: int) -> int:
    """Return the least duration in ns, its end excluded, in which the pacers have `total` messages due.

    Raises ValueError when they never have.
    """
    if total <= 0:
        return 0
    high = 10**6
    while _due(pacers, high) < total:
        if high == NEVER - 1:
            raise ValueError(f"{total} messages are never due: the rates end at 0 before")
        high = min(2 * high, NEVER - 1)
    low = -1  # fewer than `total` at low, at least `total` at high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _due(pacers, middle) >= total else (middle, high)
    return high + 1


def quotas(pacers: Sequence[Pacer], total: int) -> tuple[int, ...]:
    """Return how many of the first `total` messages each pacer sends; at a tie the earlier pacer goes first."""
    last = time_of(pacers, total) - 1
    before = [each.due(last - 1) if last >= 0 else 0 for each in pacers]
    left = max(total, 0) - sum(before)
    sent = []
    for each, done in zip(pacers, before, strict=True):
        more = min(each.due(last) - done, left) if last >= 0 else 0
        left -= more
        sent.append(done + more)
    return tuple(sent)


def _due(pacers: Sequence[Pacer], elapsed_ns: int) -> int:
    return sum(each.due(elapsed_ns) for each in pacers)
