"""loadkit beside Kafka's own tools, pair by pair: `python -m trust.peers`, or `make trust-peers`; about half an hour.

Each pair is a line of `pairs.jsonl` below `--work`, written when both have run, so that a run that was stopped goes on;
lines that other code has written are made anew. Exit code 1 if a figure misses its bound, 3 if a run
failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import bench
import loadkit
import trust.peers
from bench.figures import rotated
from bench.lab import Lab, open_lab
from loadkit.errors import LoadkitError
from trust.about import about, lanes, mark
from trust.peers import page
from trust.peers.cells import ALL, QUICK, Cell
from trust.peers.contest import contest
from trust.peers.figures import Round, summary
from trust.progress import say
from trust.stopping import stopping

WORK = Path("reports/trust-peers-work")
LINES = "pairs.jsonl"
_WARM = 15.0
Key = tuple[str, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, write figures and page, and return 1 if a bound is missed."""
    asked = _parser().parse_args(arguments)
    if asked.page:
        print(f"page: {page.write(asked.out)}")
        return 0
    words = sys.argv[1:] if arguments is None else list(arguments)
    out, work = asked.out.resolve(), (asked.work or (asked.out / "work" if asked.quick else WORK)).resolve()
    cells, pairs = (QUICK, 2) if asked.quick else (ALL, asked.pairs)
    work.mkdir(parents=True, exist_ok=True)
    ran = about(["python", "-m", "trust.peers", *words])
    for nodes in dict.fromkeys(cell.nodes for cell in cells):
        try:
            measure([cell for cell in cells if cell.nodes == nodes], pairs, work)
        except (LoadkitError, RuntimeError, ValueError, KeyboardInterrupt) as error:
            say(f"{error or 'stopped'}\nwhat was measured is kept in {work}: the same command goes on from there")
            return 3
        there = read(work)
        made = [summary(cell, found) for cell in cells if (found := rounds(there, cell, pairs))]
        keep(out, {"schema": 1, "quick": asked.quick, "cells": made, **ran, "lanes": sorted(lanes_of(work))})
    missed = [claim for claim in page.claims(json.loads((out / page.NAME).read_text("utf-8"))) if claim.met is False]
    for claim in missed:
        say(f"missed: {claim.text}: {claim.figure}, wanted {claim.wanted}")
    return 1 if missed else 0


def measure(cells: Sequence[Cell], pairs: int, work: Path) -> None:
    """Run the pairs of one cluster that are missing, every comparison once before any of them again."""
    there = read(work)
    missing = [(cell, turn) for turn in range(pairs) for cell in cells if (cell.key, turn) not in there]
    if not missing:
        return
    nodes = cells[0].nodes
    with stopping(), open_lab(say, 1.0, f"embedded:{nodes}") as lab:
        lab.warm(_WARM)
        contests = {cell: contest(lab, cell) for cell, _ in missing}
        for number, (cell, turn) in enumerate(missing, 1):
            say(f"{number} of {len(missing)}: pair {turn + 1} of {cell.key} node{'s' * (nodes > 1)}")
            figures: dict[str, Any] = {}
            for name in rotated(list(contests[cell]), turn):
                figures[name] = contests[cell][name]()
                say(f"  {name}: " + ", ".join(f"{key} {value:,.4g}" for key, value in figures[name].items() if value))
            add(work, cell, turn, figures, lab)


def add(work: Path, cell: Cell, turn: int, figures: Round, lab: Lab) -> None:
    """Keep a pair."""
    row = {"cell": cell.key, "turn": turn, "figures": figures, "lanes": lanes(lab.folder), "code": code()}
    with (work / LINES).open("a+b") as file:
        file.seek(max(0, file.tell() - 1))
        torn = file.read(1) not in (b"", b"\n")  # a line that a kill cut off must not take this one with it
        file.write((b"\n" if torn else b"") + json.dumps(row).encode() + b"\n")


def rows(work: Path) -> list[dict[str, Any]]:
    """Return the lines of pairs that are there; torn ones and those of other code are left out."""
    path, found = work / LINES, []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        found += [row] if row["code"] == code() else []
    return found


def read(work: Path) -> dict[Key, Round]:
    """Return the pairs that are there, by comparison and turn."""
    return {(row["cell"], row["turn"]): row["figures"] for row in rows(work)}


def lanes_of(work: Path) -> set[str]:
    """Return the lanes that loadkit's clients took."""
    return {lane for row in rows(work) for lane in row["lanes"]}


def rounds(there: dict[Key, Round], cell: Cell, pairs: int) -> list[Round]:
    """Return the pairs of one comparison in their order."""
    return [there[cell.key, turn] for turn in range(pairs) if (cell.key, turn) in there]


@cache
def code() -> str:
    """Return a mark of all code that a pair depends on."""
    folders = [Path(package.__path__[0]) for package in (loadkit, bench, trust.peers)]
    return mark(path for folder in folders for path in sorted(folder.rglob("*.py")))


def keep(out: Path, document: dict[str, Any]) -> None:
    """Write figures and page: after each cluster, because the next may take long or fail."""
    out.mkdir(parents=True, exist_ok=True)
    (out / page.NAME).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"page: {page.write(out)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trust.peers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--pairs", type=int, default=page.PAIRS, help="of each comparison")
    parser.add_argument("--quick", action="store_true", help="one size on one node, two pairs, in a folder below --out")
    parser.add_argument("--out", type=Path, default=page.OUT)
    parser.add_argument("--work", type=Path, help=f"folder of the pairs; default {WORK}")
    parser.add_argument("--page", action="store_true", help="only write the page, from the figures there are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
