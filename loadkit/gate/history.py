"""Stored results of the same thing on the same class of machine, in the order in which they were measured."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadkit import kept, result
from loadkit.errors import UsageError
from loadkit.gate import store, trend
from loadkit.gate.record import Trial
from loadkit.gate.verdicts import mean
from loadkit.host_class import host_class
from loadkit.scenario import parse_assignment
from loadkit.sweep import max_file
from loadkit.sweep import store as sweep_store

LENGTHS = 1.05
"""Ratio of measured phases up to which results count as equally long."""


@dataclass(frozen=True, slots=True)
class Point:
    """One stored result: a run, or the candidate of a gate."""

    folder: Path
    when: str
    """ISO 8601, in UTC: texts sort as times do."""
    host: str | None
    """The class of the machine, by name."""
    about: Mapping[str, str]
    """Scenario, target and settings: what must be the same in a row."""
    seconds: float
    """Of the measured phase."""
    metrics: Mapping[str, float | None]
    doubt: str = ""
    """Why it cannot stand in a row, whatever the row."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A result that does not belong in the row."""

    folder: Path
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """Results that belong together, in the order of their times, and those that were left out."""

    points: tuple[Point, ...]
    left_out: tuple[LeftOut, ...]


def check(folder: Path) -> None:
    """Raise UsageError where there is no folder of history, or nothing to find changes with."""
    if not folder.is_dir():
        raise UsageError(f"--history {folder}: no such folder; give one that holds gates or results of earlier runs")
    trend.require()


def gather(folder: Path, now: Point, any_host: bool) -> Row:
    """Return the stored results below a folder that are of the same thing as `now`, and `now` among them.

    Another class of machine is left out unless `any_host`; a damaged file, another scenario, target, setting or length
    always.
    """
    points, left_out = [], []
    for place in _places(folder):
        if place.resolve() == now.folder.resolve():
            continue
        try:
            found = read(place)
        except (UsageError, KeyError, TypeError, ValueError) as error:
            left_out.append(LeftOut(place, str(error) if isinstance(error, UsageError) else "it cannot be read"))
            continue
        why = _unlike(found, now, any_host)
        if why:
            left_out.append(LeftOut(place, why))
        else:
            points.append(found)
    return Row(tuple(sorted([*points, now], key=lambda one: one.when)), tuple(left_out))


def _places(folder: Path) -> Iterator[Path]:
    """Yield the folders of gates and of single results; the trials of a gate, sweep or search are no results of it."""
    for place, inner, files in os.walk(folder):
        inner.sort()
        if store.FILE in files or result.RESULT in files:
            yield Path(place)
        if {store.FILE, result.RESULT, sweep_store.FILE, max_file.FILE} & set(files):
            inner.clear()


def read(folder: Path) -> Point:
    """Return what a folder holds; UsageError where its file is damaged or of another schema."""
    if (folder / store.FILE).exists():
        return of_gate(folder, store.read(folder))
    facts = kept.read(folder / result.RESULT, result.SCHEMA, "result", "loadkit run --out")
    measured = [phase for phase in facts.get("phases") or () if phase["name"] == "measure"]
    host = host_class(facts.get("environment") or {})
    scenario, target = facts.get("scenario") or {}, facts.get("target") or {}
    about = _about(scenario.get("name"), target.get("name"), facts.get("sets") or {})
    ends = (measured[0]["start"], measured[0]["end"]) if measured else (0.0, 0.0)
    doubt = "" if facts["status"] == "complete" else f"it is {facts['status']}"
    return Point(
        folder, str(facts.get("started_at")), host["name"] if host else None, about, float(ends[1] or 0) - ends[0],
        facts.get("metrics") or {}, doubt or _doubt(facts.get("limit")),
    )  # fmt: skip


def of_gate(folder: Path, document: Mapping[str, Any]) -> Point:
    """Return the candidate of a gate, each metric its mean over the gate's trials; those of the generator left out."""
    trials = [one for one in store.trials_of(document) if one.side == "candidate" and one.limit != "generator"]
    side = document["sides"][1]
    sets = dict(parse_assignment(text) for text in side["sets"])
    about = _about(document["scenario"][1]["name"], side["target"], sets)
    doubt = "" if document["status"] == "complete" else f"it is {document['status']}"
    return Point(
        folder, str(document["started_at"]), document["host"]["name"], about, float(document["duration"]),
        _means(trials), doubt or ("" if trials else _doubt("generator")),
    )  # fmt: skip


def _means(trials: Sequence[Trial]) -> dict[str, float | None]:
    names = dict.fromkeys(name for trial in trials for name in trial.metrics)
    return {name: mean([value for trial in trials if (value := trial.metrics.get(name)) is not None]) for name in names}


def _about(scenario: object, target: object, sets: Mapping[str, Any]) -> dict[str, str]:
    """Return what a result is of, but for its seed, which every run may have anew."""
    settings = {f"setting {path}": str(value) for path, value in sets.items() if path != "seed"}
    return {"scenario": str(scenario), "target": str(target), **settings}


def _doubt(limit: object) -> str:
    return "the load generator was its limit" if limit == "generator" else ""


def _unlike(one: Point, now: Point, any_host: bool) -> str:
    """Return why a result does not belong in the row of `now`; "" where it does."""
    if one.doubt:
        return one.doubt
    for name in {**now.about, **one.about}:
        if one.about.get(name) != now.about.get(name):
            return f"{name} is {one.about.get(name, 'not set')}, not {now.about.get(name, 'set')}"
    if max(one.seconds, now.seconds) > LENGTHS * min(one.seconds, now.seconds):
        return f"measured for {one.seconds:g} s, not {now.seconds:g} s"
    if one.host != now.host and not any_host:
        return f"another class of machine: {one.host or 'not said'}; --history-any-host takes it in"
    return ""


def trends(row: Row, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Return, for each metric, its values by result and where its level changed; as they stand in `gate.json`."""
    return [_trend(row, metric) for metric in dict.fromkeys(metrics)]


def _trend(row: Row, metric: str) -> dict[str, Any]:
    known = [(one, value) for one in row.points if (value := one.metrics.get(metric)) is not None]
    values = [{"folder": str(one.folder), "when": one.when, "host": one.host, "value": value} for one, value in known]
    why = ""
    if len(known) < trend.FEWEST:
        why = f"no change is told under {trend.FEWEST} results; there are {len(known)}"
    elif min(value for _, value in known) <= 0:
        why = "it is not above zero in all results"
    found = [] if why else trend.steps([value for _, value in known])
    changes = [{**asdict(one), "folder": values[one.at]["folder"], "when": values[one.at]["when"]} for one in found]
    return {"metric": metric, "values": values, "changes": changes, "why": why}


def csv_of(row: Row, metrics: Sequence[str]) -> str:
    """Return the results as CSV with a head: time, folder, and the metrics that every one of them has."""
    whole = [name for name in dict.fromkeys(metrics) if all(one.metrics.get(name) is not None for one in row.points)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time", "result", *whole])
    writer.writerows([one.when, one.folder, *(one.metrics[name] for name in whole)] for one in row.points)
    return out.getvalue()
