"""The arithmetic of a comparison: paired ratios, their spread, and whether a floor or an aim is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

Sense = Literal[">=", "<="]


@dataclass(frozen=True, slots=True)
class Spread:
    """Several figures of one kind: median, lowest, highest."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return median, lowest and highest of at least one value."""
    return Spread(median(values), min(values), max(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return ours over theirs pair by pair: what drifts in time (a broker that warms up) divides out."""
    return [our / their for our, their in zip(ours, theirs, strict=True)]


def differences(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the absolute difference of each pair."""
    return [abs(our - their) for our, their in zip(ours, theirs, strict=True)]


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """Return the order of one round: every contestant is first, second, ... equally often."""
    at = turn % len(names)
    return [*names[at:], *names[:at]]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One figure with what it must reach, judged by its median."""

    name: str
    values: tuple[float, ...]
    """One for each pair, in `unit`."""
    unit: str = ""
    """Empty for ratios."""
    sense: Sense = ">="
    floor: float | None = None
    """None: stated, not judged."""
    aim: float | None = None

    @property
    def spread(self) -> Spread:
        """Return median, lowest and highest of the pairs."""
        return spread(self.values)

    def reaches(self, goal: float) -> bool:
        """Return whether the median reaches a goal."""
        return self.spread.median >= goal if self.sense == ">=" else self.spread.median <= goal

    @property
    def met(self) -> bool | None:
        """Return whether the floor is met; None where there is none."""
        return None if self.floor is None else self.reaches(self.floor)

    def verdict(self) -> str:
        """Return in words which goal is met and by how much the nearest one is missed or passed."""
        if self.floor is None:
            return "stated, no floor"
        if not self.reaches(self.floor):
            return f"NOT MET, {self._margin(self.floor)} short of the floor"
        if self.aim is None:
            return f"met, {self._margin(self.floor)} to spare"
        if self.reaches(self.aim):
            return f"met, aim too, {self._margin(self.aim)} beyond it"
        return f"met, {self._margin(self.floor)} to spare; aim missed by {self._margin(self.aim)}"

    def _margin(self, goal: float) -> str:
        return f"{shown(abs(self.spread.median - goal))}{self.unit and ' ' + self.unit}"

    def as_dict(self) -> dict[str, Any]:
        """Return what stands in the JSON file."""
        return {**asdict(self), **asdict(self.spread), "met": self.met, "verdict": self.verdict()}


def shown(value: float) -> str:
    """Return a figure with three significant digits, thousands apart."""
    if value == 0:
        return "0"
    size = abs(value)
    return (
        f"{value:,.0f}"
        if size >= 100
        else f"{value:.1f}"
        if size >= 10
        else f"{value:.2f}"
        if size >= 1
        else f"{value:.3f}"
    )
