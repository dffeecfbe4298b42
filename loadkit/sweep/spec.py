"""What a sweep varies: axes, the grid of points they span, and what became of each trial.

A point is named by its place in the grid, the last axis moving fastest: `p000`, `p001`, ... Its trials are
`DIR/trials/<point>-<repeat>`. Every axis is a dotted path of the scenario or a bare property, as `--set` takes
them, or `target.version`, the version of the embedded Kafka.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from loadkit.errors import UsageError
from loadkit.scenario import parse_assignment

Settings = Mapping[str, Any]
"""Dotted path or bare property to value, as `changes.with_settings` applies them."""
VERSION = "target.version"
"""The path that changes the target and not the scenario; `embedded.version` is the same."""
_ALIASES = {"embedded.version": VERSION}
MAX = "max"
"""The objective that searches for the highest rate within the SLO at each point."""
MOST_POINTS = 10_000
"""Points above which a grid is refused unless a budget says how much of it may be tried."""
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Axis:
    """One setting and the values it takes."""

    path: str
    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        """Raise UsageError for an axis that cannot be swept."""
        if not self.values:
            raise UsageError(f"--vary {self.path}: no values, so the grid is empty; write {self.path}=V1,V2")
        twice = [value for i, value in enumerate(self.values) if value in self.values[:i]]
        if twice:
            raise UsageError(f"--vary {self.path}: {twice[0]!r} is given twice; each value once")


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of values, and whether it can be tried and recommended."""

    id: str
    settings: Settings
    base: bool = False
    """The point repeated throughout as a control of drift: the safe one nearest to the scenario as it is written."""
    safe: bool = True
    unsafe_because: str | None = None
    invalid: str | None = None
    """Why it cannot work; such a point is never run."""


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one trial, as `sweep.json` holds it."""

    point: str
    repeat: int
    index: int
    """Its place in time, from 0."""
    folder: str
    """Relative to the sweep's."""
    status: str
    """complete, failed, interrupted or ended-early."""
    limit: str | None = None
    error: str | None = None
    started_at: str | None = None
    seconds: float | None = None
    """How long it took with everything around it: connecting, warm-up, drain."""
    block: bool = True
    """Whether it is part of a factorial block, and so of the effects."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    warnings: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sweep:
    """Everything that makes a sweep the one it is: the same folder takes no other."""

    axes: tuple[Axis, ...]
    sets: tuple[str, ...] = ()
    """PATH=VALUE for all points alike."""
    repeats: int = 1
    seed: int = 1
    duration: float = 30.0
    """Seconds."""
    warmup: float | None = None
    """Seconds; None: until flat."""
    objective: str = "latency.p99"
    """The metric that names the best point; `max`: the highest rate within the SLO."""
    slo: tuple[str, ...] = ()
    budget: float | None = None
    """Seconds; None: the whole grid."""

    @property
    def metric(self) -> str:
        """The metric by which points are ranked."""
        return "max_rate" if self.objective == MAX else self.objective


@dataclass(frozen=True, slots=True)
class Step:
    """The trial that a strategy wants next."""

    point: Point
    repeat: int
    block: bool = True
    """Part of a factorial block: never ended early."""


class Space(Protocol):
    """The grid with what is known of its points before any trial; they are judged when first asked for."""

    axes: tuple[Axis, ...]
    base: int
    """The number of the base point: the safe and valid one nearest to the scenario as it is written."""

    def point(self, number: int) -> Point:
        """Return the point of a number, judged: whether it can work, and whether it is safe."""


class Strategy(Protocol):
    """Which trial comes next, from those so far; pure, so that a sweep that was killed goes on where it was.

    `done` are the trials so far in the order of time, failed ones included; the same ones always give the same step.
    """

    name: str
    """grid, screening or guided."""

    def points(self, done: Sequence[Record]) -> Sequence[Point]:
        """Return every point that was or will be tried as far as is known, and those that are invalid."""

    def next(self, done: Sequence[Record]) -> Step | None:
        """Return the next trial; None when the sweep is complete."""

    def steps(self, done: Sequence[Record]) -> Sequence[Step]:
        """Return the trials still to come, as far as is known."""

    def left(self, done: Sequence[Record]) -> int:
        """Return how many trials are still to come, those included that are not settled yet."""

    def not_explored(self, done: Sequence[Record]) -> list[str]:
        """Return in sentences what of the grid was or will not be tried."""


def parse_axis(text: str) -> Axis:
    """Return the axis of `PATH=V1,V2,...`; commas inside brackets and quotes belong to a value."""
    path, equals, values = text.partition("=")
    if not equals or not path.strip():
        raise UsageError(f"--vary {text!r}: write PATH=V1,V2, like linger.ms=0,5,20")
    return axis(path.strip(), [parse_assignment(f"{path}={part}")[1] for part in _split(values)])


def axis(path: str, values: Iterable[Any]) -> Axis:
    """Return the axis of a path, under its one spelling."""
    return Axis(_ALIASES.get(path, path), tuple(values))


def _split(text: str) -> list[str]:
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in _OPENING + _CLOSING:
            depth += 1 if letter in _OPENING else -1
        if letter == "," and not quote and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def check_axes(axes: Sequence[Axis], budget: float | None) -> None:
    """Raise UsageError for axes that span no grid, the same one twice, or a grid too large to be tried whole."""
    if not axes:
        raise UsageError("nothing varies, so the grid is empty: give --vary PATH=V1,V2, like --vary linger.ms=0,5,20")
    for i, one in enumerate(axes):
        if one.path in (other.path for other in axes[:i]):
            raise UsageError(f"--vary {one.path} is given twice: write all its values in one")
    if size(axes) > MOST_POINTS and budget is None:
        raise UsageError(
            f"the grid has {size(axes):,} points, more than {MOST_POINTS:,}: leave out values, "
            "or give --budget 1h to try as much of it as pays"
        )


def size(axes: Sequence[Axis]) -> int:
    """Return how many points the grid has."""
    return math.prod(len(one.values) for one in axes)


def settings_at(axes: Sequence[Axis], number: int) -> Settings:
    """Return the settings of the grid's point of a number: its digits in mixed radix, the last axis moving fastest."""
    found = {}
    for one in reversed(axes):
        number, digit = divmod(number, len(one.values))
        found[one.path] = one.values[digit]
    return {one.path: found[one.path] for one in axes}


def number_of(axes: Sequence[Axis], digits: Sequence[int]) -> int:
    """Return the number of the point that takes the value of this place on each axis."""
    number = 0
    for one, digit in zip(axes, digits, strict=True):
        number = number * len(one.values) + digit
    return number


def point_id(number: int) -> str:
    """Return `p007` for 7."""
    return f"p{number:03d}"


def grid(axes: Sequence[Axis]) -> list[Point]:
    """Return every point of the grid, not yet judged."""
    combinations = itertools.product(*(one.values for one in axes))
    return [
        Point(point_id(i), dict(zip((one.path for one in axes), values, strict=True)))
        for i, values in enumerate(combinations)
    ]


def told(settings: Settings) -> str:
    """Return settings as a reader sees them: `linger.ms=5 acks=all`."""
    return " ".join(f"{path}={value}" for path, value in settings.items())
