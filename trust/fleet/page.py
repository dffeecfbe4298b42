"""What was found out about fleets as a page, from the files beside it: `python -m trust.fleet --page`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trust import page
from trust.claim import Claim
from trust.fleet import losses, merging, offsets

TITLE = "Fleets"
METHOD = (
    "Real Locust processes: their merged histograms against a histogram of every single value, kept beside each and "
    "made by another library; processes killed at random instants, and how long until each is named; processes that "
    "come late; and processes whose clock is skewed and drifts by known amounts, beside what loadkit reads of it."
)
PARTS: tuple[page.Part, ...] = (
    (merging.FIGURES, merging.section), (losses.FIGURES, losses.section), (offsets.FIGURES, offsets.section),
)  # fmt: skip


def merged(found: page.Found) -> Sequence[Claim]:
    """Return what is promised of merged histograms."""
    differ = sum(row["unlike"] + row["unlike_one"] for row in found["runs"])
    most = max(row["workers"] for row in found["runs"])
    return [Claim("buckets in which merged histograms differ from those of all values, or from one process's", differ,
                  "<=", 0, note=f"up to {most} load processes")]  # fmt: skip


def missing(found: page.Found) -> Sequence[Claim]:
    """Return what is promised of processes that die and that come late."""
    times = [one["seconds"] for row in found["kills"] for one in row["named"]]
    named = Claim("longest until a killed load process is named with its share", max(times, default=None), "<=",
                  losses.BOUND, "s", f"{len(times)} kills")  # fmt: skip
    broken = sum(not row["kept"] for row in found["late"])
    return [named, Claim("runs that a late load process started anew or changed", broken, "<=", 0)]


def known(found: page.Found) -> Sequence[Claim]:
    """Return what is promised of clocks."""
    clocks = [one for row in found["runs"] for one in row["clocks"]]
    outside = sum(one["outside"] for one in clocks)
    wrong = sum(row["withheld"] != row["must"] for row in found["runs"])
    return [
        Claim("readings of a skewed clock whose error is beyond the bound told", outside, "<=", 0,
              note=f"of {sum(one['rows'] for one in clocks):,}"),
        Claim("runs whose end-to-end times were shown or withheld wrongly", wrong, "<=", 0),
    ]  # fmt: skip


CLAIMS = {merging.FIGURES: merged, losses.FIGURES: missing, offsets.FIGURES: known}


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, TITLE, PARTS)
