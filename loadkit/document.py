"""A result as the one JSON document that `--json` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loadkit.result import load
from loadkit.summary import summarise


def document_of(out: Path, verdict: str | None = None) -> dict[str, Any]:
    """Return schema, status, limit, verdict, metrics, withheld, warnings and folder of the result in `out`."""
    result = load(out)
    made = summarise(result)
    status = result.facts["status"]
    return {
        "schema": 1, "command": result.facts.get("command", "run"),
        "status": "interrupted" if status == "running" else status,
        "limit": made.limit, "verdict": verdict, "metrics": made.metrics, "withheld": made.withheld,
        "intervals": made.intervals, "evidence": made.evidence, "warnings": made.warnings, "out": str(out),
    }  # fmt: skip
