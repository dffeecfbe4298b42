"""A result as the one JSON document that `--json` prints."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadkit.analysis import blame, stages
from loadkit.analysis.recovery import told
from loadkit.result import load, measured_rows
from loadkit.standing import tell
from loadkit.summary import summarise


def document_of(out: Path, verdict: str | None = None, wanted: Iterable[str] = ()) -> dict[str, Any]:
    """Return schema, status, limit, verdict, metrics, withheld, warnings, stages, groups, faults, folder of a result.

    `wanted` names metrics beyond the standard ones, such as `latency.p99.5`.
    """
    result = load(out)
    made = summarise(result, wanted)
    status, made_by = result.facts["status"], blame.of_result(result, stages.read(result))
    return {
        "schema": 1, "command": result.facts.get("command", "run"),
        "status": "interrupted" if status == "running" else status,
        "verdict": verdict, **made.facts(), "stages": made_by.facts() if made_by else None,
        **({"groups": groups} if (groups := tell(measured_rows(result))) else {}),
        **({"faults": faults} if (faults := told(result)) else {}), "out": str(out),
    }  # fmt: skip
