"""`sweep.json`, the only code that writes or reads it, and the same table as CSV and Parquet.

The file is replaced by rename after every trial. What it says of a trial is copied from the trial's own folder, so a
sweep that was killed between the two is whole again once `recorded` has read the folders.

Schema history: 1 (first).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from loadkit import kept
from loadkit.result import RESULT, load, write_table
from loadkit.summary import summarise
from loadkit.sweep import max_file
from loadkit.sweep.spec import Axis, Point, Record, Settings, Sweep

SCHEMA = 1
FILE, CSV, PARQUET, TRIALS = "sweep.json", "sweep.csv", "sweep.parquet", "trials"
_SPEC = ("sets", "repeats", "seed", "duration", "warmup", "objective", "slo", "budget")
"""Fields of `Sweep` that stand in the file under their own names; its axes are written out."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A sweep as it stands on disk."""

    sweep: Sweep
    scenario: Mapping[str, Any]
    """Name, file, sha256, description, and what it declares."""
    target_name: str
    strategy: str
    base: Settings
    points: tuple[Point, ...]
    order: tuple[tuple[str, int], ...]
    """(point, repeat) of the trials done and of those to come, as far as is known."""
    trials: tuple[Record, ...] = ()
    status: str = "running"
    """running, complete, interrupted or failed."""
    target: Mapping[str, Any] = field(default_factory=dict)
    """What the first result says of the target."""
    not_explored: tuple[str, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    loadkit: str | None = None
    argv: tuple[str, ...] = ()

    def point(self, name: str) -> Point:
        """Return the point of an id."""
        return next(point for point in self.points if point.id == name)


def write(out: Path, stored: Stored) -> None:
    """Replace `sweep.json` by rename, so that it is whole at any instant."""
    spec = {name: getattr(stored.sweep, name) for name in _SPEC}
    document = {
        "schema": SCHEMA, "command": "sweep", "status": stored.status, "scenario": stored.scenario,
        "target": stored.target, "target_name": stored.target_name, **spec, "strategy": stored.strategy,
        "axes": [asdict(axis) for axis in stored.sweep.axes], "base": stored.base,
        "points": [asdict(point) for point in stored.points], "order": stored.order,
        "trials": [asdict(record) for record in stored.trials], "not_explored": stored.not_explored,
        "environment": stored.environment, "loadkit": stored.loadkit, "argv": stored.argv,
    }  # fmt: skip
    kept.write(out / FILE, document)


def read(out: Path) -> Stored:
    """Return the sweep in a folder; UsageError when there is none."""
    data = kept.read(out / FILE, SCHEMA, "sweep", "loadkit sweep --out")
    axes = tuple(Axis(one["path"], tuple(one["values"])) for one in data["axes"])
    spec = {name: _fixed(data[name]) for name in _SPEC}
    rest = ("scenario", "target_name", "strategy", "base", "status", "target", "not_explored", "environment",
            "loadkit", "argv")  # fmt: skip
    return Stored(
        sweep=Sweep(axes, **spec), points=tuple(Point(**point) for point in data["points"]),
        order=tuple((point, repeat) for point, repeat in data["order"]),
        trials=tuple(_record(row) for row in data["trials"]), **{name: _fixed(data[name]) for name in rest},
    )  # fmt: skip


def _fixed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _record(row: Mapping[str, Any]) -> Record:
    intervals = {name: (low, high) for name, (low, high) in row["intervals"].items()}
    return Record(**{**row, "intervals": intervals, "warnings": tuple(row["warnings"])})


def recorded(out: Path, sure: Record, wanted: Iterable[str] = ()) -> Record | None:
    """Return a trial's record with all that its own folder says; None where that says nothing or was being written.

    `sure` is what is known without the folder: point, repeat, index, folder, and whatever else. `wanted` names metrics
    beyond the standard ones, such as `latency.p99.5`.
    """
    folder = out / sure.folder
    if (folder / max_file.FILE).exists():
        return _searched(folder, sure)
    if not (folder / RESULT).exists():
        return None
    facts = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    if facts["status"] == "running":
        return None
    if "metrics" not in facts or not set(wanted) <= facts["metrics"].keys():
        facts |= summarise(load(folder), wanted).facts()
    known = {name: facts[name] for name in ("limit", "metrics", "withheld")}
    intervals = {name: (low, high) for name, (low, high) in facts["intervals"].items()}
    mine = {name: getattr(sure, name) for name in Record.__slots__}
    return Record(**{
        **mine, **known, "intervals": intervals, "status": _status(facts), "error": facts.get("error"),
        "started_at": facts.get("started_at") or sure.started_at, "seconds": sure.seconds or _took(facts),
        "warnings": tuple(facts["warnings"]),
    })  # fmt: skip


def target_of(out: Path, trials: Iterable[Record]) -> dict[str, Any]:
    """Return what the first trial that says anything of it says of the target."""
    for record in trials:
        for name in (max_file.FILE, RESULT):
            path = out / record.folder / name
            if path.exists() and (facts := json.loads(path.read_text(encoding="utf-8")).get("target")):
                return dict(facts)
    return {}


def _searched(folder: Path, sure: Record) -> Record | None:
    """Return the record of a search at a point: its metrics are those of the clean hold at its answer."""
    found = max_file.read(folder)
    if found["status"] not in ("complete", "failed"):
        return None
    answer, hold = found["answer"] or {}, max_file.held(found) or {"metrics": {}, "withheld": {}}
    rate, withheld = answer.get("max_rate"), dict(hold["withheld"])
    withheld.pop("max_rate", None)
    if rate is None:
        withheld["max_rate"] = answer.get("text") or "the search came to no answer"
    return replace(
        sure, status=found["status"], limit=answer.get("bound"), error=found.get("error"), withheld=withheld,
        metrics={**hold["metrics"], "max_rate": rate},
        intervals={"max_rate": tuple(answer["interval"])} if rate is not None else {},
    )  # fmt: skip


def _status(facts: Mapping[str, Any]) -> str:
    """Return how a trial ended; one whose measured phase was shorter than the sweep's was ended early."""
    planned = facts.get("sweep", {}).get("duration")
    measured = [phase for phase in facts.get("phases", ()) if phase["name"] == "measure" and phase["end"] is not None]
    short = bool(planned and measured) and measured[0]["end"] - measured[0]["start"] < planned - 0.5
    return "ended-early" if short and facts["status"] == "complete" else str(facts["status"])


def _took(facts: Mapping[str, Any]) -> float | None:
    """Return the seconds from connecting to the end of draining, as far as they were written."""
    ends = [phase["end"] for phase in facts.get("phases", ()) if phase["end"] is not None]
    starts = [phase["start"] for phase in facts.get("phases", ())]
    return float(max(ends) - min(starts)) if ends else None


def rows(stored: Stored) -> list[dict[str, Any]]:
    """Return one row a trial: its point, its settings by path, how it ended, and every metric."""
    names = dict.fromkeys(name for record in stored.trials for name in record.metrics)
    points = {point.id: point for point in stored.points}
    return [
        {
            "point": record.point, "repeat": record.repeat, "index": record.index,
            **points[record.point].settings, "base": points[record.point].base, "safe": points[record.point].safe,
            "status": record.status, "limit": record.limit, "error": record.error, "started_at": record.started_at,
            "seconds": record.seconds, "block": record.block, **{name: record.metrics.get(name) for name in names},
        }
        for record in stored.trials
    ]  # fmt: skip


def export(out: Path, stored: Stored) -> None:
    """Write `sweep.csv` and `sweep.parquet`: the same table, one row a trial; a metric that was withheld is empty."""
    table = rows(stored)
    names = dict.fromkeys(name for row in table for name in row)
    with (out / CSV).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(names))
        writer.writeheader()
        writer.writerows(table)
    axes = {axis.path for axis in stored.sweep.axes}
    write_table([_plain(row, axes) for row in table], out / PARQUET)


def _plain(row: Mapping[str, Any], axes: set[str]) -> dict[str, Any]:
    """Return a row whose settings are text: a column has one type, and `acks` takes numbers and words."""
    return {name: str(value) if name in axes else value for name, value in row.items()}
