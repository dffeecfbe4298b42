"""What loadkit cannot measure as a page, from the file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trust import page
from trust.blind import spots
from trust.claim import Claim

FIGURES = "spots.json"
TITLE = "Blind spots"
METHOD = (
    "What loadkit cannot measure, or measures with a known bias, each with its size: worked out from the code where it "
    "is exact, read from the other figures under reports/ where they hold it, or measured in a short run."
)
PARTS: tuple[page.Part, ...] = ((FIGURES, spots.section),)


def claims(found: page.Found) -> Sequence[Claim]:
    """Return that each has a size."""
    return [Claim("blind spots named without a size", sum(not spot["size"] for spot in found["spots"]), "<=", 0)]


CLAIMS = {FIGURES: claims}


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, TITLE, PARTS)
