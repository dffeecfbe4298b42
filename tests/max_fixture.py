"""Folders of searches for tests: real trials on a simulated cluster at given rates, judged by an SLO."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sweep_fixture import ROOT

from loadkit.boundaries import Options
from loadkit.changes import changed
from loadkit.result import load
from loadkit.scenario_file import load_scenario
from loadkit.simulation import simulate
from loadkit.slo import Objective
from loadkit.summary import summarise

CLUSTER = "simulated?service_rate=4k/s&request_overhead=1ms&servers=2&service=exponential"
SLO = ("latency.p99 < 16ms", "end_to_end.p99 < 20ms")
PROBES = (("probe", 400), ("probe", 800), ("probe", 1600), ("probe", 3200), ("low", 200), ("probe", 1131),
          ("probe", 1345), ("probe", 1467), ("probe", 1404), ("probe", 1374), ("hold", 1345), ("hold", 1345), ("hold", 1345),
          ("over", 1480))  # fmt: skip


def write(out: Path, probes: Sequence[tuple[str, float]] = PROBES, *, slo: Sequence[str] = SLO, cluster: str = CLUSTER,
          status: str = "complete", **answer: Any) -> Path:  # fmt: skip
    """Run a search's trials and write its folder; `answer` replaces what follows from the trials."""
    scenario = load_scenario(ROOT / "scenarios" / "orders.py").scenario
    objectives = [Objective.parse(text) for text in slo]
    rows: list[dict[str, Any]] = []
    for at, (kind, rate) in enumerate(probes):
        folder = f"trials/{at:03d}-{kind}"
        changes = [f"Checkout.rate={rate}/s", "orders.partitions=6", "linger.ms=2"]
        simulate(changed(scenario, changes), f"{cluster}&seed={at}", Options(out=out / folder, duration=6.0))
        made = summarise(load(out / folder))
        broken = [one.text for one in objectives if not one.holds(made.metrics)]
        rows.append({
            "rate": rate, "kind": kind, "verdict": "fail" if broken else "pass", "reasons": broken, "folder": folder,
            "metrics": made.metrics, "limit": made.limit,
        })  # fmt: skip
    passed = [row["rate"] for row in rows if row["verdict"] == "pass"]
    failed = [row["rate"] for row in rows if row["verdict"] == "fail" and row["rate"] > max(passed, default=0)]
    held = [row["rate"] for row in rows if row["kind"] == "hold"]
    found = {
        "max_rate": held[-1] if held else None, "interval": [max(passed, default=None), min(failed, default=None)],
        "outcome": "found" if held else "none", "bound": "cluster" if failed else "unknown", "stage": "brokers",
        "text": f"{held[-1]:,} msg/s is the highest rate within {slo[0]}: 3 holds passed" if held else "no rate holds",
        "evidence": ["cluster: everything was handed over on time and acknowledged late"], "knee": None,
        "failing": {"slo": slo[0], "evidence": "a hold at 1,480 msg/s"} if failed else None,
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    document = {
        "schema": 1, "command": "max", "status": status, "slo": list(slo), "answer": None if status == "running" else found | answer, "probes": rows,
        "scenario": {"name": "orders", "file": "orders.py", "description": scenario.description}, "target_name": cluster,
        "target": {"name": cluster, "kind": "simulated", "co_located": False, "cores": None},
        "passing_regions": [[min(passed), max(passed)]] if passed else [], "environment": {"python": "3.12.4"},
        "loadkit": "0.1.0", "argv": ["loadkit", "max", "scenarios/orders.py", "--slo", slo[0]],
    }  # fmt: skip
    (out / "max.json").write_text(json.dumps(document), encoding="utf-8")
    return out


@cache
def whole() -> Path:
    """Return the folder of a whole search, made once."""
    folder = Path(tempfile.mkdtemp(prefix="loadkit-max-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write(folder / "max")
