"""`loadkit gate` on the embedded cluster, as a user types it, with a state of its own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

SCENARIO = "scenarios/orders.py"
RATE = "500/s"
"""Low, so that brokers and generator on one machine leave each other room."""
LENGTHS = ("--duration", "6s", "--warmup", "3s")


def gate(*words: str, work: Path, out: str) -> dict[str, Any]:
    """Return the document of a gate; one that was begun in the folder goes on. RuntimeError where it left none."""
    code, text = run(*words, work=work, out=out)
    if code not in (0, 1, 4):
        raise RuntimeError(f"loadkit gate ended with exit code {code}")
    found: dict[str, Any] = json.loads(text)
    return found


def run(*words: str, work: Path, out: str) -> tuple[int, str]:
    """Return exit code and output of `loadkit gate` with the scenario at `RATE`.

    Stored noise of other gates on this machine is not seen.
    """
    rate = f"Checkout.rate={RATE}"
    sets = ("--baseline-set", rate) if "--calibrate" in words else ("--baseline-set", rate, "--candidate-set", rate)
    line = ["-m", "loadkit", "gate", SCENARIO, *sets, *LENGTHS, *words, "--out", str(work / out), "--json"]
    print("loadkit " + shlex.join(line[2:]), file=sys.stderr, flush=True)
    env = {**os.environ, "LOADKIT_STATE": str((work / "state").resolve())}
    env.pop("GITHUB_STEP_SUMMARY", None)
    env.pop("GITHUB_ACTIONS", None)
    done = subprocess.run([sys.executable, *line], stdout=subprocess.PIPE, text=True, check=False, env=env)
    return done.returncode, done.stdout
