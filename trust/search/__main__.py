"""All that is known of sweeps and searches, and the page of it: `python -m trust.search`, or `make trust-search`.

Searches that are there already, made by the same code, are not made again. Exit code 1 if a figure misses its bound.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from trust.search import agreement, effects, guided, maximum, page

PARTS: dict[str, Callable[[Sequence[str]], int]] = {
    "max": maximum.main, "guided": guided.main, "effects": effects.main, "embedded": agreement.main,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, write the page, and return 1 if one of them misses a bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--out", type=Path, default=page.OUT)
    parser.add_argument("--page", action="store_true", help="only write the page, from the figures there are")
    asked = parser.parse_args(arguments)
    unknown = set(asked.parts) - PARTS.keys()
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    missed = []
    for name in () if asked.page else asked.parts or PARTS:
        print(f"== {name}", file=sys.stderr, flush=True)
        if PARTS[name](["--out", str(asked.out)]):
            missed.append(name)
        page.write(asked.out)  # after each part: a later one may take long or fail
    print(f"page: {page.write(asked.out)}")
    for name in missed:
        print(f"missed its bound: {name}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
