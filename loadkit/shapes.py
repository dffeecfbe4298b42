"""How the rate of a class changes over a trial: every shape is a piecewise-linear rate.

A level is a multiple of the class's `rate` (a number: `1.5`) or a rate of its own (text: `"5k/s"`).
A knot is (seconds from the start, messages a second). Between knots the rate is linear, two knots at
one time are a jump, after the last knot its rate is held, unless the shape repeats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, SerializeAsAny, field_validator

from loadkit import plugins
from loadkit.units import Seconds, parse_rate

Knots: TypeAlias = tuple[tuple[float, float], ...]

SINE_KNOTS = 128
"""Knots a period of a sine; chords leave it by at most (pi/128)^2 / 2 = 0.03 % of its amplitude."""


def _level(value: Any) -> float | str:
    if isinstance(value, str):
        text = value
        try:
            value = float(text)  # text from a command line: "8" is a multiple, "8/s" a rate
        except ValueError:
            parse_rate(text)
            return text
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise ValueError(f"{value!r} is not a level: write a multiple of the rate like 1.5, or a rate like '5k/s'")
    return float(value)


Level = Annotated[float | str, BeforeValidator(_level)]
"""A multiple of the class's rate (number) or a rate of its own (text)."""
Span = Annotated[Seconds, Field(gt=0)]


def _absolute(level: float | str, rate: float) -> float:
    return parse_rate(level) if isinstance(level, str) else level * rate


class Shape(plugins.Spec):
    """A rate over time, as knots."""

    def knots(self, rate: float) -> Knots:
        """Return (seconds, messages a second) knots for a class of `rate` messages a second."""
        raise NotImplementedError

    def repeats_every(self) -> float | None:
        """Return the seconds after which the knots start again, or None: the last rate is held."""
        return None


class Constant(Shape):
    """The class's rate throughout."""

    kind: Literal["constant"] = "constant"

    def knots(self, rate: float) -> Knots:
        """Return one knot."""
        return ((0.0, rate),)


class Ramp(Shape):
    """A straight line from `start` to `end`, then `end`."""

    kind: Literal["ramp"] = "ramp"
    start: Level = 0.1
    end: Level = 1.0
    over: Span = 30.0

    def knots(self, rate: float) -> Knots:
        """Return two knots."""
        return ((0.0, _absolute(self.start, rate)), (self.over, _absolute(self.end, rate)))


class Steps(Shape):
    """One level after the other, each for `every` seconds, the last one held."""

    kind: Literal["steps"] = "steps"
    levels: tuple[Level, ...] = Field(min_length=1)
    every: Span = 10.0

    def knots(self, rate: float) -> Knots:
        """Return two knots a step."""
        rates = [_absolute(level, rate) for level in self.levels]
        edges = [((i * self.every, r), ((i + 1) * self.every, r)) for i, r in enumerate(rates)]
        return tuple(knot for edge in edges for knot in edge)


class Spike(Shape):
    """The class's rate, but `factor` from `at` for `duration` seconds."""

    kind: Literal["spike"] = "spike"
    factor: Level = 5.0
    at: Seconds = 10.0
    duration: Span = 5.0

    def knots(self, rate: float) -> Knots:
        """Return the rate with one rectangle in it."""
        high, end = _absolute(self.factor, rate), self.at + self.duration
        return ((0.0, rate), (self.at, rate), (self.at, high), (end, high), (end, rate))


class Sine(Shape):
    """`rate * (1 + amplitude * sin(2 pi t / period))`, by chords that stay within 0.03 % of the amplitude.

    The number of messages in a whole period is exactly `rate * period`.
    """

    kind: Literal["sine"] = "sine"
    amplitude: float = Field(0.5, ge=0, le=1)
    period: Span = 60.0

    def knots(self, rate: float) -> Knots:
        """Return the knots of one period."""
        turns = [i / SINE_KNOTS for i in range(SINE_KNOTS + 1)]
        return tuple((t * self.period, rate * (1 + self.amplitude * math.sin(2 * math.pi * t))) for t in turns)

    def repeats_every(self) -> float | None:
        """Return the period."""
        return self.period


class Points(Shape):
    """Straight lines between (time, level) points; the first level holds before, the last one after."""

    kind: Literal["points"] = "points"
    points: tuple[tuple[Seconds, Level], ...] = Field(min_length=1)

    @field_validator("points")
    @classmethod
    def _ordered(cls, points: tuple[tuple[float, float | str], ...]) -> tuple[tuple[float, float | str], ...]:
        for (before, _), (after, _) in pairwise(points):
            if after < before:
                raise ValueError(f"times must not go back: {after:g} s stands after {before:g} s")
        return points

    def knots(self, rate: float) -> Knots:
        """Return the points as they are."""
        return tuple((t, _absolute(level, rate)) for t, level in self.points)


KINDS: dict[str, type[Shape]] = {
    "constant": Constant, "ramp": Ramp, "steps": Steps, "spike": Spike, "sine": Sine, "points": Points,
}  # fmt: skip

AnyShape = Annotated[SerializeAsAny[Shape], BeforeValidator(partial(plugins.read, plugins.one_of(KINDS)))]
"""A pydantic field that takes a shape, its dict, or its text: `"sine"`, `"spike(factor=8)"`."""


def constant() -> Constant:
    """Return the class's rate throughout."""
    return Constant()


def ramp(start: float | str = 0.1, end: float | str = 1.0, over: float | str = "30s") -> Ramp:
    """Return a straight line from level `start` to level `end`."""
    return Ramp.model_validate({"start": start, "end": end, "over": over})


def steps(levels: Sequence[float | str], every: float | str = "10s") -> Steps:
    """Return one level after the other, the last one held."""
    return Steps.model_validate({"levels": levels, "every": every})


def spike(factor: float | str = 5.0, at: float | str = "10s", duration: float | str = "5s") -> Spike:
    """Return the class's rate with one rectangle of `factor` in it."""
    return Spike.model_validate({"factor": factor, "at": at, "duration": duration})


def sine(amplitude: float = 0.5, period: float | str = "60s") -> Sine:
    """Return the class's rate swinging by `amplitude` (0 ... 1 of the rate) for ever."""
    return Sine.model_validate({"amplitude": amplitude, "period": period})


def points(points: Sequence[tuple[float | str, float | str]]) -> Points:
    """Return straight lines between (time, level) points."""
    return Points.model_validate({"points": points})
