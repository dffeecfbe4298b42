"""Figures of fleets: how runs are kept while they are made, and how figures are written."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import loadkit
from trust.about import about, lanes, mark

OUT = Path("reports/trust/fleet")
WORK = Path("reports/trust-fleet-work")
"""Where runs are kept while they are made; what is there already, by the same code, is not made again."""


def code() -> str:
    """Return a mark of all that figures of fleets depend on."""
    folders = [Path(loadkit.__path__[0]), Path(__file__).parent]
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    return mark(files)


def once(folder: Path, make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Return what `make` returns for a new folder, or what it returned there before by the same code."""
    kept = folder / "row.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text("utf-8"))
        if found["code"] == code():
            return dict(found["row"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    row = {**make(folder), "lanes": lanes(folder)}
    kept.write_text(json.dumps({"code": code(), "row": row}), encoding="utf-8")
    print(", ".join(f"{name} {value}" for name, value in row.items() if not isinstance(value, list)), file=sys.stderr)
    return row


def write(path: Path, found: Mapping[str, Any], command: Sequence[str]) -> int:
    """Write figures with when, where and how they were made; 1 where a row says that its bound was missed."""
    rows = [row for value in found.values() if isinstance(value, list) for row in value]
    kept = all(row["kept"] for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    used = sorted({lane for row in rows for lane in row["lanes"]})
    document = {**found, "kept": kept, "lanes": used, **about(command)}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{path}: " + ("every bound was kept" if kept else "a bound was MISSED"), flush=True)
    return int(not kept)
