"""What loadkit said of each case, from the results it left: judged anew whenever figures are made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from loadkit.limit import Thresholds, judge
from loadkit.limit_facts import Facts, facts_of
from loadkit.result import load
from loadkit.summary import summarise
from trust.limits.cases import Case

OUT, WORK = Path("reports/trust/limits"), Path("reports/trust-limits-work")
FIGURES = "cases.json"
TRIED: Mapping[str, tuple[float, ...]] = {
    "late": (0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1),
    "busy": (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98),
    "broker_busy": (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    "starved": (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9),
    "spun": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    "owed": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
    "unasked": (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    "used": (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 1.0, 1.1),
    "crowded": (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5),
    "throttled": (0.0001, 0.001, 0.01, 0.03, 0.1, 0.3),
}
"""Values at which each threshold is tried, the others as they are."""


def folder(work: Path, case: Case) -> Path:
    """Return where the run of a case lies: another one where the case was changed."""
    told = json.dumps(case.facts(), sort_keys=True)
    return work / f"case-{case.number:02d}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def done(work: Path, case: Case) -> bool:
    """Return whether a case has been run to its end."""
    place = folder(work, case) / "result.json"
    return place.exists() and json.loads(place.read_text("utf-8"))["status"] != "running"


def row(work: Path, case: Case) -> dict[str, Any]:
    """Return what was planted, what loadkit said and why, and the facts it judged by."""
    result = load(folder(work, case))
    summary = summarise(result)
    facts = facts_of(result, summary.metrics)
    return {
        "case": case.facts(), "trains": case.trains, "status": result.facts["status"], "answer": summary.limit,
        "verdict": verdict(case.truth, summary.limit), "evidence": summary.evidence, "facts": asdict(facts),
    }  # fmt: skip


def verdict(truth: str, answer: str) -> str:
    """Return `right`, `wrong`, or `unknown` where loadkit said so.

    Wrong is a certain answer that is not true: the cluster named for the generator or the other way round, either
    named where nothing was slow, or nothing named where something was.
    """
    return "unknown" if answer == "unknown" else "right" if answer == truth else "wrong"


def counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many rows were judged right, wrong and unknown."""
    found = [one["verdict"] for one in rows]
    return {name: found.count(name) for name in ("right", "wrong", "unknown")}


def trained(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how the training cases are judged at other values of each threshold, the others as they are."""
    cases = [(one["case"]["truth"], Facts(**one["facts"])) for one in rows if one["trains"]]
    usual, made = Thresholds(), []
    for name in (each.name for each in fields(Thresholds) if each.name in TRIED):
        tried = []
        for value in TRIED[name]:
            at = replace(usual, **{name: value})
            tried.append({"value": value, **counts({"verdict": verdict(t, judge(f, at).limit)} for t, f in cases)})
        made.append({"name": name, "value": getattr(usual, name), "tried": tried})
    return made


def figures(work: Path, cases: Iterable[Case]) -> dict[str, Any]:
    """Return the document of the cases that have been run."""
    rows = [row(work, case) for case in cases if done(work, case)]
    test, train = ([one for one in rows if one["trains"] == wanted] for wanted in (False, True))
    return {
        "rows": rows, "test": counts(test), "training": counts(train), "thresholds": trained(rows),
        "failed": [one["case"]["number"] for one in rows if one["status"] != "complete"],
    }  # fmt: skip
