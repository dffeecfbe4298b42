"""Keys from a file: one line is one key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loadkit.blobs import Blobs
from loadkit.keys.spec import KeysSpec


class File(KeysSpec):
    """Message i of the class has line i of `path` as its key, from the first again after the last.

    Empty lines are left out; a key that stands there twice is used twice as often.
    """

    kind: Literal["file"] = "file"
    path: Path

    def build(self, seed: int) -> FileKeys:
        """Return what makes the keys. Raises ValueError when the file is missing or has no lines."""
        try:
            found = tuple(line for line in self.path.read_bytes().splitlines() if line)
        except OSError as error:
            raise ValueError(f"key file {str(self.path)!r} cannot be read: {error.strerror or error}") from None
        if not found:
            raise ValueError(f"key file {str(self.path)!r} has no lines")
        return FileKeys(found)


@dataclass(frozen=True, slots=True)
class FileKeys:
    """Lines of a file."""

    lines: tuple[bytes, ...]

    def indices(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which line each message has, from 0."""
        return numbers % len(self.lines)

    def blobs(self, numbers: NDArray[np.int64]) -> Blobs:
        """Return the lines."""
        return Blobs.of(list(map(self.lines.__getitem__, self.indices(numbers).tolist())))


SPEC = File


def file(path: str | Path) -> File:
    """Return the lines of `path` as keys, in order and from the start again."""
    return File.model_validate({"path": path})
