"""What a section of the trust page promises: a figure beside its bound, and by how much it keeps or misses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scipy import stats

Sense = Literal[">=", "<="]
SHARE = "%"
"""Unit of figures that are shares: 0.97 is printed as 97.0 %."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One promised figure."""

    text: str
    """What is promised, in words that stay the same from run to run."""
    value: float | None
    """In `unit`; None where it could not be told, which counts as missed."""
    sense: Sense = "<="
    bound: float | None = None
    """None: stated, and judged by nobody."""
    unit: str = ""
    note: str = ""
    """What a reader must know beside the figure."""
    interval: tuple[float, float] | None = None
    """Of the figure, with 95 %, in its unit; None where it has none."""

    @property
    def met(self) -> bool | None:
        """Return whether the bound is kept; None where there is none."""
        if self.bound is None:
            return None
        if self.value is None:
            return False
        return self.value <= self.bound if self.sense == "<=" else self.value >= self.bound

    @property
    def verdict(self) -> str:
        """Return in words whether the bound is kept, or by how much not."""
        if self.met is None:
            return "stated"
        if self.met:
            return "met"
        if self.value is None or self.bound is None:
            return "not told"
        return f"missed by {shown(abs(self.value - self.bound), self.unit)}"

    @property
    def figure(self) -> str:
        """Return the figure with its unit and interval."""
        if self.value is None:
            return "–"
        ends = " to ".join(shown(end, self.unit) for end in self.interval) if self.interval else ""
        return shown(self.value, self.unit) + (f" ({ends})" if ends else "")

    @property
    def wanted(self) -> str:
        """Return the bound with its sense and unit."""
        return "–" if self.bound is None else f"{self.sense} {shown(self.bound, self.unit)}"


def counted(text: str, seen: float, of: int, sense: Sense, bound: float, note: str = "") -> Claim:
    """Return the claim of a share, `seen` out of `of`, with its 95 % interval (Clopper and Pearson)."""
    ends = stats.binomtest(round(seen), of).proportion_ci(0.95)
    return Claim(text, seen / of, sense, bound, SHARE, note, (float(ends.low), float(ends.high)))


def shown(value: float, unit: str = "") -> str:
    """Return a figure with three significant digits or more, thousands apart, and its unit."""
    if unit == SHARE:
        return f"{value:.1%}".replace("%", " %")
    size = abs(value)
    text = f"{value:,.0f}" if size >= 100 or value == round(value) else f"{value:.3g}"
    return f"{text} {unit}".strip()
