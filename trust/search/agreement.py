"""Whether searches on a real Kafka agree, and whether their answer holds: `python -m trust.search.agreement`.

`loadkit max` three times, each with a cluster of its own, then a hold at the lowest answer by `loadkit run`. Brokers
and generator share this machine, so what ends the search must not be the processor that both need: the one consumer
works 0.5 ms on each message, and the objective is on the median of end-to-end latency, which tells keeping up from
falling behind also where the machine itself stands still now and then.

A search that was killed goes on in its folder under `--work`; `embedded.json` has the figures. Exit code 1 if the
answers differ by more than 15 % or the hold does not keep the objective.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trust.about import about

OUT = Path("reports/trust/search")
FIGURES = "embedded.json"
WORK = Path("reports/trust-search-work")
APART = 0.15
"""How much higher the highest answer may lie than the lowest."""
STARTS = ("500/s", "700/s", "1300/s")
"""Where each search begins, so that they do not try the same rates."""
SCENARIO, TARGET, SLO = "scenarios/orders.py", "embedded", "end_to_end.p50 < 250ms"
SLOWED = ("Checkout.fixed_count=1", "Billing.fixed_count=1", "Billing.process_time=0.5ms")
LENGTHS = ("--duration", "6s", "--hold", "12s", "--warmup", "4s")


def search(start: str, place: Path) -> dict[str, Any]:
    """Return what one search came to; one that was begun in this folder goes on."""
    document = _loadkit("max", "--slo", SLO, "--start", start, *LENGTHS, *_sets(), "--out", str(place))
    kinds = [probe["kind"] for probe in document["probes"]]
    return {
        "max_rate": document["metrics"]["max_rate"], "interval": document["interval"],
        "verdict": document["verdict"], "limit": document["limit"], "failing": document["failing"],
        "probes": kinds.count("probe") + kinds.count("low"), "holds": kinds.count("hold") + kinds.count("over"),
        "seconds": sum(probe["seconds"] for probe in document["probes"]), "trials": [
            [probe["kind"], probe["rate"], probe["verdict"], probe["metrics"].get("end_to_end.p50")]
            for probe in document["probes"]
        ],
    }  # fmt: skip


def hold(rate: float, place: Path) -> dict[str, Any]:
    """Return whether a run of its own at a rate keeps the objective, and what it measured."""
    words = ("--slo", SLO, "--duration", "30s", "--warmup", "8s", *_sets(f"Checkout.rate={rate:g}/s"))
    document = _loadkit("run", *words, "--out", str(place))
    metrics = document["metrics"]
    return {
        "rate": rate, "verdict": document["verdict"], "end_to_end.p50": metrics["end_to_end.p50"],
        "throughput": metrics["throughput"], "limit": document["limit"],
    }  # fmt: skip


def spread(rates: Sequence[float | None]) -> float | None:
    """Return how much higher the highest rate lies than the lowest, as a share; None where one is missing."""
    found = [rate for rate in rates if rate]
    return max(found) / min(found) - 1 if len(found) == len(rates) and found else None


def met(found: Mapping[str, Any]) -> bool:
    """Return whether the answers agree and the hold passed."""
    return found["spread"] is not None and found["spread"] <= APART and found["hold"]["verdict"] == "pass"


def _sets(*more: str) -> list[str]:
    return [word for setting in (*SLOWED, *more) for word in ("--set", setting)]


def _loadkit(command: str, *words: str) -> dict[str, Any]:
    """Return the document of a command; raises RuntimeError where it left none."""
    line = ["-m", "loadkit", command, SCENARIO, "--target", TARGET, *words, "--json"]
    print("loadkit " + shlex.join(line[2:]), file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, *line], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1, 4):
        raise RuntimeError(f"loadkit {command} ended with exit code {done.returncode}")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main(arguments: Sequence[str] | None = None) -> int:
    """Search, hold, write the figures and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=WORK, help="folder of the searches' own results")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    runs = []
    for number, start in enumerate(STARTS, 1):
        runs.append(search(start, asked.work / f"max-{number}"))
        print(f"search {number}: {runs[-1]['max_rate']} msg/s, {runs[-1]['limit']}", flush=True)
    rates = [one["max_rate"] for one in runs]
    found = {
        "schema": 1, "scenario": SCENARIO, "target": TARGET, "slo": SLO, "sets": list(SLOWED), "allowed": APART,
        "runs": runs, "spread": spread(rates),
        "hold": hold(min(rates), asked.work / "hold") if all(rates) else {"verdict": None},
        **about(["python", "-m", "trust.search.agreement"], asked.work),
    }  # fmt: skip
    (asked.out / FIGURES).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"spread {found['spread']}, hold {found['hold']}")
    return 0 if met(found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
