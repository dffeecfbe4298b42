"""Values that several tests draw."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from loadkit import stamp
from loadkit.histogram import HIGHEST_US
from loadkit.stamp import Stamps

Ints = NDArray[np.int64]
SECOND = 10**9

edges = st.sampled_from([0, 1, 2, 1023, 1024, 2047, 2048, 2049, 4095, 4096, 10**6, HIGHEST_US - 1, HIGHEST_US])
micros = st.one_of(
    edges,
    st.integers(0, HIGHEST_US),
    st.integers(0, 40).flatmap(lambda bits: st.integers(0, min(1 << bits, HIGHEST_US))),
)
"""Microseconds that a histogram holds, edges and every magnitude."""
wild_micros = st.one_of(micros, st.integers(-(10**6), -1), st.integers(HIGHEST_US + 1, 10**12))
"""Also values beyond both ends."""


def micros_lists(values: st.SearchStrategy[int] = micros, least: int = 0) -> st.SearchStrategy[Ints]:
    """Return arrays of values."""
    return st.lists(values, min_size=least, max_size=120).map(lambda drawn: np.array(drawn, np.int64))


def stamped(producer: int, seqs: list[int], intended: list[int], run: int = 7) -> Stamps:
    """Return stamps with given numbers and instants."""
    made = np.empty(len(seqs), stamp.STAMP)
    made["run"], made["producer"], made["seq"], made["intended"] = run, producer, seqs, intended
    return made
