"""Designs that tell with few trials which axes matter, and what each of them cannot tell apart. Pure arithmetic.

A two-level design tries every axis at a low and a high level. Its columns are balanced and orthogonal, so each main
effect is judged by all of its runs (Box, Hunter & Hunter, "Statistics for Experimenters", 2nd ed. 2005, ch. 5-6):

    effect = mean over the runs at the high level - mean over the runs at the low level

`factorial` is full for up to three axes and otherwise a regular fraction in which no main effect is mixed with another
or with a two-way interaction. `plackett_burman` needs fewer runs, and mixes every main effect with parts of all
interactions of other axes (Plackett & Burman, Biometrika 33, 1946). `one_at_a_time` moves one axis from the base and
leaves the others: fewest runs, every value of every axis, and no interaction at all.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

Digits = tuple[int, ...]
"""A point of the grid: on each axis the place of its value."""
Effect = tuple[int, ...]
"""The axes of an effect: one for a main effect, two for an interaction."""
_BURMAN = {12: "++-+++---+-", 20: "++--++++-+-+----++-", 24: "+++++-+-++--++--+-+----"}
"""Runs to the first row of a Plackett-Burman design; the others are its rotations, and one of low levels alone."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """What one column of a design measures: the sum of effects that it cannot tell apart."""

    signs: tuple[int, ...]
    """For each run 1 at the high level, -1 at the low one, 0 where it has no part."""
    effects: tuple[Effect, ...]

    def value(self, results: Sequence[float | None]) -> float | None:
        """Return the mean of results on the high side less that on the low side; None where a side has none.

        A run without a result is left out, which costs the others a little of their balance.
        """
        sides: dict[int, list[float]] = {-1: [], 0: [], 1: []}
        for sign, result in zip(self.signs, results, strict=True):
            if result is not None:
                sides[sign].append(result)
        low, high = sides[-1], sides[1]
        return math.fsum(high) / len(high) - math.fsum(low) / len(low) if low and high else None

    @property
    def runs(self) -> int:
        """How many runs it compares."""
        return sum(map(abs, self.signs))


@dataclass(frozen=True, slots=True)
class Design:
    """Runs and what is learned from them."""

    name: str
    """As a reader is told, such as `2^(6-2) fractional factorial of resolution IV`."""
    runs: tuple[Digits, ...]
    contrasts: tuple[Contrast, ...]
    note: str = ""
    """What it cannot tell and `aliases` do not say, in a sentence's end."""

    def aliases(self, names: Sequence[str]) -> list[str]:
        """Return each set of effects that cannot be told apart, like `a x b = c x d`."""
        sets = (contrast.effects for contrast in self.contrasts if len(contrast.effects) > 1)
        return [" = ".join(" x ".join(names[axis] for axis in effect) for effect in found) for found in sets]


def design(sizes: Sequence[int], ends: Sequence[tuple[int, int]], base: Digits, most: int) -> Design | None:
    """Return the best design of at most so many runs; None where not even one factor at a time has so few.

    `sizes` are the axes' numbers of values, `ends` their low and high levels for a two-level design.
    """
    candidates = [factorial(ends), *filter(None, [plackett_burman(ends)]), one_at_a_time(sizes, base)]
    return next((found for found in candidates if len(found.runs) <= most), None)


def factorial(ends: Sequence[tuple[int, int]]) -> Design:
    """Return the smallest regular two-level design of resolution IV or more; axes of one value stand still."""
    moving = _moving(ends)
    words, basic = _words(len(moving))
    rows = [[_sign(word, run) for word in words] for run in range(2**basic)]
    by_word: dict[int, list[Effect]] = defaultdict(list)
    for count in (1, 2):
        for members in combinations(range(len(moving)), count):
            word = 0
            for member in members:
                word ^= words[member]
            by_word[word].append(tuple(moving[member] for member in members))
    contrasts = [
        Contrast(tuple(_sign(word, run) for run in range(2**basic)), tuple(effects))
        for word, effects in by_word.items()
    ]
    return Design(_named(len(moving), basic, by_word), _levels(rows, ends), tuple(contrasts))


def plackett_burman(ends: Sequence[tuple[int, int]]) -> Design | None:
    """Return the Plackett-Burman design of 12, 20 or 24 runs that holds the axes; None for more than 23."""
    moving = _moving(ends)
    runs = next((runs for runs in _BURMAN if runs > len(moving)), None)
    if runs is None:
        return None
    first = [1 if sign == "+" else -1 for sign in _BURMAN[runs]]
    square = [[first[(column - run) % (runs - 1)] for column in range(runs - 1)] for run in range(runs - 1)]
    rows = [row[: len(moving)] for row in [*square, [-1] * (runs - 1)]]
    contrasts = [Contrast(tuple(row[i] for row in rows), ((axis,),)) for i, axis in enumerate(moving)]
    note = "each main effect is mixed with parts of every two-way interaction of other axes"
    return Design(
        f"Plackett-Burman design in {runs} runs, of resolution III", _levels(rows, ends), tuple(contrasts), note
    )


def one_at_a_time(sizes: Sequence[int], base: Digits) -> Design:
    """Return the base and every point that differs from it in one axis."""
    moves = [(axis, level) for axis, size in enumerate(sizes) for level in range(size) if level != base[axis]]
    runs = (base, *((*base[:axis], level, *base[axis + 1 :]) for axis, level in moves))
    contrasts = (
        Contrast((-1, *(int(i == place) for i in range(len(moves)))), ((axis,),))
        for place, (axis, _) in enumerate(moves)
    )
    return Design("one factor at a time", runs, tuple(contrasts), "no interaction of two axes was looked at")


def active(contrasts: Sequence[Contrast], large: Sequence[bool]) -> set[int]:
    """Return the axes that explain the large contrasts; `large` says of each contrast whether it is.

    An axis with a large main effect is active. A large contrast of interactions alone is explained by a pair of axes
    that are active already, if it holds one; otherwise every axis in it may be to blame (effect heredity: Hamada & Wu,
    Journal of Quality Technology 24, 1992).
    """
    found = {effect[0] for c, is_large in zip(contrasts, large, strict=True) if is_large for effect in _mains(c)}
    blamed: set[int] = set()
    for contrast, is_large in zip(contrasts, large, strict=True):
        explained = _mains(contrast) or any(set(effect) <= found for effect in contrast.effects)
        if is_large and not explained:
            blamed |= {axis for effect in contrast.effects for axis in effect}
    return found | blamed


def _mains(contrast: Contrast) -> list[Effect]:
    return [effect for effect in contrast.effects if len(effect) == 1]


def _moving(ends: Sequence[tuple[int, int]]) -> list[int]:
    return [axis for axis, (low, high) in enumerate(ends) if low != high]


def _words(axes: int) -> tuple[list[int], int]:
    """Return each axis's word, a bit for each basic axis whose product it is, and the number of basic axes.

    Up to three axes are all basic. Beyond, words of odd length: the product of two is even, so it is no axis's word.
    With one axis more than basic ones its word is their longest, which leaves fewest aliases.
    """
    basic = axes if axes <= 3 else 3 if axes == 4 else max(4, math.ceil(math.log2(axes)) + 1)
    single = [1 << i for i in range(basic)]
    if axes == basic + 1:
        return [*single, 2**basic - 1], basic
    odd = sorted((w for w in range(1, 2**basic) if w.bit_count() % 2), key=lambda w: (w.bit_count(), w))
    return odd[:axes], basic


def _sign(word: int, run: int) -> int:
    """Return the sign of a product of basic axes in a run; the run's bits are their levels."""
    return -1 if (word & ~run).bit_count() % 2 else 1


def _named(axes: int, basic: int, by_word: dict[int, list[Effect]]) -> str:
    if axes <= basic:
        return f"2^{axes} full factorial"
    resolution = "IV" if any(len(effects) > 1 for effects in by_word.values()) else "V"
    return f"2^({axes}-{axes - basic}) fractional factorial of resolution {resolution}"


def _levels(rows: Sequence[Sequence[int]], ends: Sequence[tuple[int, int]]) -> tuple[Digits, ...]:
    """Return the runs as points, axes of one value at that value."""

    def levels(row: Sequence[int]) -> Iterator[int]:
        signs = iter(row)
        for low, high in ends:
            yield low if low == high else high if next(signs) > 0 else low

    return tuple(tuple(levels(row)) for row in rows)
