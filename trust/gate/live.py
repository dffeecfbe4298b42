"""A/A gates on a real Kafka, none of which may fail: `python -m trust.gate.live`.

Each is `loadkit gate` at default settings with a cluster of its own; one that was broken off goes on, one that is
finished is only read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadkit.report.block import Block, Prose, block, table
from trust.about import lanes
from trust.gate import command, figures
from trust.gate.rates import THRESHOLD

FIGURES = "live.json"
GATES = 5


def row(number: int, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one gate came to."""
    one = document["comparisons"][0]
    return {
        "gate": number, "verdict": document["verdict"], "why": document["why"], "pairs": document["pairs"],
        "effect": one["effect"], "interval": one["interval"], "detectable": one["detectable"],
        "limit": document["limit"], "kept": document["verdict"] != "fail",
    }  # fmt: skip


def section(found: Mapping[str, Any]) -> Block | None:
    """Return the gates as a section of the page."""
    rows = [
        [str(one["gate"]), one["verdict"], str(one["pairs"]), _share(one["effect"]),
         " to ".join(map(_share, one["interval"])), _share(one["detectable"])]
        for one in found["gates"]
    ]  # fmt: skip
    lead = (
        f"{command.SCENARIO} at {command.RATE} against itself on the embedded cluster, gated by {THRESHOLD!r} at "
        "default settings but for shorter trials: none may fail."
    )
    head = ("gate", "verdict", "pairs", "effect", "interval", "smallest effect told")
    return block("A/A gates on a real Kafka", [Prose(lead), table("Gates", head, rows, texts=(0, 1))])


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1%}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, print and write the figures; 1 where a gate failed."""
    parser = argparse.ArgumentParser(prog="python -m trust.gate.live", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--count", type=int, default=GATES, help="gates to run")
    parser.add_argument("--max-pairs", type=int, help="most pairs of each; default as for loadkit gate")
    parser.add_argument("--out", type=Path, default=figures.OUT)
    parser.add_argument("--work", type=Path, default=figures.WORK, help="folder of the gates themselves")
    asked = parser.parse_args(arguments)
    most = ("--max-pairs", str(asked.max_pairs)) if asked.max_pairs else ()
    rows = []
    for number in range(1, asked.count + 1):
        words = ("--fail-if", THRESHOLD, "--seed", str(number), *most)
        document = command.gate(*words, work=asked.work, out=f"live-{number}")
        rows.append(figures.said(row(number, document)))
    ran = lanes(*(asked.work / f"live-{number}" for number in range(1, asked.count + 1)))
    return figures.write(asked.out / FIGURES, {"gates": rows, "lanes": ran}, "trust.gate.live", "--count", asked.count)


if __name__ == "__main__":
    sys.exit(main())
