"""A result as the one JSON document that `--json` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loadkit import vocabulary
from loadkit.limit import Warn
from loadkit.result import load
from loadkit.summary import summarise
from loadkit.sweep import max_file, store
from loadkit.sweep.spec import Point
from loadkit.sweep.standing import Standing, best, standings, verdict_of


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


def sweep_document(out: Path) -> dict[str, Any]:
    """Return the same of the sweep in `out`: its metrics and limit are the best point's, and each point has its own."""
    stored = store.read(out)
    found = standings(stored.sweep, stored.points, stored.trials)
    winner = best(found)
    by_id = {one.point.id: one for one in found}
    why = dict.fromkeys(vocabulary.names(), "no point may be named best: see points")
    return {
        "schema": 1, "command": "sweep", "status": "interrupted" if stored.status == "running" else stored.status,
        "verdict": verdict_of(stored.sweep, found), "limit": winner.limit if winner else "unknown",
        "metrics": dict(winner.metrics) if winner else dict.fromkeys(why),
        "withheld": dict(winner.trials[0].withheld) if winner else why,
        "warnings": _warnings(stored, found), "out": str(out),
        "objective": stored.sweep.objective, "best": winner.point.id if winner else None, "base": stored.base,
        "points": [_point_facts(point, by_id.get(point.id)) for point in stored.points],
        "not_explored": list(stored.not_explored),
    }  # fmt: skip


def _point_facts(point: Point, standing: Standing | None) -> dict[str, Any]:
    tried = standing.trials if standing else ()
    return {
        **asdict(point), "trials": len(tried), "failed": standing.failed if standing else 0,
        "limit": standing.limit if standing else None, "verdict": standing.verdict if standing else None,
        "metrics": dict(standing.metrics) if standing else {},
    }  # fmt: skip


def _warnings(stored: store.Stored, found: list[Standing]) -> list[dict[str, str]]:
    """Return what qualifies the whole, and each warning of the trials once with how many have it."""
    failed = [record for record in stored.trials if record.status == "failed"]
    said = [Warn.TRIAL_FAILED.say(f"{record.point}-{record.repeat}: {record.error}") for record in failed]
    if found and not any(one.point.safe for one in found):
        said.append(Warn.NO_SAFE_POINT.say("no point that was tried is safe, so none is named best"))
    invalid = sum(point.invalid is not None for point in stored.points)
    if invalid:
        said.append(Warn.POINTS_INVALID.say(f"{invalid} of {len(stored.points)} points cannot work"))
    counts = Counter(warning["code"] for record in stored.trials for warning in record.warnings)
    first = {warning["code"]: warning for record in stored.trials for warning in record.warnings}
    for code, count in counts.items():
        said.append({**first[code], "text": f"{count} of {len(stored.trials)} trials: {first[code]['text']}"})
    return said


_VERDICTS = {"found": "pass", "permitted": "pass", "none": "fail", "generator": "inconclusive", "noisy": "inconclusive"}


def max_document(out: Path) -> dict[str, Any]:
    """Return the same of the search in `out`: its metrics are those of the last clean hold at the answer."""
    found = max_file.read(out)
    answer = found["answer"] or {}
    rate = answer.get("max_rate")
    holds = [
        row for row in found["probes"] if row["kind"] == "hold" and row["rate"] == rate and row["verdict"] == "pass"
    ]
    why = answer.get("text", "the search has not come to an answer")
    held = summarise(load(out / holds[-1]["folder"])) if holds else None
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
