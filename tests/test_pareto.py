"""Fronts and hypervolumes against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.analysis.pareto import front, hypervolume

SIDE = 5
"""Points lie on a small grid of whole numbers, so that volumes can be counted cell by cell."""


@st.composite
def rows(draw: st.DrawFn) -> np.ndarray:
    """Draw up to nine points in one to four objectives, ties and repeats among them."""
    objectives = draw(st.integers(1, 4))
    number = st.integers(0, SIDE)
    listed = draw(st.lists(st.tuples(*[number] * objectives), max_size=9))
    return np.array(listed, float).reshape(-1, objectives)


def beats(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether a point is no worse in any objective and better in one: the definition, word for word."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and any(a < b for a, b in zip(one, other, strict=True))


@given(rows())
def test_a_point_is_on_the_front_unless_another_beats_it(points: np.ndarray) -> None:
    """The vectorised front is that of the definition applied to every pair."""
    expected = [not any(beats(other, one) for other in points) for one in points]
    assert front(points).tolist() == expected


@given(rows())
def test_the_hypervolume_is_that_of_the_cells_that_are_dominated(points: np.ndarray) -> None:
    """Counting unit cells whose lower corner some point dominates gives the same volume exactly."""
    objectives = points.shape[1]
    reference = np.full(objectives, float(SIDE))
    cells = itertools.product(range(SIDE), repeat=objectives)
    expected = sum(any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in points) for cell in cells)
    assert hypervolume(points, reference) == pytest.approx(expected)


@given(rows(), st.integers(0, 8))
def test_more_points_never_dominate_less(points: np.ndarray, kept: int) -> None:
    """A part of the points has at most the volume of all."""
    reference = np.full(points.shape[1], float(SIDE))
    assert hypervolume(points[:kept], reference) <= hypervolume(points, reference) + 1e-9


def test_a_point_that_is_not_known_is_on_no_front() -> None:
    """NaN neither stands on a front nor keeps another off it."""
    points = np.array([[1.0, np.nan], [2.0, 2.0], [3.0, 3.0]])
    assert front(points).tolist() == [False, True, False]


def test_nothing_has_no_volume() -> None:
    """No point, or none below the reference, dominates nothing."""
    assert hypervolume(np.zeros((0, 2)), np.ones(2)) == 0.0
    assert hypervolume(np.array([[2.0, 0.0]]), np.ones(2)) == 0.0
