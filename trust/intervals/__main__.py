"""How often 95 % intervals of percentiles hold the truth: `python -m trust.intervals`, or `make trust-intervals`.

Cells that are there already, made by the same code, are not made again. Exit code 1 if a judged cell misses its bound.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from trust.intervals import figures, page
from trust.intervals.coverage import RUNS, SECONDS

QUICK = (200, (15, 60, 300))
"""Runs a cell and run lengths of a short slice."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make all cells, write figures and page, and return 1 where a judged cell misses its bound."""
    parser = argparse.ArgumentParser(prog="python -m trust.intervals", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs, three lengths, into the work folder")
    parser.add_argument("--out", type=Path, help=f"default: {figures.OUT}")
    parser.add_argument("--page", action="store_true", help="only write the page, from the figures there are")
    asked = parser.parse_args(arguments)
    out = asked.out or (figures.WORK / "quick" if asked.quick else figures.OUT)
    runs, seconds = QUICK if asked.quick else (RUNS, SECONDS)
    kept = True
    if not asked.page:
        command = ["python", "-m", "trust.intervals", *(["--quick"] if asked.quick else [])]
        truths, rows = figures.made(figures.WORK, seconds, runs)
        kept = figures.write(out, truths, rows, command)
        for row in rows:
            if row.judged and not row.kept:
                print(f"missed its bound: {row.process}, {row.quantile}, {row.seconds} s", file=sys.stderr)
    print(f"page: {page.write(out)}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
