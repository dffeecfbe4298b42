"""Messages without keys: the client's partitioner spreads them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loadkit.blobs import Blobs
from loadkit.keys.spec import KeysSpec


class NoKey(KeysSpec):
    """No message has a key."""

    kind: Literal["none"] = "none"

    def build(self, seed: int) -> NoKeys:
        """Return what makes no keys."""
        return NoKeys()


class NoKeys:
    """No keys."""

    __slots__ = ()

    def indices(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return -1 for each message."""
        return np.full(len(numbers), -1)

    def blobs(self, numbers: NDArray[np.int64]) -> Blobs | None:
        """Return None."""
        return None


SPEC = NoKey


def none() -> NoKey:
    """Return messages without keys."""
    return NoKey()
