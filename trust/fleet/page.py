"""What was found out about fleets as a page, from the files beside it: `python -m trust.fleet --page`."""

from __future__ import annotations

from pathlib import Path

from trust import page
from trust.fleet import losses, merging, offsets

PARTS: tuple[page.Part, ...] = (
    (merging.FIGURES, merging.section), (losses.FIGURES, losses.section), (offsets.FIGURES, offsets.section),
)  # fmt: skip


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, "Fleets against known truth", PARTS)
