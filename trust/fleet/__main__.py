"""All that is known of fleets, and the page of it: `python -m trust.fleet`, or `make trust-fleet`.

Runs that are there already, made by the same code, are not made again. Exit code 1 if a bound was missed.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trust.fleet import figures, losses, merging, offsets, page

Made = dict[str, list[dict[str, Any]]]
PARTS: dict[str, tuple[str, Callable[[Path, bool], Made]]] = {
    "merging": (merging.FIGURES, lambda work, quick: {"runs": merging.rows(work, quick)}),
    "losses": (losses.FIGURES, lambda work, quick: {"kills": losses.losses(work, quick),
                                                    "late": losses.latecomers(work, quick)}),
    "offsets": (offsets.FIGURES, lambda work, quick: {"runs": offsets.rows(work, quick)}),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is missing, write the page, and return 1 if a bound was missed."""
    parser = argparse.ArgumentParser(prog="python -m trust.fleet", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="a short slice of each part, about two minutes in all")
    parser.add_argument("--out", type=Path, help=f"default: {figures.OUT}; with --quick, a folder of the work")
    parser.add_argument("--work", type=Path, default=figures.WORK, help="folder of the runs themselves")
    parser.add_argument("--page", action="store_true", help="only write the page, from the figures there are")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.parts) - PARTS.keys():
        parser.error(f"no part {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    out = asked.out or (asked.work / "quick" if asked.quick else figures.OUT)
    work = out / "work" if asked.quick else asked.work
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes of a run end with this one
    missed = []
    for name in () if asked.page else asked.parts or PARTS:
        print(f"== {name}", file=sys.stderr, flush=True)
        file, make = PARTS[name]
        command = ["python", "-m", "trust.fleet", name, *(["--quick"] if asked.quick else [])]
        if figures.write(out / file, make(work.resolve(), asked.quick), command):
            missed.append(name)
        page.write(out)  # after each part: a later one may take long or fail
    print(f"page: {page.write(out)}")
    for name in missed:
        print(f"missed its bound: {name}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
