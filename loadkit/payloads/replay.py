"""Values from a file: one line is one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loadkit.blobs import Blobs
from loadkit.payloads.spec import PayloadSpec, StampForm, lines, refuse_stamps
from loadkit.stamp import Stamps


class Replay(PayloadSpec):
    """Message i has line i of `file`, from the first again after the last; empty lines are left out.

    The file is held in memory.
    """

    kind: Literal["replay"] = "replay"
    file: Path

    def build(self, seed: int) -> ReplayPayload:
        """Return what makes the values. Raises ValueError when the file is missing or has no lines."""
        return ReplayPayload(tuple(lines(self.file, "replay file")))


@dataclass(frozen=True, slots=True)
class ReplayPayload:
    """Lines of a file."""

    lines: tuple[bytes, ...]

    @property
    def stamp_form(self) -> StampForm:
        """In a header: the values stay as they were."""
        return "header"

    @property
    def smallest(self) -> int:
        """No value takes a stamp."""
        return 0

    def values(self, numbers: NDArray[np.int64], stamps: Stamps | None) -> Blobs:
        """Return the lines of the class's messages `numbers`."""
        refuse_stamps("replay", stamps)
        return Blobs.of(list(map(self.lines.__getitem__, (numbers % len(self.lines)).tolist())))


SPEC = Replay


def replay(file: str | Path) -> Replay:
    """Return the lines of `file` as values, in order and from the start again."""
    return Replay.model_validate({"file": file})
