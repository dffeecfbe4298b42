"""Binary values that compress to a declared share of their size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from loadkit import stamp
from loadkit.blobs import Blobs, cells, paste, splice
from loadkit.payloads import sizes
from loadkit.payloads.pool import Pool, pool
from loadkit.payloads.spec import SizedSpec, StampForm

_STAMP_COST = 10
"""Bytes a stamp takes after compression: its upper bytes are those of the stamp before."""
_RUN_COST = 4
"""Bytes the compressible end takes."""


class Random(SizedSpec):
    """Random bytes, different in every message, then zeros.

    A batch of 64 KiB compresses to `1 - compressibility` of its size, within 0.02 for values of 1 KiB and
    more and within 0.1 at 100 B (zlib and lz4), but not to more than the stamp leaves: it takes 24 B and
    compresses to about 10, so at 100 B nothing stays above 0.86.
    """

    stamp_form: ClassVar[StampForm] = "binary"
    smallest: ClassVar[int] = stamp.SIZE
    kind: Literal["random"] = "random"
    compressibility: float = Field(0.0, ge=0, lt=1)

    def build(self, seed: int) -> RandomPayload:
        """Return what makes the values."""
        return RandomPayload(self, seed, pool(seed, self.size.range()[1]), sizes.spread(self.size))


@dataclass(frozen=True, slots=True)
class RandomPayload:
    """Random values."""

    spec: Random
    seed: int
    pool: Pool
    size: int | None

    @property
    def stamp_form(self) -> StampForm:
        """In front of the value."""
        return "binary"

    @property
    def smallest(self) -> int:
        """A stamp."""
        return stamp.SIZE

    def values(self, numbers: NDArray[np.int64], stamps: stamp.Stamps | None) -> Blobs:
        """Return the values of the class's messages `numbers`."""
        if stamps is not None:
            self.spec.check_stamp("value")
        return self._mixed(numbers, stamps) if self.size is None else self._equal(numbers, stamps, self.size)

    def _equal(self, numbers: NDArray[np.int64], stamps: stamp.Stamps | None, size: int) -> Blobs:
        rows = self.pool.slices_of(numbers, size).view(np.uint8).reshape(len(numbers), size)
        noise = int(self._noise(size, stamps is not None))
        if noise < size and len(rows):
            cells(rows, size - noise, size, noise)[:] = np.void(bytes(size - noise))
        if stamps is not None:
            paste(rows, 0, stamp.as_bytes(stamps))
        return Blobs.rows(rows)

    def _mixed(self, numbers: NDArray[np.int64], stamps: stamp.Stamps | None) -> Blobs:
        made = Blobs.blank(self.spec.size.draw(self.seed, numbers))
        if not len(numbers):
            return made
        noise, at = self._noise(made.sizes, stamps is not None), made.offsets[:-1]
        if self.spec.compressibility:
            made.data[:] = 0
        front = 0 if stamps is None else stamp.SIZE
        splice(made.data, at + front, self.pool.data, self.pool.starts(numbers), noise - front)
        if stamps is not None:
            cells(made.data, stamp.SIZE)[at] = stamp.as_bytes(stamps).view(f"V{stamp.SIZE}").ravel()
        return made

    def _noise(self, size: Any, stamped: bool) -> Any:
        """Return the bytes before the zeros, stamp included, of a value of `size`."""
        if not self.spec.compressibility:
            return size
        wanted = (1 - self.spec.compressibility) * size - _RUN_COST
        if stamped:
            wanted = wanted + (stamp.SIZE - _STAMP_COST)
        return np.clip(np.rint(wanted), stamp.SIZE if stamped else 0, size).astype(np.int64)


SPEC = Random


def random(size: sizes.Sizes | int | str = "1KiB", compressibility: float = 0.0) -> Random:
    """Return random values of `size` that compress to `1 - compressibility` of it."""
    return Random.model_validate({"size": size, "compressibility": compressibility})
