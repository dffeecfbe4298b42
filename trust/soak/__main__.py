"""Half an hour of steady load and what grows meanwhile: `python -m trust.soak`, or `make trust-soak`.

A run that is stopped (Ctrl-C, SIGTERM) keeps what it had, and its figures say how far it came; `--read` makes the
figures of a run that was killed. A complete run of the same length and rate is not run again. Exit code 1 if a figure
misses its bound, 3 if the run failed or left too little to tell.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadkit import result
from loadkit.errors import LoadkitError
from loadkit.result import RESULT
from trust.about import about
from trust.progress import say
from trust.soak import page
from trust.soak.figures import figures
from trust.soak.run import ASKED, RUN, read_samples, soak

WORK = Path("reports/trust-soak-work")
PROMISED, MINUTES, QUICK = 100_000, 30.0, 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is not there yet, write figures and page, and return 1 if a bound is missed."""
    asked = _parser().parse_args(arguments)
    words = sys.argv[1:] if arguments is None else list(arguments)
    out = asked.out.resolve()
    work = (asked.work or (out / "work" if asked.quick else WORK)).resolve()
    length = 60 * (QUICK if asked.quick else asked.minutes)
    wanted = {"rate": asked.rate, "seconds": length, "promised": PROMISED}
    if asked.page:
        print(f"page: {page.write(out)}")
        return 0
    try:
        if asked.read:
            wanted = json.loads((work / ASKED).read_text("utf-8")) if (work / ASKED).exists() else wanted
        elif not there(work, wanted):
            soak(work, wanted, say)
        return keep(work, out, wanted, words)
    except (LoadkitError, RuntimeError, ValueError) as error:
        say(str(error))
        return 3


def there(work: Path, wanted: Mapping[str, Any]) -> bool:
    """Return whether a complete run of this rate and length is there."""
    if not (work / ASKED).exists() or not (work / RUN / RESULT).exists():
        return False
    facts = json.loads((work / RUN / RESULT).read_text("utf-8"))
    return json.loads((work / ASKED).read_text("utf-8")) == wanted and facts.get("status") == "complete"


def keep(work: Path, out: Path, wanted: Mapping[str, Any], words: Sequence[str]) -> int:
    """Write the figures of the run in a folder, whole or not, and the page; 1 if a bound is missed."""
    found = figures(result.load(work / RUN), read_samples(work), wanted)
    document = {"schema": 1, **found, **about(["python", "-m", "trust.soak", *words], work)}
    out.mkdir(parents=True, exist_ok=True)
    (out / page.FIGURES).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    missed = [claim for claim in page.claims(document) if claim.met is False]
    for claim in page.claims(document):
        print(f"{claim.text}: {claim.figure} ({claim.wanted}): {claim.verdict} {claim.note}".rstrip())
    print(f"page: {page.write(out)}")
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trust.soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--rate", type=int, default=PROMISED, help="messages a second; the bound stays 100,000")
    parser.add_argument("--quick", action="store_true", help="one minute, in a folder below --out")
    parser.add_argument("--out", type=Path, default=page.OUT)
    parser.add_argument("--work", type=Path, help=f"folder of the run itself; default {WORK}")
    parser.add_argument("--read", action="store_true", help="only make the figures of the run there is, whole or not")
    parser.add_argument("--page", action="store_true", help="only write the page, from the figures there are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
