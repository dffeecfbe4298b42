"""Screening designs: balanced, orthogonal, and honest about what they cannot tell apart."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from loadkit.sweep.screening import Contrast, Design, active, design, factorial, one_at_a_time, plackett_burman

Floats = NDArray[np.float64]


def two_levels(axes: int) -> list[tuple[int, int]]:
    return [(0, 1)] * axes


def matrix(made: Design) -> NDArray[np.int64]:
    """Return the runs as -1 and 1."""
    return 2 * np.array(made.runs) - 1


def burman(ends: list[tuple[int, int]]) -> Design:
    made = plackett_burman(ends)
    assert made
    return made


REGULAR = [pytest.param(factorial, axes, id=f"factorial-{axes}") for axes in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17)]
BURMAN = [pytest.param(burman, axes, id=f"burman-{axes}") for axes in (1, 5, 11, 12, 19, 20, 23)]


@pytest.mark.parametrize(("make", "axes"), [*REGULAR, *BURMAN])
def test_columns_are_balanced_and_orthogonal(make: Callable[[list[tuple[int, int]]], Design], axes: int) -> None:
    """Each axis is as often high as low, and so is each pair of axes: X'X is N times the identity."""
    levels = matrix(make(two_levels(axes)))
    assert (levels.T @ levels == len(levels) * np.eye(axes)).all()
    assert (levels.sum(axis=0) == 0).all()


@pytest.mark.parametrize(("make", "axes"), REGULAR)
def test_contrasts_of_a_factorial_are_orthogonal_and_no_main_effect_is_mixed(
    make: Callable[[list[tuple[int, int]]], Design], axes: int
) -> None:
    """Resolution IV at least: a main effect stands alone among effects of up to two axes."""
    made = make(two_levels(axes))
    signs = np.array([contrast.signs for contrast in made.contrasts])
    assert (signs @ signs.T == len(made.runs) * np.eye(len(signs))).all()
    mains = [contrast.effects for contrast in made.contrasts if any(len(effect) == 1 for effect in contrast.effects)]
    assert sorted(mains) == [((axis,),) for axis in range(axes)]
    assert len(set(made.runs)) == len(made.runs)


@pytest.mark.parametrize(("make", "axes"), REGULAR)
def test_what_a_contrast_names_is_what_its_column_is(
    make: Callable[[list[tuple[int, int]]], Design], axes: int
) -> None:
    """The product of an effect's columns is the contrast's column, and every pair of axes is in one contrast."""
    made = make(two_levels(axes))
    levels = matrix(made)
    for contrast in made.contrasts:
        for effect in contrast.effects:
            assert (levels[:, list(effect)].prod(axis=1) == contrast.signs).all()
    named = [effect for contrast in made.contrasts for effect in contrast.effects if len(effect) == 2]
    assert sorted(named) == list(combinations(range(axes), 2))


@pytest.mark.parametrize(
    ("axes", "runs", "name"),
    [
        (2, 4, "2^2 full factorial"),
        (3, 8, "2^3 full factorial"),
        (4, 8, "2^(4-1) fractional factorial of resolution IV"),
        (5, 16, "2^(5-1) fractional factorial of resolution V"),
        (6, 16, "2^(6-2) fractional factorial of resolution IV"),
        (8, 16, "2^(8-4) fractional factorial of resolution IV"),
        (9, 32, "2^(9-4) fractional factorial of resolution IV"),
    ],
)
def test_fractions_are_those_of_the_textbook(axes: int, runs: int, name: str) -> None:
    """Box, Hunter & Hunter, table 6.22: runs and resolution by the number of axes."""
    made = factorial(two_levels(axes))
    assert (len(made.runs), made.name) == (runs, name)


def test_aliases_are_told() -> None:
    """The half of 2^4 with D = ABC mixes AB with CD, AC with BD, and AD with BC; the half of 2^5 mixes no two."""
    assert sorted(factorial(two_levels(4)).aliases("ABCD")) == ["A x B = C x D", "A x C = B x D", "A x D = B x C"]
    assert factorial(two_levels(5)).aliases("ABCDE") == []
    assert "mixed with parts of every two-way interaction" in burman(two_levels(7)).note


@given(
    coefficients=st.lists(st.floats(-10, 10), min_size=6, max_size=6),
    pairs=st.dictionaries(st.sampled_from(list(combinations(range(6), 2))), st.floats(-10, 10), max_size=4),
)
def test_a_contrast_is_twice_the_sum_of_the_coefficients_of_what_it_names(
    coefficients: list[float], pairs: dict[tuple[int, int], float]
) -> None:
    """For any model of main effects and interactions, which is what aliasing means."""
    made = factorial(two_levels(6))
    levels = matrix(made)
    results = levels @ coefficients + sum((w * levels[:, a] * levels[:, b] for (a, b), w in pairs.items()), 0.0)
    truth = {(axis,): weight for axis, weight in enumerate(coefficients)} | pairs
    for contrast in made.contrasts:
        assert contrast.value(list(results)) == pytest.approx(
            2 * sum(truth.get(effect, 0.0) for effect in contrast.effects), abs=1e-9
        )


def test_a_run_without_a_result_is_left_out() -> None:
    """The means are over what there is; without one side there is no contrast."""
    contrast = Contrast((-1, -1, 1, 1), ((0,),))
    assert contrast.value([1.0, 3.0, 5.0, 7.0]) == 4.0
    assert contrast.value([None, 3.0, 5.0, 7.0]) == 3.0
    assert contrast.value([1.0, 3.0, None, None]) is None


def test_one_at_a_time_tries_every_value_beside_the_base() -> None:
    """The base comes first, and each other run differs from it in one axis; its contrast is the difference."""
    made = one_at_a_time([3, 1, 2], (1, 0, 0))
    assert made.runs == ((1, 0, 0), (0, 0, 0), (2, 0, 0), (1, 0, 1))
    assert [contrast.effects for contrast in made.contrasts] == [((0,),), ((0,),), ((2,),)]
    assert [contrast.value([10.0, 11.0, 13.0, 9.0]) for contrast in made.contrasts] == [1.0, 3.0, -1.0]


def test_levels_are_those_given_and_axes_of_one_value_stand_still() -> None:
    """Low and high are places on the axis, whichever is the greater."""
    made = factorial([(4, 0), (2, 2), (1, 3)])
    assert set(made.runs) == {(4, 2, 1), (0, 2, 1), (4, 2, 3), (0, 2, 3)}
    assert {effect for contrast in made.contrasts for effect in contrast.effects} == {(0,), (2,), (0, 2)}


@pytest.mark.parametrize(
    ("axes", "most", "name"),
    [
        (6, 16, "2^(6-2) fractional factorial of resolution IV"),
        (6, 15, "Plackett-Burman design in 12 runs, of resolution III"),
        (6, 11, "one factor at a time"),
        (6, 6, None),
        (11, 31, "Plackett-Burman design in 12 runs, of resolution III"),
        (40, 60, "one factor at a time"),
    ],
)
def test_the_best_design_that_is_paid_for(axes: int, most: int, name: str | None) -> None:
    """Clear main effects first, then a Plackett-Burman design, then one factor at a time, then none."""
    made = design([2] * axes, two_levels(axes), (0,) * axes, most)
    assert (made.name if made else None) == name


@pytest.mark.parametrize(
    ("large", "found"),
    [
        ([], set()),
        ([((0,),)], {0}),
        # an interaction of two active axes explains the whole set
        ([((0,),), ((1,),), ((0, 1), (2, 3))], {0, 1}),
        # one active axis does not: all of the set may be to blame
        ([((0,),), ((0, 1), (2, 3))], {0, 1, 2, 3}),
    ],
)
def test_which_axes_explain_what_was_seen(large: list[tuple[tuple[int, ...], ...]], found: set[int]) -> None:
    """Effect heredity: the simplest explanation of a set of aliases, and no axis acquitted without one."""
    contrasts = factorial(two_levels(4)).contrasts
    assert active(contrasts, [contrast.effects in large for contrast in contrasts]) == found
