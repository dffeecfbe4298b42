"""The grid as places: what lies between two values of an axis, and which points are next to each other."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from loadkit.sweep.screening import Digits
from loadkit.sweep.spec import Axis, number_of
from loadkit.units import parse_duration, parse_rate, parse_size

_MEASURES: tuple[Callable[[Any], float], ...] = (parse_size, parse_duration, parse_rate)
"""How text with a unit, such as 16KiB, becomes a number."""


class Lattice:
    """The axes of a sweep, their values in order of size where they have one."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        self.axes = tuple(axes)
        self.sizes = tuple(len(axis.values) for axis in self.axes)
        self._by_size = [_by_size(axis.values) for axis in self.axes]

    def ordered(self, axis: int) -> bool:
        """Return whether an axis's values are numbers, so that some lie between others."""
        return self._by_size[axis] is not None

    def at_rank(self, axis: int, rank: int) -> int:
        """Return the place of an axis's value of this rank by size; of a word its place is its rank."""
        order = self._by_size[axis]
        return rank if order is None else order[rank]

    def rank(self, axis: int, place: int) -> int:
        """Return the rank by size of the value at a place; the inverse of `at_rank`."""
        order = self._by_size[axis]
        return place if order is None else order.index(place)

    def ends(self, base: Digits) -> list[tuple[int, int]]:
        """Return for each axis the two levels of a two-level design.

        Numbers: the least and the greatest. Words: the base's, and the last or else first of the others.
        """
        found = []
        for axis, size in enumerate(self.sizes):
            last = size - 1
            if self.ordered(axis):
                found.append((self.at_rank(axis, 0), self.at_rank(axis, last)))
            else:
                found.append((base[axis], last if base[axis] != last else 0))
        return found

    def digits(self, number: int) -> Digits:
        """Return the places of a point by its number, the last axis moving fastest."""
        found = []
        for size in reversed(self.sizes):
            number, place = divmod(number, size)
            found.append(place)
        return tuple(reversed(found))

    def number(self, digits: Digits) -> int:
        """Return the number of a point; the inverse of `digits`."""
        return number_of(self.axes, digits)

    def named(self, point: str) -> Digits:
        """Return the places of a point by its id, which is its number behind a letter."""
        return self.digits(int(point[1:]))

    def neighbours(self, digits: Digits, live: Iterable[int]) -> Iterator[Digits]:
        """Yield the points one step away on one of the live axes: to the next number up or down, or to any word."""
        for axis in live:
            for rank in range(self.sizes[axis]):
                away = abs(rank - self.rank(axis, digits[axis]))
                if away == 1 or (away and not self.ordered(axis)):
                    yield (*digits[:axis], self.at_rank(axis, rank), *digits[axis + 1 :])

    def within(self, live: Iterable[int]) -> int:
        """Return how many points the live axes span."""
        return math.prod(self.sizes[axis] for axis in live)

    def spanned(self, base: Digits, live: Iterable[int]) -> Iterator[Digits]:
        """Yield every point that the live axes span, the others standing at the base's values."""
        free = set(live)
        places = [range(size) if axis in free else (base[axis],) for axis, size in enumerate(self.sizes)]
        return itertools.product(*places)

    def drawn(self, base: Digits, live: Iterable[int], chance: random.Random) -> Digits:
        """Return any point that the live axes span."""
        digits = list(base)
        for axis in live:
            digits[axis] = chance.randrange(self.sizes[axis])
        return tuple(digits)


def _by_size(values: Sequence[Any]) -> list[int] | None:
    """Return the places of values from the least to the greatest; None where they are words."""
    numbers = _numbers(values)
    return None if numbers is None else sorted(range(len(values)), key=numbers.__getitem__)


def _numbers(values: Sequence[Any]) -> list[float] | None:
    if any(isinstance(value, bool) for value in values):
        return None
    for measure in (float, *_MEASURES):
        try:
            return [measure(value) for value in values]
        except (ValueError, TypeError):
            continue
    return None
