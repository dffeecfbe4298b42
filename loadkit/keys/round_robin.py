"""Every key in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loadkit.blobs import Blobs
from loadkit.keys.spec import Count, Decimal, KeysSpec


class RoundRobin(KeysSpec):
    """Message i of the class has key i modulo n."""

    kind: Literal["round_robin"] = "round_robin"
    n: Count

    def build(self, seed: int) -> RoundRobinKeys:
        """Return what makes the keys."""
        return RoundRobinKeys(self.n)


@dataclass(frozen=True, slots=True)
class RoundRobinKeys:
    """Keys in turn."""

    n: int

    def indices(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers modulo n."""
        return numbers % self.n

    def blobs(self, numbers: NDArray[np.int64]) -> Blobs:
        """Return the keys as decimal text of fixed width."""
        return Decimal(self.n).blobs(self.indices(numbers))


SPEC = RoundRobin


def round_robin(n: int) -> RoundRobin:
    """Return `n` keys, each in turn."""
    return RoundRobin(n=n)
