"""What a fleet costs its master: `python -m bench.fleet --workers 200`; exits 1 above half a core.

The master is `loadkit run --expect-workers N`; one real load process makes load on the simulated sink, and what it
tells is told by N - 1 others as well (`scenarios/mirrored.py`). Its clock is skewed, so that all follow the master's
clock as load processes of other hosts do. The cost is the CPU time of the master's process while it measures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from bench.about import load_now
from loadkit.telemetry.host import environment
from trust.about import commit
from trust.fleet.lab import Process, free_port

SCENARIO = Path(__file__).parent / "scenarios" / "mirrored.py"
BOUND = 0.5
"""Cores that a fleet of 200 may take of its master's machine."""
SETTLED = 5.0
"""Seconds after measuring began, from which on the cost is counted."""


def main() -> int:
    """Return the exit code."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="loadkit-bench-") as place:
        found = measured(Path(place), asked.workers, asked.seconds)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "fleet.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{found['workers']} load processes, each telling every second what it measured, cost their master "
          f"{found['cores']:.2f} cores over {found['seconds']:.0f} s")  # fmt: skip
    return 1 if found["cores"] > BOUND else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description="What a fleet costs its master.")
    parser.add_argument("--workers", type=int, default=200, help="load processes, one of them real (default 200)")
    parser.add_argument("--seconds", type=int, default=30, help="of the measured phase (default 30)")
    parser.add_argument("--out", type=Path, default=Path("reports/bench"), help="folder of fleet.json")
    return parser.parse_args()


def measured(folder: Path, workers: int, seconds: int) -> dict[str, Any]:
    """Return what a fleet cost its master, in cores; RuntimeError where its result is not that of all."""
    port, load = str(free_port()), load_now()
    env = {"LOADKIT_BENCH_MIRRORS": str(workers - 1), "LOADKIT_STATE": str(folder / "state")}
    words = ["loadkit", "run", str(SCENARIO), "--target", "simulated", "--duration", f"{seconds}s", "--warmup", "2s",
             "--expect-workers", str(workers), "--master-bind", f"127.0.0.1:{port}",
             "--out", str(folder / "out")]  # fmt: skip
    join = ["loadkit", "worker", str(SCENARIO), "--master", f"127.0.0.1:{port}"]
    with ExitStack() as stack:
        master = Process(folder / "master.log", *words, **env)
        stack.callback(master.gone)
        worker = Process(folder / "worker.log", *join, **env, LOADKIT_BENCH_MIRROR="1", LOADKIT_CLOCK="offset=5ms")
        stack.callback(worker.gone)
        master.until_said("\nmeasure")
        time.sleep(SETTLED)
        spent, begun = _cpu(master.pid), time.monotonic()
        time.sleep(max(1.0, seconds - SETTLED - 2.0))
        spent, passed = _cpu(master.pid) - spent, time.monotonic() - begun
        master.ended()
    result = json.loads((folder / "out" / "result.json").read_text("utf-8"))
    rows = [json.loads(line) for line in (folder / "out" / "series.jsonl").read_text("utf-8").splitlines()]
    hosts = [row for row in rows if row["kind"] == "host"]
    total = result["totals"]["Checkout"]
    if total["acked"] != total["due"] or result["workers"] != workers or result["status"] != "complete":
        raise RuntimeError(f"not all of {workers} were heard: {total}, {result['status']}")
    return {
        "workers": workers, "cores": round(spent / passed, 3), "seconds": round(passed, 1), "reports": len(hosts),
        "acked": total["acked"], "bound": BOUND, "kept": spent / passed <= BOUND, "load_before": round(load, 2),
        "environment": environment(), "commit": commit("loadkit", "bench"),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "command": f"python -m bench.fleet --workers {workers} --seconds {seconds}",
    }  # fmt: skip


def _cpu(pid: int) -> float:
    spent = psutil.Process(pid).cpu_times()
    return float(spent.user + spent.system)


if __name__ == "__main__":
    os.environ.pop("LOADKIT_TOKEN", None)
    sys.exit(main())
