"""Where it was measured: the generator's machine, versions, the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadkit.report.block import Block, Table, block, table
from loadkit.report.flat import flat
from loadkit.report.view import View
from loadkit.units import format_size

TITLE = "Environment"
ORDER = 80


def build(view: View) -> Block | None:
    """Return the target and its cluster, and the generator's machine and versions."""
    return environment(view.facts.get("target") or {}, view.facts.get("environment") or {})


def environment(target: Mapping[str, Any], machine: Mapping[str, Any]) -> Block | None:
    """Return the section of a target and a machine, for any page."""
    about = {
        key: target[key] for key in ("name", "kind", "co_located", "cores", "cluster") if target.get(key) is not None
    }
    machine = dict(machine)
    if isinstance(machine.get("memory"), int):
        machine["memory"] = format_size(machine["memory"])
    return block(TITLE, [_table("Target", about), _table("Load generator", machine)])


def _table(caption: str, values: Mapping[str, Any]) -> Table | None:
    rows = [[name.replace("co_located", "co-located"), value] for name, value in flat(values)]
    return table(caption, ("fact", "value"), rows, texts=(0, 1), half=True) if rows else None
