"""What changed since an older plan, from its `sizing.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loadkit.errors import UsageError
from loadkit.sizing.document import SCHEMA

FILE = "sizing.json"


def read(path: Path) -> dict[str, Any]:
    """Return the plan in a folder or file; UsageError when there is none."""
    place = path / FILE if path.is_dir() else path
    try:
        document = json.loads(place.read_text(encoding="utf-8"))
        plan: dict[str, Any] = document["plan"]
    except OSError:
        raise UsageError(f"--against {path} holds no plan: give the folder that `loadkit size --out` wrote") from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"--against {place} is no {FILE}") from None
    if document.get("schema") != SCHEMA:
        raise UsageError(f"--against {place} has schema {document.get('schema')}; this loadkit reads {SCHEMA}")
    return plan


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what differs between two plans in sentences, the answer first, then topics, inputs and measurements."""
    said = [*_cluster(old, new), *_topics(old, new), *_cost(old, new), *_inputs(old, new)]
    return [*(said or ["nothing changed"]), _age(old, "the old plan's"), _age(new, "this plan's")]


def _cluster(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["feasible"] != new["feasible"]:
        yield "it was not feasible and is now" if new["feasible"] else "it was feasible and is no longer"
    if not (old["cluster"] and new["cluster"]):
        return
    for name, text in (("shape", "the shape"), ("count", "their number"), ("partitions", "partitions in all"),
                       ("storage_per_broker", "storage of a broker (bytes)")):  # fmt: skip
        before, now = old["cluster"].get(name), new["cluster"].get(name)
        if before != now:
            yield f"{text}: {_told(before)}, now {_told(now)}"
    if old["binding"]["resource"] != new["binding"]["resource"]:
        yield f"what binds: {old['binding']['name']}, now {new['binding']['name']}"


def _told(value: Any) -> str:
    return f"{value:,.0f}" if isinstance(value, (int, float)) else str(value)


def _topics(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, now = ({topic["name"]: topic for topic in plan["topics"]} for plan in (old, new))
    for name in before.keys() - now.keys():
        yield f"topic {name} is gone"
    for name, topic in now.items():
        if name not in before:
            yield f"topic {name} is new"
        elif before[name]["partitions"] != topic["partitions"]:
            yield f"partitions of {name}: {before[name]['partitions']}, now {topic['partitions']}"


def _cost(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    totals = [(plan["cost"] or {}).get("total") for plan in (old, new)]
    if totals[0] != totals[1]:
        yield f"cost a month: {_told(totals[0] or 'not known')}, now {_told(totals[1] or 'not known')}"


def _inputs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, now = dict(_flat(old["requirements"])), dict(_flat(new["requirements"]))
    for path in sorted(before.keys() | now.keys()):
        if before.get(path) != now.get(path):
            yield f"requirement {path}: {before.get(path)}, now {now.get(path)}"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _flat(item, f"{path}[{at}]")
    else:
        yield path, value


def _age(plan: Mapping[str, Any], whose: str) -> str:
    seen = plan["measurements"]
    if not seen.get("trials"):
        return f"{whose} measurements: none"
    days = seen.get("age_days")
    old = f", {days[0]} to {days[1]} days old when it was made" if days else ""
    return f"{whose} measurements: {seen['trials']} trials of {seen['source']}{old}"
