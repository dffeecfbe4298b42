"""Run the cases, write reports/bench: `python -m bench --pairs 5 [--case NAME ...]`; exits 1 if a floor is missed."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from bench import table
from bench.about import about, load_now
from bench.case import Case
from bench.cases import CASES, judged
from bench.lab import open_lab

_WARM = 20.0
QUIET = 0.5
"""Load of the machine above which a bench says that it is disturbed."""


def say(text: str) -> None:
    """Print one line of progress with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Return the exit code."""
    asked = _arguments()
    out, load = asked.out.resolve(), load_now()
    if load > QUIET:
        say(f"this machine is busy ({load:.1f} runnable processes): figures will say little of loadkit")
    cases: list[Case] = []
    with open_lab(say, asked.scale) as lab:
        where = about(lab, ["python", "-m", "bench", *sys.argv[1:]], load)
        lab.warm(_WARM)
        for name in asked.case or CASES:
            say(f"{name}: {asked.pairs} pairs")
            cases.append(CASES[name](lab, asked.pairs))
            page = table.keep(out, cases[-1], where)
            for criterion in cases[-1].criteria:
                say(f"  {criterion.name}: {criterion.spread.median:.3f} {criterion.unit} ({criterion.verdict()})")
    print(page.read_text("utf-8"))
    missed = judged(cases)
    for one in missed:
        say(f"floor not met: {one}")
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Ratios of loadkit to its peers on one embedded Kafka, interleaved."
    )
    parser.add_argument(
        "--pairs", type=int, default=7, help="rounds in which every contestant of a case runs once (default 7)"
    )
    parser.add_argument("--case", action="append", choices=list(CASES), help="only this case; may be repeated")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="factor on every length: 0.3 only to see that all runs"
    )
    parser.add_argument("--out", type=Path, default=Path("reports/bench"), help="folder of bench.md and bench.json")
    asked = parser.parse_args()
    if asked.pairs < 1 or asked.scale <= 0:
        parser.error("--pairs and --scale must be positive")
    return asked


if __name__ == "__main__":
    sys.exit(main())
