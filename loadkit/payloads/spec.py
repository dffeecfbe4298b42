"""What every payload is: a declaration that `build`s something turning message numbers into bytes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loadkit import plugins
from loadkit.blobs import Blobs
from loadkit.payloads import sizes
from loadkit.stamp import Stamps
from loadkit.units import format_size

StampForm: TypeAlias = Literal["binary", "json", "header"]


class Payload(Protocol):
    """Values by message number: the same number and seed give the same value in every worker."""

    @property
    def stamp_form(self) -> StampForm:
        """Where the stamp goes unless the scenario says otherwise."""
        ...

    @property
    def smallest(self) -> int:
        """The smallest value in bytes that takes the stamp; 0 where the value never does."""
        ...

    def values(self, numbers: NDArray[np.int64], stamps: Stamps | None) -> Blobs:
        """Return the values of the class's messages `numbers`, stamped with `stamps` unless that is None."""
        ...


class PayloadSpec(plugins.Spec):
    """A declared payload."""

    stamp_form: ClassVar[StampForm] = "header"
    """Where the stamp goes unless the scenario says otherwise."""

    def build(self, seed: int) -> Payload:
        """Return what makes the values; reads the files it needs. Raises ValueError naming a missing one."""
        raise NotImplementedError

    def check_stamp(self, where: Literal["value", "header"]) -> None:
        """Raise ValueError when values of this payload cannot carry their stamp there."""
        if where == "value":
            raise ValueError(f"payload {self.kind!r} leaves its values as they are: use stamp = 'header'")

    def mean_size(self) -> float | None:
        """Return the expected bytes of a value, or None where only `build` could tell."""
        return None


class SizedSpec(PayloadSpec):
    """A payload whose values have a declared size."""

    smallest: ClassVar[int]
    """The smallest value in bytes that takes the stamp."""

    size: sizes.AnySizes = sizes.Fixed(size=1024)
    """Bytes of a value with its stamp, or their distribution."""

    def check_stamp(self, where: Literal["value", "header"]) -> None:
        """Raise ValueError when the smallest value is smaller than a stamp."""
        least = self.size.range()[0]
        if where == "value" and least < self.smallest:
            raise ValueError(
                f"size: {format_size(least)} is too small for the stamp in a {self.kind} value: "
                f"the smallest is {self.smallest} B, or use stamp = 'header'"
            )

    def mean_size(self) -> float:
        """Return the mean of the declared sizes."""
        return self.size.mean()


def refuse_stamps(kind: str, stamps: Stamps | None) -> None:
    """Raise ValueError when a payload that leaves its values as they are is given stamps."""
    if stamps is not None:
        raise ValueError(f"payload {kind!r} leaves its values as they are: the stamp goes into a header")


def content(file: Path, what: str) -> bytes:
    """Return the bytes of `file`. Raises ValueError naming it when it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"{what} {str(file)!r} cannot be read: {error.strerror or error}") from None


def lines(file: Path, what: str) -> list[bytes]:
    """Return the lines of `file` without their ends, empty ones left out. Raises ValueError when there are none."""
    found = [line for line in content(file, what).splitlines() if line]
    if not found:
        raise ValueError(f"{what} {str(file)!r} has no lines")
    return found
