"""Every key equally likely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loadkit import hashing
from loadkit.blobs import Blobs
from loadkit.keys.spec import Count, Decimal, KeysSpec


class Uniform(KeysSpec):
    """Each message has one of `n` keys, independently and with probability 1/n."""

    kind: Literal["uniform"] = "uniform"
    n: Count

    def build(self, seed: int) -> UniformKeys:
        """Return what makes the keys."""
        return UniformKeys(self.n, seed)


@dataclass(frozen=True, slots=True)
class UniformKeys:
    """Keys at random."""

    n: int
    seed: int

    def indices(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which key each message has."""
        return hashing.below(self.n, self.seed, numbers, hashing.Stream.KEY)

    def blobs(self, numbers: NDArray[np.int64]) -> Blobs:
        """Return the keys as decimal text of fixed width."""
        return Decimal(self.n).blobs(self.indices(numbers))


SPEC = Uniform


def uniform(n: int) -> Uniform:
    """Return `n` keys, equally likely."""
    return Uniform(n=n)
