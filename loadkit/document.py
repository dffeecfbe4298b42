"""A result as the one JSON document that `--json` prints."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadkit import vocabulary
from loadkit.result import load
from loadkit.summary import summarise
from loadkit.sweep import max_file


def document_of(out: Path, verdict: str | None = None, wanted: Iterable[str] = ()) -> dict[str, Any]:
    """Return schema, status, limit, verdict, metrics, withheld, warnings and folder of the result in `out`.

    `wanted` names metrics beyond the standard ones, such as `latency.p99.5`.
    """
    result = load(out)
    made = summarise(result, wanted)
    status = result.facts["status"]
    return {
        "schema": 1, "command": result.facts.get("command", "run"),
        "status": "interrupted" if status == "running" else status,
        "verdict": verdict, **made.facts(), "out": str(out),
    }  # fmt: skip


_VERDICTS = {"found": "pass", "permitted": "pass", "none": "fail", "generator": "inconclusive", "noisy": "inconclusive"}


def max_document(out: Path) -> dict[str, Any]:
    """Return the same of the search in `out`: its metrics are those of the last clean hold at the answer."""
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
