"""A gate as the one JSON document that `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from loadkit import vocabulary
from loadkit.gate import store


class Told(Protocol):
    """What a trial or a result says in numbers."""

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Each metric's value; null where it is withheld."""

    @property
    def withheld(self) -> Mapping[str, str]:
        """Why a metric is null."""

    @property
    def limit(self) -> str:
        """What limited it."""


def document_of(out: Path) -> dict[str, Any]:
    """Return verdict and comparisons of the gate in `out`; `metrics` are the candidate's, the median of its trials."""
    found = store.read(out)
    answer = found.get("answer") or {}
    trials = [trial for trial in store.trials_of(found) if trial.side == "candidate"]
    metrics, withheld = medians(trials)
    compared = store.comparisons_of(found)
    return {
        "schema": 1, "command": "gate", "status": "interrupted" if found["status"] == "running" else found["status"],
        "limit": worst_limit(trials), "verdict": answer.get("verdict"), "metrics": metrics, "withheld": withheld,
        "warnings": warnings(found), "out": str(out), "why": answer.get("why"),
        "improved": any(one.improved for one in compared), "pairs": len(found["trials"]) // 2,
        "max_pairs": found["max_pairs"], "looks": found["looks"], "forecast": found["forecast"],
        "comparisons": [asdict(one) for one in compared], "differences": found["differences"],
        "error": found.get("error"), "trend": found.get("trend"),
    }  # fmt: skip


def medians(trials: Sequence[Told]) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return the median of each metric over trials, and why one is null."""
    names = dict.fromkeys([*vocabulary.names(), *(name for trial in trials for name in trial.metrics)])
    metrics: dict[str, float | None] = {}
    withheld = {}
    for name in names:
        values = [value for trial in trials if (value := trial.metrics.get(name)) is not None]
        metrics[name] = median(values) if values else None
        if not values:
            said = (trial.withheld[name] for trial in trials if name in trial.withheld)
            withheld[name] = next(said, "no pair was measured")
    return metrics, withheld


def worst_limit(trials: Sequence[Told]) -> str:
    """Return what limited trials: the worst that was found of any."""
    found = {trial.limit for trial in trials}
    return next((limit for limit in ("generator", "cluster", "unknown", "none") if limit in found), "unknown")


def warnings(found: dict[str, Any]) -> list[dict[str, str]]:
    """Return what a reader must know beside the verdict."""
    said = []
    for side, count in ((found.get("answer") or {}).get("limited") or {}).items():
        if count:
            said.append({
                "code": "generator_limited", "next": "lower the rate, or make the load in more processes",
                "text": f"the load generator was the limit in {count} trials of the {side}; their pairs are set aside",
            })  # fmt: skip
    for one in store.comparisons_of(found):
        if not one.relative and found["answer"]["verdict"]:
            said.append({
                "code": "absolute_threshold", "next": "compare with the baseline instead: '> +10%'",
                "text": f"{one.threshold!r} is the weaker kind of threshold: it moves with the machine",
            })  # fmt: skip
        if abs(one.margin - one.asked) > 1e-9:
            said.append({
                "code": "margin_widened", "next": "lengthen --duration, or calibrate on a quieter machine",
                "text": f"{one.threshold!r}: this machine's A/A noise resolves no less than {one.margin:+.1%}",
            })  # fmt: skip
    return said
