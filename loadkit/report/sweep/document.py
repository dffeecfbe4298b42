"""A sweep as the one JSON document that `--json` prints; its best point is the page's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loadkit import vocabulary
from loadkit.limit import Warn
from loadkit.report.sweep import answer
from loadkit.report.sweep.view import MEASURED, Tried, View, view_of
from loadkit.sweep import store
from loadkit.sweep.spec import Record


def document_of(out: Path) -> dict[str, Any]:
    """Return the sweep in `out`: metrics and limit are those of its best point, and each point has its own."""
    view = view_of(out, store.read(out))
    stored, found = view.stored, answer.best(view)
    best = found.tried if found else None
    why = dict.fromkeys(vocabulary.names(), "no point can be named best: see points")
    return {
        "schema": 1, "command": "sweep", "status": "interrupted" if stored.status == "running" else stored.status,
        "verdict": verdict(view), "limit": best.limit if best else "unknown",
        "metrics": metrics(view, best) if best else dict.fromkeys(why),
        "withheld": dict(best.trials[0].withheld) if best else why, "warnings": _warnings(view), "out": str(out),
        "objective": stored.sweep.objective, "best": best.point.id if best else None, "base": stored.base,
        "answer": answer.headline(view), "points": [_facts(view, tried) for tried in view.points],
        "not_explored": list(stored.not_explored),
    }  # fmt: skip


def verdict(view: View) -> str | None:
    """Return whether some safe point keeps the SLO: pass, fail or inconclusive; None without an SLO."""
    if not view.slo:
        return None
    measured = [tried for tried in view.points if tried.state == MEASURED]
    held = {view.holds(tried) if tried.point.safe else False for tried in measured}
    return "pass" if True in held else "fail" if held == {False} else "inconclusive"


def metrics(view: View, tried: Tried) -> dict[str, float | None]:
    """Return every metric of a point over all its trials."""
    names = dict.fromkeys(name for trial in tried.trials for name in trial.metrics)
    return {name: view.value(tried, name) for name in names}


def _facts(view: View, tried: Tried) -> dict[str, Any]:
    holds = view.holds(tried) if view.slo and tried.trials else None
    return {
        **asdict(tried.point), "state": tried.state, "trials": len(tried.trials), "failed": len(tried.failed),
        "limit": tried.limit or None, "verdict": {True: "pass", False: "fail", None: None}[holds],
        "refused": answer.refused(view, tried), "metrics": metrics(view, tried),
    }  # fmt: skip


def _warnings(view: View) -> list[dict[str, str]]:
    """Return what qualifies the whole, and each warning of the trials once with how many have it."""
    trials = view.stored.trials
    said = [
        Warn.TRIAL_FAILED.say(f"{trial.point}-{trial.repeat}: {trial.error}") for trial in trials
        if trial.status == "failed"
    ]  # fmt: skip
    if view.shown and not any(tried.point.safe for tried in view.shown):
        said.append(Warn.NO_SAFE_POINT.say("no point that was tried is safe, so none is named best"))
    invalid = sum(tried.point.invalid is not None for tried in view.points)
    if invalid:
        said.append(Warn.POINTS_INVALID.say(f"{invalid} of {len(view.points)} points cannot work"))
    return [*said, *_of_trials(trials)]


def _of_trials(trials: Sequence[Record]) -> list[dict[str, str]]:
    warnings = [warning for trial in trials for warning in trial.warnings]
    counts, first = Counter(warning["code"] for warning in warnings), {w["code"]: w for w in reversed(warnings)}
    return [
        {**first[code], "text": f"{count} of {len(trials)} trials: {first[code]['text']}"}
        for code, count in counts.items()
    ]
