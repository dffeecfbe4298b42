"""One trial as the sections see it: its result and summary, cut into named series by the second."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadkit import vocabulary
from loadkit.analysis import stages
from loadkit.analysis.stages import Seconds
from loadkit.intervals import TOO_SHORT
from loadkit.report.block import Cell
from loadkit.result import Result, Row, Track, merged
from loadkit.summary import Summary
from loadkit.units import format_duration

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run, in seconds since the schedule began."""

    name: str
    start: float
    end: float
    fault: bool = False
    """Whether it is one in which a broker was away on purpose."""


@dataclass(frozen=True, slots=True)
class View:
    """A result, its summary, and the rows of its series by kind and name."""

    result: Result
    summary: Summary
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    phases: tuple[Phase, ...]
    rows: Mapping[str, Mapping[str, list[Row]]] = field(repr=False)
    whole: Mapping[str, Track] = field(repr=False)
    """Each recorded series of the measured phase, all classes merged."""
    seconds: Seconds | None = field(repr=False)
    """The stages that messages passed, second by second; None where no producer's statistics were recorded."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What stands in result.json."""
        return self.result.facts

    @property
    def span(self) -> tuple[float, float]:
        """First and last second (exclusive) of which there are rows."""
        seconds = [row["t"] for row in self.result.rows]
        return (float(min(seconds)), float(max(seconds)) + 1) if seconds else self.result.measured

    def names(self, kind: str) -> list[str]:
        """Return the names of one kind of rows, in their natural order."""
        return sorted(self.rows.get(kind, {}), key=natural)

    def line(self, kind: str, name: str, key: str, how: str = "sum") -> tuple[Floats, Floats]:
        """Return the seconds and the values of one number; rows of one second are added, or their maximum taken."""
        rows = [row for row in self.rows.get(kind, {}).get(name, ()) if isinstance(row.get(key), (int, float))]
        return by_second(rows, key, how)

    def all_of(self, kind: str, key: str, how: str = "sum") -> tuple[Floats, Floats]:
        """Return the seconds and values of one number over all names of a kind."""
        rows = [row for rows in self.rows.get(kind, {}).values() for row in rows]
        return by_second([row for row in rows if isinstance(row.get(key), (int, float))], key, how)

    def track(self, series: str, owner: str | None = None) -> Track | None:
        """Return the measured track of a recorded series, of one class or of all merged; None where it is withheld."""
        if (f"{owner}.{series}.max" if owner else f"{series}.max") in self.summary.withheld:
            return None
        return self.result.tracks.get(f"{owner}.{series}") if owner else self.whole.get(series)

    def warmup(self, series: str) -> Track | None:
        """Return the warm-up's track of a series, all classes merged."""
        return _merged(self.result, series, "warmup:")

    def cell(self, name: str) -> Cell:
        """Return a metric as a table shows it, with the reason when it is withheld."""
        return Cell(self.shown(name), self.why(name) if self.summary.metrics.get(name) is None else "")

    def shown(self, name: str) -> str:
        """Return a metric in its unit; "–" when it is withheld."""
        _, metric = vocabulary.split(name)
        found = vocabulary.metric(metric)
        value = self.summary.metrics.get(name)
        return found.show(value) if found else "–"

    def why(self, name: str) -> str:
        """Return why a metric is withheld."""
        return self.summary.withheld.get(name, "nothing of the kind was recorded")

    def interval(self, name: str) -> str:
        """Return a metric's 95 % interval, that the run is too short to tell, or an empty text."""
        ends = self.summary.intervals.get(name)
        if not ends:
            return TOO_SHORT if name in self.summary.too_short else ""
        (low, low_unit), (high, high_unit) = (parted(format_duration(end)) for end in ends)
        return f"{low} to {high} {high_unit}" if low_unit == high_unit else f"{low} {low_unit} to {high} {high_unit}"


def by_second(rows: list[Row], key: str, how: str) -> tuple[Floats, Floats]:
    """Return the distinct seconds of rows and the sum (or maximum) of a number in each."""
    if not rows:
        return np.zeros(0), np.zeros(0)
    values = np.array([row[key] for row in rows], float)
    t, at = np.unique(np.array([row["t"] for row in rows], float), return_inverse=True)
    if how == "sum":
        return t, np.bincount(at, values, minlength=len(t)).astype(float)
    found = np.full(len(t), -np.inf)
    np.maximum.at(found, at, values)
    return t, found


def parted(shown: str) -> tuple[str, str]:
    """Return a formatted number and its unit; a compound like "2 m 05 s" stays whole."""
    number, _, unit = shown.partition(" ")
    return (shown, "") if " " in unit else (number, unit)


def natural(text: str) -> list[str | int]:
    """Return a sort key that puts `orders/2` before `orders/10`: words and numbers in turn."""
    return [int(part) if at % 2 else part for at, part in enumerate(re.split(r"([0-9]+)", text))]


def view_of(result: Result, summary: Summary) -> View:
    """Return the view of a result."""
    rows: dict[str, dict[str, list[Row]]] = {}
    for row in result.rows:
        rows.setdefault(row["kind"], {}).setdefault(str(row["name"]), []).append(row)
    classes: Mapping[str, Mapping[str, Any]] = result.facts.get("classes") or {}
    producers = [name for name, facts in classes.items() if facts.get("role") == "producer"]
    consumers = [name for name, facts in classes.items() if facts.get("role") == "consumer"]
    return View(
        result,
        summary,
        tuple(dict.fromkeys([*producers, *rows.get("producer", {})])),
        tuple(dict.fromkeys([*consumers, *rows.get("consumer", {})])),
        (*_phases(result), *_faults(result)),
        rows,
        {series: track for series in vocabulary.LATENCIES if (track := _merged(result, series, ""))},
        stages.read(result),
    )


def _merged(result: Result, series: str, prefix: str) -> Track | None:
    parts = [
        track
        for tag, track in result.tracks.items()
        if tag.startswith(prefix) and (prefix or ":" not in tag) and tag.endswith(f".{series}")
    ]
    return merged(series, parts) if parts else None


def _faults(result: Result) -> list[Phase]:
    """Return when brokers were away by `--fault`."""
    faults = [fault for fault in result.facts.get("faults") or () if fault["begin"] is not None]
    stop = result.measured[1]
    return [Phase(fault["fault"], fault["begin"], fault["end"] or stop, fault=True) for fault in faults]


def _phases(result: Result) -> list[Phase]:
    """Return the phases as written, or as the rows of a run that died show them."""
    written = result.facts.get("phases")
    if written:
        return [Phase(str(p["name"]), float(p["start"]), float(p["end"])) for p in written]
    seconds: dict[str, list[float]] = {}
    for row in result.rows:
        seconds.setdefault(str(row["phase"]), []).append(row["t"])
    return [Phase(name, min(found), max(found) + 1.0) for name, found in seconds.items()]
