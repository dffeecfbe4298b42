"""Operations on whole arrays equal the plain ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadkit.arrays import distinct, rising

numbers = st.lists(st.integers(-(2**62), 2**62) | st.integers(-5, 5), max_size=30)


@given(numbers)
def test_distinct_values_are_those_of_a_set_in_order(values: list[int]) -> None:
    """Whether they lie close together or far apart."""
    assert distinct(np.array(values, np.int64)) == sorted(set(values))


@given(numbers)
def test_rising_means_each_greater_than_the_one_before(values: list[int]) -> None:
    """None and one value rise."""
    assert rising(np.array(values, np.int64)) == all(a < b for a, b in pairwise(values))
