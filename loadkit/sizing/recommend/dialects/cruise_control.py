"""Cruise Control's `capacity.json`, with capacities that were measured instead of guessed."""

from __future__ import annotations

import json

from loadkit.sizing.facts import Ceiling
from loadkit.sizing.recommend.words import clean, header
from loadkit.sizing.settings.model import Recommended

TITLE = "Cruise Control capacity"


def files(plan: Recommended) -> dict[str, str]:
    """Return one file: broker -1 stands for all. Disk is in MiB, network in KiB/s, the low end of what is known."""
    facts, ceilings = plan.facts, plan.facts.ceilings
    capacity = {
        "DISK": str(facts.broker.disk_bytes // 2**20),
        "CPU": {"num.cores": str(max(1, int(facts.broker.cpu_cores)))},
        "NW_IN": ceilings.network_in.kib_per_s,
        "NW_OUT": ceilings.network_out.kib_per_s,
    }
    said = [*header(facts, "Capacity of one broker"), f"NW_IN {_said(ceilings.network_in)}.",
            f"NW_OUT {_said(ceilings.network_out)}.", "DISK is the whole volume in MiB, NW_* in KiB/s."]  # fmt: skip
    entry = {"brokerId": "-1", "capacity": capacity, "doc": " ".join(said)}
    return {"cruise-control/capacity.json": json.dumps({"brokerCapacities": [entry]}, indent=2) + "\n"}


def _said(ceiling: Ceiling) -> str:
    kind = "measured" if ceiling.measured else "assumed"
    return (
        f"{kind}: {ceiling.mid / 1e6:.4g} MB/s ({ceiling.low / 1e6:.4g} to {ceiling.high / 1e6:.4g}), "
        f"{clean(ceiling.source)}"
    )
