"""Many byte strings as one array: what payloads and keys hand to a client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadkit.arrays import distinct


def cells(data: NDArray[np.uint8], size: int, step: int = 1, first: int = 0) -> NDArray[np.void]:
    """Return every `step`-th run of `size` bytes of contiguous `data` as one void cell, a view.

    Copying such cells is one memcpy each, several times faster than copying n x size bytes.
    """
    count = max(0, (data.size - first - size) // step + 1)
    return np.ndarray((count,), f"V{size}", data, first, (step,))


def paste(rows: NDArray[np.uint8], at: int, values: NDArray[Any]) -> None:
    """Write the n x k bytes `values`, or n void cells of k bytes, into n x size `rows` from column `at` on."""
    if not len(rows):
        return
    held = values if values.dtype.kind == "V" else np.ascontiguousarray(values).view(f"V{values.shape[1]}").ravel()
    cells(rows, held.dtype.itemsize, rows.shape[1], at)[:] = held


def write(data: NDArray[np.uint8], at: NDArray[np.int64], text: bytes) -> None:
    """Write the same bytes at many places of `data`."""
    cells(data, len(text))[at] = np.void(text)


def splice(
    data: NDArray[np.uint8], at: NDArray[np.int64], source: NDArray[np.uint8], start: NDArray[np.int64],
    size: NDArray[np.int64],
) -> None:  # fmt: skip
    """Copy `source[start:start + size]` to `data[at:at + size]` for each triple of three arrays.

    By classes of size: 2^k ... 2^(k+1) - 1 bytes are two runs of 2^k, one at either end, which may overlap.
    """
    exponent = (size.astype(np.float64).view(np.int64) >> 52) - 1023
    for k in distinct(exponent[size > 0]):
        mine, width = np.flatnonzero(exponent == k), 1 << k
        to, of = cells(data, width), cells(source, width)
        first, begin, rest = at[mine], start[mine], size[mine] - width
        to[first] = of[begin]
        to[first + rest] = of[begin + rest]


@dataclass(frozen=True, slots=True)
class Blobs:
    """n byte strings: string i is `data[offsets[i]:offsets[i + 1]]`."""

    data: NDArray[np.uint8]
    """All bytes, contiguous."""
    offsets: NDArray[np.int64]
    """n + 1 positions in `data`."""
    size: int | None = None
    """The size of every string where all are equal, else None."""

    @classmethod
    def rows(cls, matrix: NDArray[np.uint8]) -> Blobs:
        """Return the n rows of a contiguous n x size matrix."""
        n, size = matrix.shape
        return cls(matrix.reshape(-1), np.arange(0, (n + 1) * size, size) if size else np.zeros(n + 1, np.int64), size)

    @classmethod
    def blank(cls, sizes: NDArray[np.int64]) -> Blobs:
        """Return strings of the given sizes whose bytes are yet to be written."""
        offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        return cls(np.empty(offsets[-1], np.uint8), offsets)

    @classmethod
    def joined(cls, whole: bytes, sizes: NDArray[np.int64]) -> Blobs:
        """Return the strings of the given sizes that follow each other in `whole`."""
        offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        return cls(np.frombuffer(whole, np.uint8), offsets)

    @classmethod
    def of(cls, values: Sequence[bytes]) -> Blobs:
        """Return the given strings."""
        return cls.joined(b"".join(values), np.fromiter(map(len, values), np.int64, len(values)))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The size of each string, in bytes."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        """Return how many strings there are."""
        return len(self.offsets) - 1

    def tolist(self) -> list[bytes]:
        """Return the strings as bytes objects (about 20 ns each where all sizes are equal)."""
        if self.size:
            # V, never S: S strips zeros from the end
            cells: list[Any] = self.data.view(f"V{self.size}").tolist()
            return cells
        whole, at = self.data.tobytes(), self.offsets.tolist()
        return list(map(whole.__getitem__, map(slice, at, at[1:])))
