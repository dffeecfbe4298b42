"""Sizes that a short run on a real Kafka shows, beside the same run on the simulated cluster."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.process import run
from loadkit.result import read_rows

SCENARIO = "scenarios/orders.py"
RATES = ("1k/s", "20k/s")
SECONDS = 10
SHOWN = ("latency.p50", "latency.p99", "end_to_end.p50", "send_delay.p50", "send_delay.p99")
_SETS = ("Checkout.fixed_count=1", "Billing.fixed_count=1")


def sizes(rates: Sequence[str] = RATES, seconds: int = SECONDS) -> list[dict[str, Any]]:
    """Return what runs at each rate left, on the embedded cluster and on the simulated one."""
    with tempfile.TemporaryDirectory(prefix="loadkit-blind-") as folder:
        return [_one(Path(folder), target, rate, seconds) for rate in rates for target in ("embedded", "simulated")]


def _one(folder: Path, target: str, rate: str, seconds: int) -> dict[str, Any]:
    out = folder / f"{target}-{rate.partition('/')[0]}"
    command = [sys.executable, "-m", "loadkit", "run", SCENARIO, "--json", "--target", target, "--out", str(out)]
    command += ["--warmup", "3s", "--duration", f"{seconds}s"]
    command += [word for one in (*_SETS, f"Checkout.rate={rate}") for word in ("--set", one)]
    told = json.loads(run(command, folder).output)
    facts = json.loads((out / "result.json").read_text("utf-8"))
    rows, _ = read_rows(out)
    measured = [row for row in rows if row["phase"] == "measure"]
    known = facts.get("uncertainty") or {}
    gaps = [row["poll_gap"] for row in measured if row["kind"] == "host" and row.get("poll_gap") is not None]
    return {
        "target": target, "rate": rate, "seconds": seconds, "status": told["status"], "limit": told["limit"],
        "poll_gap_p99": known.get("acked_p99"), "poll_gap_widest": max(gaps, default=None),
        **{name: told["metrics"][name] for name in SHOWN},
    }  # fmt: skip
