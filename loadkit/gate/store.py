"""`gate.json`, the only code that writes or reads it; replaced by rename after every pair.

Schema history: 1 (first).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loadkit import kept
from loadkit.errors import UsageError
from loadkit.gate.record import Comparison, Noise, Trial

SCHEMA = 1
FILE, TRIALS = "gate.json", "trials"
_SAME = (
    "scenario",
    "sides",
    "fail_if",
    "max_pairs",
    "seed",
    "duration",
    "warmup",
    "budget",
    "calibrate",
    "environment",
    "slo",
    "full",
)
"""What must be as it was for a gate to go on."""
_FLAGS = {
    "fail_if": "--fail-if", "max_pairs": "--max-pairs", "seed": "--seed", "duration": "--duration",
    "warmup": "--warmup", "budget": "--budget", "scenario": "the scenario file", "sides": "the sides",
    "calibrate": "--calibrate", "environment": "the machine or software",
    "slo": "--slo", "full": "--full",
}  # fmt: skip


def write(out: Path, document: Mapping[str, Any]) -> None:
    """Replace `gate.json` by rename, so that it is whole at any instant."""
    out.mkdir(parents=True, exist_ok=True)
    kept.write(out / FILE, document)


def read(out: Path) -> dict[str, Any]:
    """Return what a gate left in a folder; UsageError when there is none."""
    return kept.read(out / FILE, SCHEMA, "gate", "loadkit gate --out")


def check_same(out: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise UsageError when a folder holds another gate than the one asked for."""
    for name in _SAME:
        before, after = json.loads(json.dumps(then.get(name))), json.loads(json.dumps(now.get(name)))
        if before != after:
            raise UsageError(
                f"--out {out} holds another gate: {_FLAGS[name]} differ ({before} then, {after} now); give a new "
                "folder, or what that gate was given to go on with it"
            )


def trials_of(document: Mapping[str, Any]) -> list[Trial]:
    """Return the trials that a document holds."""
    return [Trial(**row) for row in document["trials"]]


def noise_of(document: Mapping[str, Any]) -> dict[str, Noise]:
    """Return the A/A noise that a document was judged with."""
    return {name: Noise(**row) for name, row in (document.get("noise") or {}).get("metrics", {}).items()}


def comparisons_of(document: Mapping[str, Any]) -> list[Comparison]:
    """Return the comparisons of a gate that has come to an answer."""
    rows: Sequence[Mapping[str, Any]] = (document.get("answer") or {}).get("comparisons") or ()
    return [Comparison(**{**row, "interval": tuple(row["interval"])}) for row in rows]


def rows(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return trials as they stand in the file."""
    return [asdict(trial) for trial in trials]
