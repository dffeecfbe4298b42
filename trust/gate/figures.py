"""Figures of gates: how they are printed, kept and shown as a section of the page."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import loadkit
from loadkit.report.block import Block, Part, Prose, block, table
from trust.about import about, mark
from trust.gate.rates import PEERS

OUT = Path("reports/trust/gate")
WORK = Path("reports/trust-gate-work")
"""Where trials and gates are kept while they are made; what is there already is not made again."""


_SOURCES = ("gate/*.py", "targets/simulated.py", "targets/simspec.py", "targets/queueing.py", "targets/stages.py",
            "simulation.py", "pacer.py")  # fmt: skip
_OWN = ("rates.py", "world.py", "made_up.py", "planted.py")


def code() -> str:
    """Return a mark of all that figures of made-up and modelled trials depend on."""
    folders = [(Path(loadkit.__path__[0]), _SOURCES), (Path(__file__).parent, _OWN)]
    return mark(file for folder, patterns in folders for pattern in patterns for file in sorted(folder.glob(pattern)))


def there(path: Path, module: str, *words: object) -> int | None:
    """Return what `write` returned where the same code and command have written these figures already; else None."""
    if not path.exists():
        return None
    found = json.loads(path.read_text("utf-8"))
    if (found.get("code"), found["command"]) != (code(), shlex.join(["python", "-m", module, *map(str, words)])):
        return None
    print(f"{path}: there already, by the same code", flush=True)
    return int(not found["kept"])


def said(row: dict[str, Any]) -> dict[str, Any]:
    """Print a row and return it."""
    print(", ".join(f"{name} {_plain(value)}" for name, value in row.items()), flush=True)
    return row


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def write(path: Path, found: Mapping[str, Any], module: str, *words: object) -> int:
    """Write figures with when, where and how they were made; 1 where one of their rows says that it was not kept."""
    rows = [row for value in found.values() if isinstance(value, list) for row in value if isinstance(row, dict)]
    kept = all(row.get("kept", True) for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {**found, "kept": kept, "code": code(), **about(["python", "-m", module, *map(str, words)])}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{path}: " + ("every promise was kept" if kept else "a promise was NOT kept"), flush=True)
    return int(not kept)


def rates_block(title: str, lead: str, found: Mapping[str, Any], more: Sequence[Part] = ()) -> Block | None:
    """Return false alarms and power, each beside the common ways to compare."""
    names = list(PEERS)
    false = [
        [row["source"], f"{row['gates']:,}", str(row["fail"]), f"{row['inconclusive'] / row['gates']:.1%}",
         f"{row['mean_pairs']:g}", *(f"{row[name] / row['gates']:.1%}" for name in names)]
        for row in found["alarms"]
    ]  # fmt: skip
    seen = [
        [row["source"], f"{row['times']:g} x", f"{row['promised']:+.1%}", f"{row['found'] / row['gates']:.1%}",
         " to ".join(f"{end:.1%}" for end in row["interval"]), *(f"{row[name] / row['gates']:.1%}" for name in names)]
        for row in found["power"]
    ]  # fmt: skip
    heads = [f"alarms of: {name}" for name in names], [f"found by: {name}" for name in names]
    return block(title, [
        Prose(lead),
        table("A/A gates", ("pairs of", "gates", "false alarms", "inconclusive", "pairs taken", *heads[0]), false),
        table("Power", ("pairs of", "effect", "promised (mean)", "found", "interval", *heads[1]), seen),
        *more,
    ])  # fmt: skip
