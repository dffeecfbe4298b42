"""What was found out about gates as a page, from the files beside it: `python -m trust.gate --page`."""

from __future__ import annotations

from pathlib import Path

from trust import page
from trust.gate import live, made_up, planted, recorded

PARTS: tuple[page.Part, ...] = (
    (made_up.FIGURES, made_up.section), (planted.FIGURES, planted.section),
    (recorded.FIGURES, recorded.section), (live.FIGURES, live.section),
)  # fmt: skip


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, "Gates against known truth", PARTS)
