"""How to repeat the sweep, and which files hold what was measured."""

from __future__ import annotations

import shlex

from loadkit.report.block import Block, Code, block, table
from loadkit.report.flat import text
from loadkit.report.sweep.view import View
from loadkit.sweep import store
from loadkit.units import format_duration

TITLE = "Repeat this sweep"
ORDER = 90
_FILES = (
    (store.FILE, "the spec, every point and every trial with its metrics"),
    (store.CSV, "a row a trial: settings, how it ended, every metric"),
    (store.PARQUET, "the same rows for pandas and DuckDB"),
    (store.TRIALS, "each trial's own files: facts, histograms, series; `loadkit report` makes a page of any"),
)


def build(view: View) -> Block | None:
    """Return the command line to copy, the spec, and the files beside the page."""
    stored, sweep = view.stored, view.stored.sweep
    facts = {
        "scenario file": stored.scenario.get("file"),
        "its SHA-256": stored.scenario.get("sha256"),
        "target": stored.target_name,
        "set for all points": list(sweep.sets),
        "repeats": sweep.repeats,
        "seed of the order": sweep.seed,
        "a trial measures for": format_duration(sweep.duration),
        "warm-up": "until flat" if sweep.warmup is None else format_duration(sweep.warmup),
        "objective": sweep.objective,
        "SLO": list(sweep.slo),
        "strategy": stored.strategy,
        "budget": None if sweep.budget is None else format_duration(sweep.budget),
        "loadkit": stored.loadkit,
        "status": stored.status,
    }
    known = [[name, text(value)] for name, value in facts.items() if value not in (None, [])]
    axes = [[axis.path, text(list(axis.values))] for axis in sweep.axes]
    files = [[name, about] for name, about in _FILES if (view.out / name).exists()]
    return block(TITLE, [
        Code(shlex.join(str(word) for word in stored.argv)) if stored.argv else None,
        table("This sweep", ("fact", "value"), known, texts=(0, 1), half=True),
        table("What was varied", ("knob", "levels"), axes, texts=(0, 1), half=True),
        table("Files beside this page", ("file", "holds"), files, texts=(0, 1), half=True) if files else None,
    ])  # fmt: skip
