"""Random numbers by message number: the same for every worker, in any order, without state.

A counter-based generator: number i of a stream is a function of (seed, stream, i) alone. The function is
SplitMix64's output step (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GAMMA = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_MASK = (1 << 64) - 1


class Stream(IntEnum):
    """Which question a random number answers, so that two answers never share one."""

    KEY = 1
    SIZE = 2
    POOL = 3
    LAP = 4
    DOCUMENT = 5
    IDENTITY = 6
    PLACEHOLDER = 1 << 16
    """The first of as many streams as a template has placeholders."""
    ARRIVAL = 1 << 32
    """The first of as many streams as a class has users."""


def mix(seed: int, numbers: NDArray[Any], stream: int = 0) -> NDArray[np.uint64]:
    """Return one uint64 for each of `numbers` (int64 or uint64), the same whenever it is asked for."""
    z = numbers.astype(np.uint64)  # a copy, so the steps below may work in place
    z += np.uint64(1)
    z *= np.uint64(_GAMMA)
    z += np.uint64(_key(seed, stream))
    return _finish(z)


def uniform(seed: int, numbers: NDArray[Any], stream: int = 0) -> NDArray[np.float64]:
    """Return floats in [0, 1) with 53 random bits, one for each of `numbers`."""
    z = mix(seed, numbers, stream)
    z >>= np.uint64(11)
    result = z.astype(np.float64)
    result *= 2.0**-53
    return result


def below(n: int, seed: int, numbers: NDArray[Any], stream: int = 0) -> NDArray[np.int64]:
    """Return whole numbers 0 ... n-1, equally likely to within n / 2^53, one for each of `numbers`."""
    z = uniform(seed, numbers, stream)
    z *= n
    return z.astype(np.int64)


def one(seed: int, number: int, stream: int = 0) -> int:
    """Return what `mix` gives for a single number, without an array."""
    return _scalar((_key(seed, stream) + number * _GAMMA) & _MASK)


def _key(seed: int, stream: int) -> int:
    return _scalar(_scalar(seed & _MASK) + stream & _MASK)


def _finish(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z ^= z >> np.uint64(30)
    z *= np.uint64(_FIRST)
    z ^= z >> np.uint64(27)
    z *= np.uint64(_SECOND)
    z ^= z >> np.uint64(31)
    return z


def _scalar(z: int) -> int:
    z = (z + _GAMMA) & _MASK
    z = (z ^ z >> 30) * _FIRST & _MASK
    z = (z ^ z >> 27) * _SECOND & _MASK
    return z ^ z >> 31
