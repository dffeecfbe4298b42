"""One key that is used far more than the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from loadkit import hashing
from loadkit.blobs import Blobs
from loadkit.keys.spec import Decimal, KeysSpec


class Hot(KeysSpec):
    """Key 0 has the share `share` of all messages; the other `n - 1` keys are equally likely."""

    kind: Literal["hot"] = "hot"
    n: Annotated[int, Field(ge=2, le=10**12)]
    share: float = Field(0.5, ge=0, le=1)

    def build(self, seed: int) -> HotKeys:
        """Return what makes the keys."""
        return HotKeys(self.n, self.share, seed)


@dataclass(frozen=True, slots=True)
class HotKeys:
    """Keys with a favourite."""

    n: int
    share: float
    seed: int

    def indices(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which key each message has: the interval [0, 1) is cut at `share`, the rest in n - 1 equal parts."""
        if self.share >= 1.0:
            return np.zeros(len(numbers), np.int64)
        u = hashing.uniform(self.seed, numbers, hashing.Stream.KEY)
        u -= self.share
        u *= (self.n - 1) / (1.0 - self.share)
        # a draw just under 1 may be rounded up to one key too many
        return np.clip(np.floor(u).astype(np.int64) + 1, 0, self.n - 1)

    def blobs(self, numbers: NDArray[np.int64]) -> Blobs:
        """Return the keys as decimal text of fixed width."""
        return Decimal(self.n).blobs(self.indices(numbers))


SPEC = Hot


def hot(n: int, share: float = 0.5) -> Hot:
    """Return `n` keys, the first of which has `share` of the messages."""
    return Hot(n=n, share=share)
