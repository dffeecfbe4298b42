"""Keys by rank: key k is used in proportion to 1 / (k + 1)^exponent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from loadkit import hashing
from loadkit.blobs import Blobs
from loadkit.keys.spec import Decimal, KeysSpec


class Zipf(KeysSpec):
    """Each message has one of `n` keys, independently, key k with probability (k + 1)^-exponent / H.

    H is the sum over all keys. An exponent of 0 is uniform; 1 is Zipf's law. 12 bytes of memory a key.
    """

    kind: Literal["zipf"] = "zipf"
    n: Annotated[int, Field(ge=1, le=100_000_000)]
    exponent: float = Field(1.0, ge=0, le=10)

    def build(self, seed: int) -> ZipfKeys:
        """Return what makes the keys."""
        return ZipfKeys(self.n, seed, *_table(self.n, self.exponent))


@dataclass(frozen=True, slots=True)
class ZipfKeys:
    """Keys by the alias method: half a random number picks a column, the other half one of its two keys."""

    n: int
    seed: int
    stay: NDArray[np.float64]
    """The probability that column k yields k rather than its alias."""
    alias: NDArray[np.int32]

    def indices(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which key each message has."""
        u = hashing.uniform(self.seed, numbers, hashing.Stream.KEY)
        u *= self.n
        columns = u.astype(np.int64)
        u -= columns
        return np.where(u < self.stay[columns], columns, self.alias[columns])

    def blobs(self, numbers: NDArray[np.int64]) -> Blobs:
        """Return the keys as decimal text of fixed width."""
        return Decimal(self.n).blobs(self.indices(numbers))


def alias_table(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return (stay, alias) of the alias method for `weights` (Walker 1977), built without a loop.

    The sweep of Huebschle-Schneider and Sanders (Parallel weighted random sampling, ESA 2019) in prefix sums:
    light columns are filled up in order by the heavy ones in order. With D the sum of what the light columns
    lack and E the sum of what the heavy ones have to spare, light column i is filled by the first heavy one
    whose E reaches the D before i; heavy column j is used up by the first light i whose D is above its E,
    keeps 1 + E - D for itself and is filled up by heavy column j + 1.
    """
    share = weights * (len(weights) / weights.sum())
    share[share.argmax()] = max(share.max(), 1.0)  # rounding must not leave all of them light
    light, heavy = np.flatnonzero(share < 1.0), np.flatnonzero(share >= 1.0)
    stay, alias = share.copy(), np.arange(len(weights), dtype=np.int32)
    lack, spare = np.cumsum(1.0 - share[light]), np.cumsum(share[heavy] - 1.0)
    filler = spare.searchsorted(np.concatenate(([0.0], lack))[:-1], "left")
    alias[light] = heavy[np.minimum(filler, len(heavy) - 1)]
    user = lack.searchsorted(spare[:-1], "right")
    used = np.flatnonzero(user < len(light))  # what is never used up, but by rounding, keeps its column
    stay[heavy] = 1.0
    stay[heavy[used]] = 1.0 + spare[used] - lack[user[used]]
    alias[heavy[used]] = heavy[used + 1]
    return np.clip(stay, 0.0, 1.0), alias


@lru_cache(maxsize=4)
def _table(n: int, exponent: float) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    return alias_table(np.arange(1, n + 1, dtype=np.float64) ** -exponent)


SPEC = Zipf


def zipf(n: int, exponent: float = 1.0) -> Zipf:
    """Return `n` keys, key k in proportion to 1 / (k + 1)^exponent."""
    return Zipf(n=n, exponent=exponent)
