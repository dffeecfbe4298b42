"""`max.json`, what a search leaves, and the only code that writes or reads it.

It is replaced by rename after every trial. The truth of a trial is its own folder: a search that is started again reads
its trials from there.

Schema history: 1 (first).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadkit import kept
from loadkit.errors import UsageError
from loadkit.sweep.conclusion import Tried

SCHEMA = 1
FILE, TRIALS = "max.json", "trials"
SAME = ("target_name", "sets", "slo", "start", "duration", "hold", "warmup")
"""What makes a search the one it is: a folder takes no other."""


def write(out: Path, document: Mapping[str, Any]) -> None:
    """Replace `max.json`, so that it is whole at any instant."""
    kept.write(out / FILE, document)


def read(out: Path) -> dict[str, Any]:
    """Return the search in a folder; UsageError when there is none, when it is damaged or of another version."""
    return kept.read(out / FILE, SCHEMA, "search", "loadkit max --out")


def check_same(out: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise UsageError where a folder holds another search than the one that is to go on in it."""
    pairs = [(name, before.get(name), now[name]) for name in SAME]
    pairs.append(("scenario", before["scenario"].get("sha256"), now["scenario"]["sha256"]))
    for name, then, wanted in pairs:
        if then != wanted:
            raise UsageError(
                f"--out {out} holds a different search: its {name} was {then!r} and is now {wanted!r}; "
                "give a new folder, or the same command to go on"
            )


def held(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the last clean hold at the answer, whose metrics are the search's own; None without an answer."""
    rate = (document["answer"] or {}).get("max_rate")
    clean = [one for one in document["probes"] if one["kind"] == "hold" and one["verdict"] == "pass"]
    return next((one for one in reversed(clean) if one["rate"] == rate), None)


def row(tried: Tried, folder: Path, seconds: float) -> dict[str, Any]:
    """Return a trial as it stands in the file."""
    judged, seen, step = tried.judged, tried.seen, tried.step
    verdict = judged.verdict  # a hold is clean or not: the guard band is of probes
    if step.kind == "hold" and not judged.generator:
        verdict = "pass" if judged.distance <= 0 else "fail"
    return {
        "rate": step.rate, "kind": step.kind, "verdict": verdict, "reasons": list(judged.reasons),
        "distance": judged.distance if math.isfinite(judged.distance) else None, "folder": str(folder),
        "seconds": seconds, "limit": seen.limit, "evidence": list(seen.evidence), "achieved": seen.achieved,
        "lag_growth": seen.lag_growth, "error": seen.error, "metrics": dict(seen.metrics),
        "withheld": dict(seen.withheld),
    }  # fmt: skip


def points(rows: Sequence[Mapping[str, Any]], metric: str) -> list[tuple[float, float]]:
    """Return (throughput, value of a metric) of the trials that were kept up with, by rate: the curve of the search."""
    found = [(row["metrics"].get("throughput"), row["metrics"].get(metric)) for row in rows]
    return sorted((rate, value) for rate, value in found if rate and value)
