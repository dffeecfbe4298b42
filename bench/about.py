"""Where and with what a bench ran."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Sequence
from typing import Any

from bench.lab import Lab
from loadkit.targets.kafka import versions
from loadkit.telemetry.host import environment
from trust.about import commit

_MACHINE = ("cpu", "cores", "memory", "kernel")


def about(lab: Lab, command: Sequence[str], load: float) -> dict[str, Any]:
    """Return machine, versions, commit, date and command of a run; `load` is the machine's load before it began."""
    found = environment()
    machine = {name: found.pop(name) for name in _MACHINE}
    machine["memory"] = f"{machine['memory'] / 2**30:.0f} GiB"
    kafka = {"Kafka": lab.cluster.kafka_version, "Java": lab.cluster.java}
    machine["cores shared with the broker"] = "no" if lab.cluster.generator_cpus else "yes"
    return {
        "machine": machine, "versions": {**found, **versions(), **kafka}, "commit": commit("loadkit", "bench"),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "command": shlex.join(command),
        "load_before": round(load, 2), "scale": lab.scale,
    }  # fmt: skip


def load_now() -> float:
    """Return how many processes ran or waited to, averaged over the last minute; 0 where the system does not tell."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return 0.0
