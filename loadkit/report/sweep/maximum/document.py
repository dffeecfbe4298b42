"""A search for the highest rate as the one JSON document that `--json` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loadkit import vocabulary
from loadkit.result import load
from loadkit.summary import summarise
from loadkit.sweep import max_file

_VERDICTS = {"found": "pass", "permitted": "pass", "none": "fail", "generator": "inconclusive", "noisy": "inconclusive"}


def document_of(out: Path) -> dict[str, Any]:
    """Return metrics, answer and probes of the search in `out`; the metrics are of the last hold at the answer."""
    found = max_file.read(out)
    answer = found["answer"] or {}
    rate = answer.get("max_rate")
    hold = max_file.held(found)
    why = answer.get("text", "the search has not come to an answer")
    held = summarise(load(out / hold["folder"])) if hold else None
    metrics = dict(held.metrics) if held else dict.fromkeys(vocabulary.names())
    withheld = dict(held.withheld) if held else dict.fromkeys(metrics, why)
    if rate is not None:
        withheld.pop("max_rate", None)
    return {
        "schema": 1, "command": "max", "status": "interrupted" if found["status"] == "running" else found["status"],
        "verdict": _VERDICTS.get(answer.get("outcome", "")), "limit": answer.get("bound", "unknown"),
        "metrics": {**metrics, "max_rate": rate}, "withheld": withheld,
        "warnings": held.warnings if held else [], "out": str(out), "interval": answer.get("interval"),
        "failing": answer.get("failing"), "answer": answer, "probes": found["probes"],
        "passing_regions": found["passing_regions"],
    }  # fmt: skip
