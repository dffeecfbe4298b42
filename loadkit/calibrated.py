"""Where `loadkit calibrate` keeps what a load process of a class of machines makes, and what a trial takes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadkit import kept, ledger
from loadkit.capacity import Point, Setting, capacity
from loadkit.scenario import ProducerWorkload
from loadkit.telemetry.host import machine

SCHEMA = 1


def file(host: Mapping[str, Any]) -> Path:
    """Return where the calibration of a class of machines is stored."""
    return ledger.folder() / "calibration" / f"{host['id']}.json"


def store(host: Mapping[str, Any], found: Mapping[str, Any]) -> Path:
    """Store a calibration and return where."""
    place = file(host)
    place.parent.mkdir(parents=True, exist_ok=True)
    kept.write(place, {"schema": SCHEMA, **found})
    return place


def stored(host: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the calibration of a class of machines; None where there is none, or one that cannot be read."""
    try:
        found: dict[str, Any] = json.loads(file(host).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if found.get("schema") == SCHEMA else None


def beside(workload: ProducerWorkload, lane: str, config: Mapping[str, str]) -> dict[str, Any]:
    """Return what a result keeps of a class's calibrated rate: nothing where none fits.

    It stands in the result, so that the same judgement follows from its files on every machine.
    """
    found = stored(machine())
    if not found:
        return {}
    try:
        points = [Point.of(one) for one in found["points"]]
    except (KeyError, TypeError, ValueError):
        return {}
    makes = capacity(points, setting_of(workload, lane, config), workload.mean_size)
    if makes is None:
        return {}
    exact = makes.exact and not found.get("busy")
    return {"calibrated": {"rate": round(makes.rate, 1), "exact": exact, "of": makes.text, "date": found.get("date")}}


def setting_of(workload: ProducerWorkload, lane: str, config: Mapping[str, str]) -> Setting:
    """Return the setting of a class; `lane` as a result names it, `config` the client settings in force."""
    name, payload = lane.partition(" ")[0], workload.payload
    sizes = getattr(payload, "size", None)
    marks = {
        "TLS": "SSL" in str(config.get("security.protocol", "")).upper(),
        "transactions": workload.transactions is not None,
        "headers": bool(workload.headers) or workload.stamp == "header" or bool(workload.tombstones),
        "compression level": name != "sink" and "compression.level" in config,
        "mixed sizes": sizes is not None and len({*sizes.range()}) > 1,
    }
    compression = "none" if name == "sink" else str(config.get("compression.type", "none"))
    more = tuple(mark for mark, there in marks.items() if there)
    return Setting(name, payload.kind, workload.key.kind != "none", compression, more)
