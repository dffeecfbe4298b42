"""`loadkit gate --calibrate`: the baseline against itself, to learn what this class of machine can resolve."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import asdict, replace
from typing import Any

from loadkit import gate_host
from loadkit.drive_gate import Loop, Request, begun, read
from loadkit.errors import RunError, UsageError
from loadkit.gate import store
from loadkit.gate.noise import noise
from loadkit.gate.record import pairs
from loadkit.gate.statistics import FEWEST
from loadkit.report.gate import document, text

SHOWN = ("max_rate", "latency.p50", "latency.p99", "end_to_end.p99", "throughput", "client.cpu_per_message",
         "requests.per_mb", "batch.size")  # fmt: skip
DEFAULT = ("latency.p99 > +10%",)


def calibrate(request: Request, quiet: bool) -> tuple[dict[str, Any], int]:
    """Return the document of an A/A run, whose noise is stored for later gates on machines of this class."""
    if request.history:
        raise UsageError("--history looks at what was measured before; a calibration has no part in it: leave it out")
    one = request.sides[0]
    asked = read(replace(
        request, sides=(one, replace(one, name="candidate")), fail_if=request.fail_if or DEFAULT,
    ))  # fmt: skip
    head = begun(asked, request.out, calibrate=True)
    if head["status"] != "complete":
        with gate_host.alone(f"calibration with {one.scenario.name}, --out {request.out}"):
            Loop(asked, request.out, head).go()
    found = noise(pairs(store.trials_of(head)))
    if not found:
        raise RunError(
            f"fewer than {FEWEST} pairs could be used, so no noise is known: give --max-pairs {FEWEST} or more, and a "
            "rate that the generator can make"
        )
    stored = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()), "host": head["host"], "scenario": one.scenario.stem,
        "target": one.target, "duration": asked.length.duration, "warmup": asked.length.warmup,
        "metrics": {name: asdict(each) for name, each in found.items()},
    }  # fmt: skip
    place = gate_host.store_noise(head["host"], one, asked.length, stored, asked.within)
    stream = sys.stderr if quiet else sys.stdout
    text.finish(request.out, stream)
    for name in SHOWN:
        if name in found:
            each = found[name]
            print(
                f"{name}: pairs differ by {each.sd:.1%}; no margin below {math.expm1(each.far):+.1%} is told apart",
                file=stream,
            )
    print(f"stored for {head['host']['name']}: {place}", file=stream)
    return {**document.document_of(request.out), "noise": stored}, 0
