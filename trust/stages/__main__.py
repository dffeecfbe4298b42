"""Delays planted in each stage of a real Kafka, and the stage that is named: `python -m trust.stages`.

About ten minutes; a case whose run is there already, made by the same settings, is only judged again. `--quick` runs
two cases anew and writes beside the figures of a full run, not over them. Exit code 1 if a planted stage was not named.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

from loadkit import result
from loadkit.analysis import blame, stages
from loadkit.errors import LoadkitError
from loadkit.summary import summarise
from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec
from trust.about import about
from trust.stages import page
from trust.stages.cases import CASES, NOT_PLANTED, QUICK, Case, pause

OUT, WORK = Path("reports/trust/stages"), Path("reports/trust-stages-work")
SCENARIO = Path(__file__).parent / "ticks.py"
WARMUP, DURATION = 5, 18
FIRST_WARMUP = 20
"""Seconds of warm-up of a cluster's first case: a cold JVM is slow by itself."""
LONGEST = 150
"""Seconds after which a run that should have ended is killed."""


def definition(case: Case) -> dict[str, Any]:
    """Return what a run must have been made by to count for a case."""
    named = {name: value for name, value in asdict(case).items() if name not in ("place", "stage", "how")}
    return {**named, "place": case.place.__name__, "scenario": SCENARIO.read_text("utf-8"), "seconds": DURATION}


def done(case: Case, folder: Path) -> bool:
    """Return whether a whole run of a case lies in its folder."""
    kept, facts = folder / "case.json", folder / "run" / result.RESULT
    if not kept.exists() or json.loads(kept.read_text("utf-8")) != json.loads(json.dumps(definition(case))):
        return False
    return facts.exists() and json.loads(facts.read_text("utf-8")).get("status") == "complete"


def measure(case: Case, cluster: EmbeddedCluster, folder: Path, warmup: int) -> None:
    """Run the load of a case on a cluster with its delay planted; RuntimeError where it fails."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "case.json").write_text(json.dumps(definition(case)), "utf-8")
    with case.place(cluster) as address, (folder / "said.txt").open("w") as said:
        target = folder / "target.toml"
        target.write_text(embedded.target_toml(cluster).replace(cluster.bootstrap, address), "utf-8")
        sets = [word for one in case.sets for word in ("--set", one)]
        command = [sys.executable, "-m", "loadkit", "run", str(SCENARIO), "--target", str(target), *sets,
                   "--warmup", f"{warmup}s", "--duration", f"{DURATION}s", "--out", str(folder / "run")]  # fmt: skip
        process, until = subprocess.Popen(command, stdout=said, stderr=said), monotonic() + LONGEST
        try:
            while case.pauses and process.poll() is None and monotonic() < until:
                pause(process.pid if case.pauses == "generator" else cluster.node_pid(0))
            process.wait(max(0.0, until - monotonic()))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        raise RuntimeError(f"{case.name}: the run ended with {process.returncode}; see {folder / 'said.txt'}")


def judge(case: Case, folder: Path) -> dict[str, Any]:
    """Return which stage is named for a case's run, and whether it is the planted one."""
    row = {"case": case.name, "planted": case.stage, "how": case.how, "latency_p50": None, "latency_p99": None}
    missed = {"named": None, "share": None, "clear": False, "shares": {}, "spent": {}, "kept": False}
    if not done(case, folder):
        return {**row, **missed, "because": ["the run failed"]}
    loaded = result.load(folder / "run")
    found = blame.of_result(loaded, stages.read(loaded))
    metrics = summarise(loaded).metrics
    row |= {"latency_p50": metrics["latency.p50"], "latency_p99": metrics["latency.p99"]}
    if found is None:
        return {**row, **missed, "because": ["too few messages for a p99, or none of the client's statistics"]}
    facts = found.facts()
    return {**row, "named": found.stage, "share": round(found.share, 4), "clear": found.clear,
            **{name: facts[name] for name in ("shares", "spent", "because")},
            "kept": not case.stage or (found.clear and found.stage == case.stage)}  # fmt: skip


def run(cases: Sequence[Case], work: Path) -> list[dict[str, Any]]:
    """Run what is missing, cluster by cluster, and return the judgement of each case."""
    for text, group in itertools.groupby(cases, key=lambda case: case.cluster):
        missing = [case for case in group if not done(case, work / _folder(case))]
        if not missing:
            continue
        print(f"starting {text}", file=sys.stderr, flush=True)
        with embedded.start(EmbeddedSpec.parse(text)) as cluster:
            for at, case in enumerate(missing):
                try:
                    measure(case, cluster, work / _folder(case), WARMUP if at else FIRST_WARMUP)
                except (
                    RuntimeError,
                    subprocess.SubprocessError,
                    LoadkitError,
                ) as error:  # the others are still worth it
                    print(f"{case.name}: {error}", file=sys.stderr, flush=True)
                print(_line(judge(case, work / _folder(case))), file=sys.stderr, flush=True)
    return [judge(case, work / _folder(case)) for case in cases]


def _folder(case: Case) -> str:
    return case.name.replace(" ", "-")


def _line(row: dict[str, Any]) -> str:
    share = "" if row["share"] is None else f" ({row['share']:.0%})"
    return f"{row['case']}: planted {row['planted'] or 'nothing'}, named {row['named']}{share}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, write figures and page, and return 1 where a planted stage was not named."""
    parser = argparse.ArgumentParser(prog="python -m trust.stages", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(case.name for case in CASES)}")
    parser.add_argument("--quick", action="store_true", help=f"only {' and '.join(QUICK)}, anew")
    parser.add_argument("--out", type=Path, help=f"default: {OUT}; with --quick, a folder of the work")
    parser.add_argument("--work", type=Path, default=WORK, help="folder of the runs themselves")
    asked = parser.parse_args(arguments)
    names = {case.name for case in CASES}
    if unknown := set(asked.cases) - names:
        parser.error(f"no case {', '.join(sorted(unknown))}: there are {', '.join(sorted(names))}")
    wanted = QUICK if asked.quick else asked.cases or names
    out = asked.out or (asked.work / "quick" if asked.quick else OUT)
    work = out / "work" if asked.quick else asked.work
    if asked.quick:
        shutil.rmtree(work, ignore_errors=True)
    rows = run([case for case in CASES if case.name in wanted], work)
    words = ["--quick"] if asked.quick else asked.cases
    missed = [row for row in rows if not row["kept"]]
    out.mkdir(parents=True, exist_ok=True)
    figures = {"cases": rows, "not_planted": NOT_PLANTED, "kept": not missed,
               **about(["python", "-m", "trust.stages", *words], work)}  # fmt: skip
    (out / page.FIGURES).write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    print(f"page: {page.write(out)}")
    for row in missed:
        print(f"missed: {_line(row)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
