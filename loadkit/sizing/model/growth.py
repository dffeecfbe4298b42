"""Load over months."""

from __future__ import annotations

from collections.abc import Callable

FAR = 120
"""Months beyond which nothing is said: a plan of ten years is none."""


def factor(per_month: float, months: float) -> float:
    """Return by what a load has grown: (1 + g)^months."""
    return float((1 + per_month) ** months)


def months_until(fits: Callable[[float], bool]) -> float | None:
    """Return the months for which `fits` holds, to a tenth; None where it still does after ten years.

    `fits` of a month holds up to some instant and not after it.
    """
    if not fits(0.0):
        return 0.0
    if fits(FAR):
        return None
    low, high = 0.0, float(FAR)
    while high - low > 0.05:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return round(low, 1)
