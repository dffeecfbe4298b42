"""Integrity on a real cluster that is disturbed, beside a full read: `python -m trust.integrity`.

Cases that are there already, made by the same code, are not made again. Exit code 1 if one is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import loadkit
from loadkit.errors import LoadkitError
from loadkit.targets import embedded
from trust.about import about, mark
from trust.integrity import page
from trust.integrity.cases import CASES, QUICK, Case, run
from trust.progress import say

WORK = Path("reports/trust-integrity-work")
TARGET = "embedded:3?jvm=-XX:TieredStopAtLevel=1"
"""Times do not matter here, and without the second compiler three brokers start in half the CPU."""


def code() -> str:
    """Return a mark of all that a case depends on."""
    folders = [(Path(loadkit.__path__[0]), ("*.py", "targets/*.py")), (Path(__file__).parent, ("*.py",))]
    files = [file for folder, patterns in folders for pattern in patterns for file in sorted(folder.glob(pattern))]
    return mark(file for file in files if file.name != "page.py")


def make(cases: Sequence[Case], work: Path) -> list[dict[str, Any]]:
    """Return the rows of the cases; those that are kept in the folder by the same code are only read."""
    rows = []
    with ExitStack() as stack:
        cluster: embedded.EmbeddedCluster | None = None
        for number, case in enumerate(cases, 1):
            kept = work / f"{case.name.replace(',', '').replace(' ', '-')}.json"
            row = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
            if row.get("code") != code():
                cluster = cluster or stack.enter_context(embedded.start(embedded.EmbeddedSpec.parse(TARGET), say))
                say(f"{number}/{len(cases)} {case.name}, {case.seconds:.0f} s")
                begun = time.monotonic()
                folder = kept.with_suffix("")
                shutil.rmtree(folder, ignore_errors=True)
                row = {**run(case, cluster, folder), "took": round(time.monotonic() - begun, 1), "code": code()}
                kept.write_text(json.dumps(row, indent=1), "utf-8")
            say(f"   {'as it should be' if row['kept'] else 'NOT as it should be: ' + '; '.join(row['why'])}")
            rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, write figures and page, and return 1 if a case is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m trust.integrity", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("cases", nargs="*", metavar="CASE", help="words of the names of cases; default: all")
    parser.add_argument("--quick", action="store_true", help=f"only {' and '.join(QUICK)}, anew")
    parser.add_argument("--page", action="store_true", help="only write the page, from the figures there are")
    parser.add_argument("--out", type=Path, help=f"default: {page.OUT}; with --quick, a folder of the work")
    parser.add_argument("--work", type=Path, default=WORK, help="folder of the runs themselves")
    asked = parser.parse_args(arguments)
    out = asked.out or (asked.work / "quick" if asked.quick else page.OUT)
    work = out / "work" if asked.quick else asked.work
    if asked.page:
        print(f"page: {page.write(out)}")
        return 0
    chosen = [case for case in CASES if (case.name in QUICK if asked.quick else _named(case, asked.cases))]
    if not chosen:
        parser.error(f"no such case; there are: {'; '.join(case.name for case in CASES)}")
    if asked.quick:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    try:
        rows = make(chosen, work)
    except (LoadkitError, RuntimeError) as error:
        say(f"stopped, to go on where it was when asked again: {error}")
        return 2
    wrong = [row["case"] for row in rows if not row["kept"]]
    if asked.quick or len(chosen) == len(CASES):
        out.mkdir(parents=True, exist_ok=True)
        lanes = sorted({row["lane"] for row in rows})
        command = ["python", "-m", "trust.integrity", *(["--quick"] if asked.quick else [])]
        document = {"cases": rows, "kept": not wrong, **about(command), "lanes": lanes}
        (out / page.FIGURES).write_text(json.dumps(document, indent=1) + "\n", "utf-8")
        print(f"page: {page.write(out)}")
    for name in wrong:
        print(f"not as it should be: {name}", file=sys.stderr)
    return 1 if wrong else 0


def _named(case: Case, words: Sequence[str]) -> bool:
    return not words or any(word in case.name for word in words)


if __name__ == "__main__":
    sys.exit(main())
