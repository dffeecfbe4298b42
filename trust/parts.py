"""A section that has several parts, each a file of figures: all of them, some, or a short slice of each."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a section: its command, and the words that cut it short."""

    main: Callable[[Sequence[str]], int]
    """Returns 1 where a bound is missed; takes `--out`."""
    quick: tuple[str, ...] | None = None
    """None: it takes too long for a slice, and is left out of it."""


def main(
    name: str,
    about: str | None,
    steps: Mapping[str, Step],
    write: Callable[[Path], Path],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run the parts of a section, write its page, and return 1 if one of them misses a bound."""
    parser = argparse.ArgumentParser(prog=f"python -m trust.{name}", description=about,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(steps)}; default: all")
    parser.add_argument("--out", type=Path, default=Path("reports/trust") / name)
    parser.add_argument("--quick", action="store_true", help="a short slice, measured anew; give --out too")
    parser.add_argument("--page", action="store_true", help="only write the page, from the figures there are")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.parts) - steps.keys():
        parser.error(f"no part {', '.join(sorted(unknown))}: there are {', '.join(steps)}")
    missed = []
    for part in () if asked.page else asked.parts or steps:
        more = steps[part].quick if asked.quick else ()
        if more is None:
            print(f"== {part}: left out of a short slice", file=sys.stderr, flush=True)
            continue
        print(f"== {part}", file=sys.stderr, flush=True)
        if steps[part].main(["--out", str(asked.out), *more]):
            missed.append(part)
        write(asked.out)  # after each part: a later one may take long or fail
    print(f"page: {write(asked.out)}")
    for part in missed:
        print(f"missed a bound: {part}", file=sys.stderr)
    return 1 if missed else 0
