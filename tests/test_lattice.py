"""The grid as places: numbers of points, values in order of size, and what lies next to what."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.sweep.lattice import Lattice
from loadkit.sweep.spec import Axis, grid, point_id


def lattice(*values: tuple[Any, ...]) -> Lattice:
    return Lattice([Axis(f"a{place}", several) for place, several in enumerate(values)])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_places_and_numbers_are_one_to_one(sizes: list[int], data: st.DataObject) -> None:
    """The number is that of the grid's own order, so a point's id names its places."""
    made = lattice(*(tuple(range(size)) for size in sizes))
    points = grid(made.axes)
    number = data.draw(st.integers(0, len(points) - 1))
    digits = made.digits(number)
    assert made.number(digits) == number
    assert made.named(point_id(number)) == digits
    assert list(points[number].settings.values()) == list(digits)


@pytest.mark.parametrize(
    ("values", "by_size"),
    [
        ((5, 0, 20), [0, 5, 20]),
        (("16KiB", "2KiB", "1MiB"), ["2KiB", "16KiB", "1MiB"]),
        (("1k/s", "500/s"), ["500/s", "1k/s"]),
        (("1s", "5ms"), ["5ms", "1s"]),
        (("none", "lz4", "zstd"), None),
        ((1, "all"), None),
        ((True, False), None),
    ],
)
def test_values_with_a_size_have_an_order(values: tuple[Any, ...], by_size: list[Any] | None) -> None:
    """Numbers with units too; words and switches have none."""
    made = lattice(values)
    assert made.ordered(0) == (by_size is not None)
    assert [values[made.at_rank(0, rank)] for rank in range(len(values))] == (by_size or list(values))
    assert all(made.rank(0, made.at_rank(0, rank)) == rank for rank in range(len(values)))


def test_neighbours_are_one_step_away_by_size_or_any_other_word() -> None:
    """An axis that stands still has none."""
    made = lattice((20, 0, 5), ("none", "lz4", "zstd"), (1, 2))
    assert set(made.neighbours((1, 0, 0), [0, 1])) == {(2, 0, 0), (1, 1, 0), (1, 2, 0)}
    assert set(made.neighbours((2, 0, 0), [0])) == {(0, 0, 0), (1, 0, 0)}


def test_ends_are_the_extremes_of_numbers_and_a_word_beside_the_base() -> None:
    """An axis of one value has one end."""
    made = lattice((20, 0, 5), ("none", "lz4", "zstd"), ("a", "b"), (7,))
    assert made.ends((2, 0, 1, 0)) == [(1, 0), (0, 2), (1, 0), (0, 0)]


def test_what_live_axes_span() -> None:
    """The others stand at the base, in all that is listed or drawn."""
    made = lattice((1, 2), (1, 2, 3), (1, 2))
    spanned = list(made.spanned((1, 2, 0), [0, 2]))
    assert spanned == [(0, 2, 0), (0, 2, 1), (1, 2, 0), (1, 2, 1)]
    assert made.within([0, 2]) == len(spanned)
    drawn = {made.drawn((1, 2, 0), [0, 2], random.Random(seed)) for seed in range(50)}
    assert drawn == set(spanned)
