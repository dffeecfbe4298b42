"""What was found out about intervals as a page, from the file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trust import page
from trust.claim import SHARE, Claim
from trust.intervals import figures

TITLE = "Intervals"
METHOD = (
    "Made-up processes whose true percentiles are known (a level that keeps for seconds, rare stalls, bursts) are "
    "drawn thousands of times at each length of run. Counted is how often the 95 % interval that a report would print "
    "holds the truth, and how often it says that the run is too short to tell. The interval's variance is that of the "
    "circular block bootstrap over the seconds' histograms, in closed form."
)
PARTS: tuple[page.Part, ...] = ((figures.FIGURES, figures.section),)


def claims(found: page.Found) -> Sequence[Claim]:
    """Return what is promised of coverage in cells of enough effective blocks."""
    judged = [row for row in found["rows"] if row["judged"]]
    share = sum(bool(row["kept"]) for row in judged) / len(judged) if judged else None
    text = (
        f"cells of {found['enough']} effective blocks or more whose intervals hold the truth in {found['claimed']:.0%}"
    )
    made = [Claim(text, share, ">=", 1.0, SHARE, f"{len(judged)} cells")]
    if judged:
        value, low, high = min((row["coverage"] for row in judged), key=lambda coverage: float(coverage[0]))
        made.append(Claim("the lowest coverage among them", value, ">=", None, SHARE, interval=(low, high)))
    return made


CLAIMS = {figures.FIGURES: claims}


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, TITLE, PARTS)
