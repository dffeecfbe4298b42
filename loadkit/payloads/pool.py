"""Bytes that do not compress, cut from one seeded pool.

Message i takes the slice that follows message i - 1's, so no two messages near each other (within 8 MiB of
values, more than any batch or compression window of a Kafka client) share a byte; each walk through the
pool starts at a hashed place. Walking in order is also what keeps the memory fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from loadkit import hashing
from loadkit.blobs import cells

_SIZE = 8 << 20


@dataclass(frozen=True, slots=True)
class Pool:
    """A walk through random bytes in steps of `stride`."""

    data: NDArray[np.uint8]
    seed: int
    stride: int

    def starts(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where in the pool the slice of each message begins; at least `stride` bytes follow."""
        span = len(self.data) - self.stride
        steps = span // self.stride
        if len(numbers) and int(numbers.min()) // steps == (lap := int(numbers.max()) // steps):
            starts = (numbers - lap * steps) * self.stride
            starts += hashing.one(self.seed, lap, hashing.Stream.LAP) % span
        else:
            laps = numbers // steps
            starts = (numbers - laps * steps) * self.stride
            starts += (hashing.mix(self.seed, laps, hashing.Stream.LAP) % np.uint64(span)).astype(np.int64)
        starts -= span * (starts >= span)
        return starts

    def slices_of(self, numbers: NDArray[np.int64], size: int) -> NDArray[np.void]:
        """Return a slice of `size` (1 ... stride) bytes for each message, as fresh void cells."""
        return cells(self.data, size)[self.starts(numbers)]


@lru_cache(maxsize=8)
def pool(seed: int, largest: int, alphabet: bytes = bytes(range(256))) -> Pool:
    """Return the pool for slices of up to `largest` bytes, each byte one of `alphabet`; users of a process share it."""
    size = max(_SIZE, 2 * largest) // 8 + 1
    data = hashing.mix(seed, np.arange(size), hashing.Stream.POOL).astype("<u8").view(np.uint8)
    if len(alphabet) < 256:
        letters = np.frombuffer(alphabet, np.uint8)
        data = letters[np.arange(256) * len(letters) // 256][data]
    data.flags.writeable = False
    return Pool(data, seed, max(1, largest))
