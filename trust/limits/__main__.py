"""Planted slow generators and clusters against what loadkit says of them: `python -m trust.limits`.

A case that was run is not run again; stop it at any time and it goes on where it was. Exit code 1 where an answer is
wrong. `--quick` runs four cases anew.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from trust.about import about
from trust.limits import page
from trust.limits.cases import CASES, QUICK, Case
from trust.limits.figures import FIGURES, OUT, WORK, done, figures, folder, row
from trust.limits.lab import Lab
from trust.progress import say

PLACES = ("sink", "one", "three")


def run(cases: Sequence[Case], work: Path) -> None:
    """Run the cases that have not been run, place by place: a cluster is started once."""
    with Lab(work, say) as lab:
        lab.points()  # every run is compared with them
        for case in sorted(cases, key=lambda case: (PLACES.index(case.place), case.number)):
            if done(work, case):
                continue
            begun, out = time.monotonic(), folder(work, case)
            rmtree(out, ignore_errors=True)
            code = lab.trial(case, out)
            if not done(work, case):
                raise RuntimeError(f"case {case.number} left no result (exit code {code}): see {work / 'runs.log'}")
            said = row(work, case)
            say(
                f"case {case.number} {case.kind}: {case.truth}, said {said['answer']} ({said['verdict']}), "
                f"{time.monotonic() - begun:.0f} s"
            )


def write(cases: Sequence[Case], work: Path, out: Path, words: Sequence[str]) -> int:
    """Write figures and page of the cases that have been run; return 1 where an answer of a test case is wrong."""
    found = {**figures(work, cases), **about(["python", "-m", "trust.limits", *words], work)}
    out.mkdir(parents=True, exist_ok=True)
    (out / FIGURES).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"test cases: {found['test']}, training cases: {found['training']}; page: {page.write(out)}")
    return int(found["test"]["wrong"] > 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, write the figures and the page."""
    parser = argparse.ArgumentParser(prog="python -m trust.limits", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("cases", nargs="*", type=int, metavar="CASE", help="numbers of cases; default: all")
    parser.add_argument("--quick", action="store_true", help=f"cases {', '.join(map(str, QUICK))} alone, anew")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=WORK, help="folder of the runs")
    parser.add_argument("--page", action="store_true", help="only judge again what was run, and write the page")
    asked = parser.parse_args(arguments)
    wanted = QUICK if asked.quick else asked.cases or [case.number for case in CASES]
    cases = [case for case in CASES if case.number in wanted]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended, what was run is kept
    if asked.quick:
        with TemporaryDirectory(prefix="loadkit-limits-") as place:
            run(cases, Path(place))
            return write(cases, Path(place), asked.out, ["--quick"])
    if not asked.page:
        run(cases, asked.work)
    return write(CASES, asked.work, asked.out, [str(one) for one in asked.cases])


if __name__ == "__main__":
    sys.exit(main())
