"""How points are drawn: shape and colour both say whether one is safe, colour also whose limit it was.

A circle is safe and a cross is not, in every picture of every page; only filled ones are figures of the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadkit.report.charts import AMBER, BLUE, GREEN, GREY, RED


@dataclass(frozen=True, slots=True)
class Mark:
    """How points of one kind are drawn, and what the legend calls them."""

    name: str
    symbol: str
    color: int


POINTS = {
    (True, "measured"): Mark("safe", "circle", BLUE),
    (False, "measured"): Mark("unsafe", "x", RED),
    (True, "generator"): Mark("safe, generator-limited", "circle-open", GREY),
    (False, "generator"): Mark("unsafe, generator-limited", "x-open", GREY),
    (True, "early"): Mark("safe, ended early", "circle-open", AMBER),
    (False, "early"): Mark("unsafe, ended early", "x-open", AMBER),
}
"""By whether a point is safe, and by its state."""
UNSAFE_CELL = Mark("only unsafe points", "x", RED)
TOLD = Mark("told from noise", "circle", BLUE)
UNTOLD = Mark("cannot be told from noise", "circle-open", GREY)
VERDICTS = {
    "pass": Mark("passed", "circle", GREEN),
    "fail": Mark("failed", "triangle-up", RED),
    "unknown": Mark("too near the edge to tell", "square-open", AMBER),
    "generator": Mark("generator-limited", "circle-open", GREY),
}
"""Of the trials of a search, by what became of them."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One point of a plane."""

    x: float
    y: float
    mark: Mark
    hover: str
    low: float | None = None
    high: float | None = None
    """Ends of the interval of `y`."""
    ring: str = ""
    """What is written beside it: best, base."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One row: a label above a dot with its interval."""

    label: str
    value: float
    low: float | None
    high: float | None
    mark: Mark
    hover: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Trail:
    """Points of one curve, the line that is drawn through them, and where it bends."""

    name: str
    spots: tuple[Spot, ...]
    color: int
    line: tuple[tuple[float, float], ...]
    knee: tuple[float, float] | None = None
