"""All that is known of gates, and the page of it: `python -m trust.gate`, or `make trust-gate`.

Trials and figures that are there already, made by the same code, are not made again. Exit code 1 if a promise was not
kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from trust.gate import figures, live, made_up, page, planted, recorded

PARTS: dict[str, Callable[[Sequence[str]], int]] = {
    "made_up": made_up.main, "planted": planted.main, "recorded": recorded.main, "live": live.main,
}  # fmt: skip
COUNTED = ("made_up", "planted", "recorded")
"""Parts that take --gates."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, write the page, and return 1 if one of them did not keep what is promised."""
    parser = argparse.ArgumentParser(prog="python -m trust.gate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--gates", type=int, default=1000, help="A/A gates a source; half as many for power")
    parser.add_argument("--out", type=Path, default=figures.OUT)
    parser.add_argument("--page", action="store_true", help="only write the page, from the figures there are")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.parts) - PARTS.keys():
        parser.error(f"no part {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    missed = []
    for name in () if asked.page else asked.parts or PARTS:
        print(f"== {name}", file=sys.stderr, flush=True)
        counted = ["--gates", str(asked.gates)] if name in COUNTED else []
        if PARTS[name](["--out", str(asked.out), *counted]):
            missed.append(name)
        page.write(asked.out)  # after each part: a later one may take long or fail
    print(f"page: {page.write(asked.out)}")
    for name in missed:
        print(f"a promise was not kept: {name}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
