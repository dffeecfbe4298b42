"""What every key distribution is: a declaration that `build`s something turning message numbers into keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from loadkit import plugins
from loadkit.blobs import Blobs

Count = Annotated[int, Field(ge=1, le=10**12)]
"""How many different keys."""


class Keys(Protocol):
    """Keys by message number: the same number and seed give the same key in every worker."""

    def indices(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which key each of the messages `numbers` has, from 0; -1 for none."""
        ...

    def blobs(self, numbers: NDArray[np.int64]) -> Blobs | None:
        """Return the key of each of the messages `numbers`, or None where messages have no keys."""
        ...


class KeysSpec(plugins.Spec):
    """A declared key distribution."""

    def build(self, seed: int) -> Keys:
        """Return what makes the keys; reads the files it needs. Raises ValueError naming a missing one."""
        raise NotImplementedError


_FOURS = np.frombuffer("".join(f"{i:04}" for i in range(10_000)).encode(), "<u4").copy()
"""The four digits of 0 ... 9999, as one uint32."""


@dataclass(frozen=True, slots=True)
class Decimal:
    """Indices as text of fixed width: eight digits, or as many more in fours as `n` keys need."""

    n: int

    def blobs(self, indices: NDArray[np.int64]) -> Blobs:
        """Return b"00000042" for 42."""
        fours = max(2, -(-len(str(self.n - 1)) // 4))
        digits = np.empty((len(indices), fours), np.uint32)
        left = indices.astype(np.uint32) if self.n <= 1 << 32 else indices
        for column in range(fours - 1, 0, -1):
            higher = left // 10_000
            digits[:, column] = _FOURS.take(left - higher * 10_000, mode="wrap")
            left = higher
        digits[:, 0] = _FOURS.take(left, mode="wrap")
        return Blobs.rows(digits.view(np.uint8))
