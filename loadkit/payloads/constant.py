"""Values that are all the same bytes: what compression likes best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from loadkit import stamp
from loadkit.blobs import Blobs, cells, paste
from loadkit.payloads import sizes
from loadkit.payloads.spec import SizedSpec, StampForm


class Constant(SizedSpec):
    """The letter x, `size` times, under the stamp."""

    stamp_form: ClassVar[StampForm] = "binary"
    smallest: ClassVar[int] = stamp.SIZE
    kind: Literal["constant"] = "constant"

    def build(self, seed: int) -> ConstantPayload:
        """Return what makes the values."""
        return ConstantPayload(self, seed)


@dataclass(frozen=True, slots=True)
class ConstantPayload:
    """Constant values."""

    spec: Constant
    seed: int

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
        size = sizes.spread(self.spec.size)
        return self._mixed(numbers, stamps) if size is None else self._equal(numbers, stamps, size)

    def _equal(self, numbers: NDArray[np.int64], stamps: stamp.Stamps | None, size: int) -> Blobs:
        rows = np.full((len(numbers), size), ord("x"), np.uint8)
        if stamps is not None:
            paste(rows, 0, stamp.as_bytes(stamps))
        return Blobs.rows(rows)

    def _mixed(self, numbers: NDArray[np.int64], stamps: stamp.Stamps | None) -> Blobs:
        ends = np.cumsum(self.spec.size.draw(self.seed, numbers))
        made = Blobs(np.full(int(ends[-1]) if len(ends) else 0, ord("x"), np.uint8), np.append(0, ends))
        if stamps is not None and len(numbers):
            cells(made.data, stamp.SIZE)[made.offsets[:-1]] = stamp.as_bytes(stamps).view(f"V{stamp.SIZE}").ravel()
        return made


SPEC = Constant


def constant(size: sizes.Sizes | int | str = "1KiB") -> Constant:
    """Return values of `size` that are all the same but for the stamp."""
    return Constant.model_validate({"size": size})
