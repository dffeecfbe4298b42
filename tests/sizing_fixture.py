"""Requirements and ceilings for tests of sizing."""

from __future__ import annotations

import copy
from typing import Any

from loadkit.sizing.ceilings import Measured
from loadkit.sizing.interval import Interval, around
from loadkit.sizing.requirements import Requirements, parse

BASE: dict[str, Any] = {
    "name": "t",
    "platform": {
        "kind": "self-managed", "zones": 3,
        "shapes": [{"name": "8 cores", "cores": 8, "memory": "32GiB", "network": "600MB/s", "disk": "4TB",
                    "disk_write": "400MB/s"}],
    },
    "growth": {"per_month": "3%", "horizon_months": 12},
    "topics": [{"name": "orders", "rate": "8k/s", "peak": "20k/s", "size": "1KiB", "compression": 2.0,
                "hottest_key": "0.5%", "groups": [{"name": "billing", "process_time": "0.5ms"}]}],
}  # fmt: skip


def data(**changes: Any) -> dict[str, Any]:
    """Return the document of requirements with dotted paths changed: `platform__zones=2`, `topics__0__rate="1/s"`."""
    made = copy.deepcopy(BASE)
    for path, value in changes.items():
        *places, last = path.split("__")
        at: Any = made
        for place in places:
            at = at[int(place)] if place.isdigit() else at.setdefault(place, {})
        if value is None:
            at.pop(last, None)
        else:
            at[last] = value
    return made


def needs(**changes: Any) -> Requirements:
    """Return requirements with dotted paths changed."""
    return parse(data(**changes))


def measured(work: Interval | float = 40e6, messages: Interval | float = 60_000.0, **fields: Any) -> Measured:
    """Return measurements of the shape of `BASE`."""
    ends = [one if isinstance(one, Interval) else around(one, 0.05) for one in (work, messages)]
    standard: dict[str, Any] = {"shape": "8 cores", "brokers": 3, "trials": 9, "work": ends[0], "messages": ends[1],
                                "started": ("2026-11-20T10:00:00+00:00", "2026-11-20T11:00:00+00:00")}  # fmt: skip
    return Measured("reports/sweep", **{**standard, **fields})
