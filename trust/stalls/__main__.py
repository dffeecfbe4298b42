"""Reported percentiles against injected truth: `python -m trust.stalls`, or `make trust-stalls`.

Each case is run by loadkit and by Kafka's own tools through a proxy; what is there already, made by the same code, is
not made again. Exit code 1 if a reported percentile is further from the record than is allowed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import loadkit
from bench.__main__ import say
from bench.lab import open_lab
from loadkit.targets.embedded import EmbeddedCluster
from trust.about import about, mark
from trust.stalls import page
from trust.stalls.cases import CASES, CLUSTERS, MEASURED, QUICK, RATE, SIZE, Case
from trust.stalls.measure import MEASURES
from trust.stalls.truth import ALLOWED_S, ALLOWED_SHARE

ROOT = Path(__file__).resolve().parent.parent.parent
_WARM = 15.0
"""Seconds in which a cluster's brokers compile what matters, before the first case."""
OUT, WORK = ROOT / "reports/trust/stalls", ROOT / "reports/trust-stalls-work"


def code() -> str:
    """Return a mark of all that the figures depend on."""
    folders = Path(loadkit.__path__[0]), Path(__file__).parent, ROOT / "trust" / "proxy"
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    return mark(files)


class Kept:
    """What was made already, a file a case and measure."""

    def __init__(self, work: Path) -> None:
        self.work, self._code = work, code()

    def get(self, case: Case, name: str) -> dict[str, Any] | None:
        """Return what the same code made; else None."""
        file = self._file(case, name)
        found = json.loads(file.read_text("utf-8")) if file.exists() else {}
        return found["facts"] if found.get("code") == self._code else None

    def put(self, case: Case, name: str, facts: dict[str, Any]) -> None:
        """Keep facts."""
        self._file(case, name).write_text(json.dumps({"code": self._code, "facts": facts}), "utf-8")

    def folder(self, case: Case) -> Path:
        """Return a case's own folder."""
        folder = self.work / case.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder.resolve()

    def _file(self, case: Case, name: str) -> Path:
        return self.folder(case) / f"{name}.json"


def make(cases: Sequence[Case], measures: Sequence[str], kept: Kept) -> None:
    """Make what is missing, a cluster for all the cases of one size."""
    for nodes in sorted({case.nodes for case in cases}):
        missing = [(case, name) for case in cases if case.nodes == nodes for name in measures
                   if (case.echoes or name != "echoes") and kept.get(case, name) is None]  # fmt: skip
        if not missing:
            continue
        with open_lab(say, 1.0, CLUSTERS[nodes]) as lab:
            lab.warm(_WARM)
            for case, name in missing:
                say(f"{case.name}: {name}")
                one(lab.cluster, case, name, kept)


def one(cluster: EmbeddedCluster, case: Case, name: str, kept: Kept) -> None:
    """Make and keep one measure of a case."""
    facts = MEASURES[name](cluster, case, kept.folder(case))
    kept.put(case, name, facts)
    for row in facts.get("rows", ()):
        if not row["kept"]:
            say(f"  {row['series']} {row['quantile']}: {row['reported']}, the record says {row['truth']:.6f} s")


def entry(case: Case, kept: Kept) -> dict[str, Any]:
    """Return a case's figures as they stand in the file."""
    return {"case": case.name, "title": case.title, **{name: kept.get(case, name) for name in MEASURES}}


def write(out: Path, entries: Sequence[dict[str, Any]], command: Sequence[str]) -> None:
    """Write the file of figures."""
    lanes = sorted({lane for one in entries for lane in one["loadkit"]["lanes"]})
    found = {
        "rate": RATE, "size": SIZE, "seconds": MEASURED, "allowed_s": ALLOWED_S, "allowed_share": ALLOWED_SHARE,
        "cases": entries, "kept": all(one["loadkit"]["kept"] for one in entries), "lanes": lanes, **about(command),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / page.FIGURES).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, write figures and page; 1 where a percentile is too far from the record."""
    parser = argparse.ArgumentParser(prog="python -m trust.stalls", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--quick", action="store_true", help=f"{' and '.join(QUICK)} by loadkit alone, measured anew")
    parser.add_argument("--out", type=Path, help="folder of figures and page; of a slice a scratch one")
    parser.add_argument("--page", action="store_true", help="only write the page, from the figures there are")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.cases) - CASES.keys():
        parser.error(f"no case {', '.join(sorted(unknown))}: there are {', '.join(CASES)}")
    out = (asked.out or (WORK / "quick" if asked.quick else OUT)).resolve()
    os.chdir(ROOT)  # the proxy and loadkit are started as `python -m`
    if not asked.page:
        kept = Kept(out / f"work-{time.time_ns()}" if asked.quick else WORK)
        chosen = [CASES[name] for name in asked.cases or (QUICK if asked.quick else CASES)]
        make(chosen, ("loadkit",) if asked.quick else tuple(MEASURES), kept)
        there = [entry(case, kept) for case in CASES.values() if kept.get(case, "loadkit")]
        write(out, there, ["python", "-m", "trust.stalls", *(["--quick"] if asked.quick else [])])
    print(f"page: {page.write(out)}")
    found = json.loads((out / page.FIGURES).read_text("utf-8"))
    for missed in (one["case"] for one in found["cases"] if not one["loadkit"]["kept"]):
        print(f"missed its bound: {missed}", file=sys.stderr)
    return 0 if found["kept"] else 1


if __name__ == "__main__":
    sys.exit(main())
