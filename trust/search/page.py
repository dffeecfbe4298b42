"""The page of what was found out about sweeps and searches: `python -m trust.search.page`, from the files beside it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from loadkit.report import page
from loadkit.report.block import Block, Prose, block, table
from loadkit.units import format_rate
from trust.search import maximum

OUT = Path("reports/trust/search")
PAGE = "report.html"


def effects(found: Mapping[str, Any]) -> Block | None:
    """Return how often the effects' intervals held their truth."""
    rows = [
        [one["design"], f"{one['sweeps']:,}", f"{one['main_inside']:.1%}",
         "none told" if one["pair_inside"] is None else f"{one['pair_inside']:.1%}", f"{one['idle_claimed']:.1%}",
         f"{one['median_half_width']:.1%}"]
        for one in found["designs"]
    ]  # fmt: skip
    head = ("design", "sweeps", "main effects inside", "interactions inside", "idle knob blamed", "median half width")
    lead = (
        f"Sweeps with known effects, estimated as for a report. Of the intervals {found['claimed']:.0%} are to hold "
        "the truth, and a knob that does nothing is to be blamed in 5 % of the sweeps at most."
    )
    return block("Effects and their intervals", [Prose(lead), table("Coverage", head, rows)])


def agreement(found: Mapping[str, Any]) -> Block | None:
    """Return how well searches on a real Kafka agreed."""
    rows = [
        [str(at), format_rate(one["max_rate"]), one["outcome"], one["bound"], str(one["probes"]), str(one["holds"]),
         f"{one['minutes']:.1f}"]
        for at, one in enumerate(found["runs"], 1)
    ]  # fmt: skip
    head = ("search", "highest rate", "ended", "limit", "probes", "holds", "minutes")
    spread = "–" if found["spread"] is None else f"{found['spread']:.1%}"
    told = (
        f"{found['scenario']} on {found['target']}, within {' and '.join(found['slo'])}: the highest answer lies "
        f"{spread} above the lowest; 15 % are allowed. A further hold at the lowest: {found['hold']}. Brokers and "
        "generator shared one machine, so this shows the method and not a cluster."
    )
    return block("Searches on a real Kafka agree", [Prose(told), table("Searches", head, rows, texts=(0, 2, 3))])


PARTS: tuple[tuple[str, Callable[[Mapping[str, Any]], Block | None]], ...] = (
    ("max.json", maximum.section), ("embedded.json", agreement), ("effects.json", effects),
)  # fmt: skip
"""Files of results and what makes a section of each; one that is not there is left out."""


def write(out: Path) -> Path:
    """Write the page of the results in a folder and return its path."""
    there = [(out / name, made) for name, made in PARTS if (out / name).exists()]
    blocks = [found for path, made in there if (found := made(json.loads(path.read_text("utf-8"))))]
    path = out / PAGE
    path.write_text(page.render("Sweeps and searches against known truth", blocks), encoding="utf-8", newline="\n")
    return path


if __name__ == "__main__":
    print(write(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT))
