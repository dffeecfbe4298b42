"""The page of all that is known of loadkit's numbers, from the committed figures: `python -m trust`, `make trust`.

`--run` first runs a short slice of every section again (under 30 minutes in all, into a folder of its own) and says
which agree with the committed figures; exit code 1 if one does not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from loadkit import kept
from loadkit.report import page
from trust import sections, slices, whole
from trust.progress import say

REPORTS = Path("reports/trust")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the slices if asked to, write the page, and return 1 if one of them does not agree."""
    parser = argparse.ArgumentParser(prog="python -m trust", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--run", action="store_true", help="run a short slice of every section first")
    parser.add_argument("--section", action="append", metavar="NAME", help="run only this one; may be repeated")
    parser.add_argument("--reports", type=Path, default=REPORTS, help="folder of the committed figures")
    parser.add_argument("--out", type=Path, help="the page; default: trust.html beside that folder")
    parser.add_argument("--work", type=Path, help="folder of the slices' figures and output; default: a temporary one")
    asked = parser.parse_args(arguments)
    there = [name for name in sections.names() if name in sections.found()]
    if unknown := set(asked.section or ()) - set(there):
        parser.error(f"no section {', '.join(sorted(unknown))}: there are {', '.join(there)}")
    done: list[slices.Slice] = []
    if asked.run or asked.section:
        work = asked.work or Path(tempfile.mkdtemp(prefix="loadkit-trust-"))
        say(f"figures and output of the slices: {work}")
        done = slices.run([name for name in there if name in (asked.section or there)], work, asked.reports, say)
    out = asked.out or asked.reports.parent / "trust.html"
    print(f"page: {write(asked.reports, out, done)}")
    for one in done:
        if one.agrees is False:
            say(f"does not agree: {one.name}: {one.text}")
    return int(any(one.agrees is False for one in done))


def write(reports: Path, out: Path, done: Sequence[slices.Slice] = ()) -> Path:
    """Write the page of the figures below a folder, and return its path."""
    measured = [sections.load(name, reports / name) for name in sections.names()]
    more = [slices.section(done, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))] if done else []
    kept.replace(out, page.render(whole.TITLE, whole.blocks(measured, more)))
    return out


if __name__ == "__main__":
    sys.exit(main())
