"""A sweep as the sections see it: its points with what all their trials say together, and the noise between trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from loadkit import vocabulary
from loadkit.analysis.effects import Effects, Observation, effects
from loadkit.analysis.noise import Contrast, Repeats, repeats
from loadkit.report.sweep import merging
from loadkit.slo import Objective
from loadkit.sweep.spec import Point, Record
from loadkit.sweep.store import Stored

T = TypeVar("T")
SUMMED = ("errors", "lost", "duplicated", "reordered", "unsent")
MEASURED, GENERATOR, EARLY, FAILED, INVALID, WAITING = "measured generator early failed invalid waiting".split()
"""What can be said of a point: whose limit it is decides whether its figures say anything of the cluster."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A point with its trials."""

    point: Point
    label: str
    trials: tuple[Record, ...]
    """Those that completed."""
    early: tuple[Record, ...] = ()
    failed: tuple[Record, ...] = ()

    @property
    def state(self) -> str:
        """Whether the point was measured, and if so whether its figures are the cluster's."""
        if self.point.invalid:
            return INVALID
        if self.trials:
            return GENERATOR if any(trial.limit == "generator" for trial in self.trials) else MEASURED
        return EARLY if self.early else FAILED if self.failed else WAITING

    @property
    def limit(self) -> str:
        """What limited its trials; several answers where they differ."""
        return ", ".join(dict.fromkeys(trial.limit or "unknown" for trial in self.trials or self.early))

    @property
    def shown(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.trials or self.early)


@dataclass(frozen=True)
class View:
    """A sweep with all that follows from its trials; what is asked for twice is computed once."""

    out: Path
    stored: Stored
    points: tuple[Tried, ...]
    _kept: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    def once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """Return what `make` returned when the key was first asked for: a view does not change."""
        if key not in self._kept:
            self._kept[key] = make()
        return cast(T, self._kept[key])

    @property
    def objective(self) -> str:
        """The metric that ranks points."""
        return "max_rate" if self.stored.sweep.objective == "max" else self.stored.sweep.objective

    @property
    def higher(self) -> bool:
        """Whether more of the objective is better."""
        return higher_is_better(self.objective)

    @cached_property
    def slo(self) -> tuple[Objective, ...]:
        """What a point must hold to be named."""
        return tuple(Objective.parse(text) for text in self.stored.sweep.slo)

    @property
    def shown(self) -> list[Tried]:
        """The points that have figures."""
        return [tried for tried in self.points if tried.shown]

    @property
    def base(self) -> Tried | None:
        """The base point, once it was measured."""
        return next((tried for tried in self.points if tried.point.base and tried.trials), None)

    def value(self, tried: Tried, name: str) -> float | None:
        """Return a metric of a point over all its trials; percentiles come from their merged histograms."""
        return self.once(("value", tried.point.id, name), lambda: self._value(tried, name))

    def _value(self, tried: Tried, name: str) -> float | None:
        trials = tried.trials or tried.early
        _, metric = vocabulary.split(name)
        series, _, which = metric.partition(".")
        if series in vocabulary.LATENCIES:
            owner = name.removesuffix(metric)
            whole = merging.merged([self.out / trial.folder for trial in trials], f"{owner}{series}")
            if whole:
                return merging.statistic(whole, which)
        values = [value for trial in trials if (value := trial.metrics.get(name)) is not None]
        if not values:
            return None
        if name in SUMMED:
            return float(sum(values))
        worst = series in vocabulary.LATENCIES or metric.endswith(".max")
        return float(max(values)) if worst else float(np.mean(values))

    def show(self, name: str, value: float | None) -> str:
        """Return a value in its metric's unit."""
        return show(name, value)

    def noise(self, name: str) -> Repeats | None:
        """Return how far repeats of points differ in a metric; None without any trial that has it."""
        return self.once(("noise", name), lambda: self._repeats(name))

    def _repeats(self, name: str) -> Repeats | None:
        seen = self._observations(name, every=True)
        logs = [float(np.log(one.value)) for one in seen]
        return repeats([one.point for one in seen], [one.block for one in seen], logs) if seen else None

    def contrast(self, tried: Tried, name: str, against: Tried | None = None, among: int = 1) -> Contrast | None:
        """Return the log of a point's metric, or of its ratio to another's, with its interval; None when unknown."""
        found = self.noise(name)
        wanted = [tried.point.id, *([against.point.id] if against else [])]
        if not found or not found.total_df or not set(wanted) <= set(found.points):
            return None
        return found.of(tried.point.id, against.point.id if against else None, among)

    def interval(self, tried: Tried, name: str) -> tuple[float, float] | None:
        """Return a metric's 95 % interval: from repeats where there are any, else the one within its only trial."""
        value, contrast = self.value(tried, name), self.contrast(tried, name)
        if value is None:
            return None
        if contrast:
            low, high = (float(np.exp(end - contrast.estimate)) for end in (contrast.low, contrast.high))
            return value * low, value * high
        return tried.trials[0].intervals.get(name) if len(tried.trials) == 1 else None

    def effects(self, name: str) -> Effects | None:
        """Return what each knob does to a metric, from trials inside blocks whose limit was not the generator."""
        axes = {axis.path: axis.values for axis in self.stored.sweep.axes}
        return self.once(
            ("effects", name), lambda: effects(axes, self.stored.base, self._observations(name, every=False))
        )  # fmt: skip

    def _observations(self, name: str, every: bool) -> list[Observation]:
        """Return the completed trials that have a metric above 0, all of them or those that effects may rest on."""
        blocks = self._blocks
        return [
            Observation(tried.point.id, tried.point.settings, blocks[trial.point, trial.repeat], value)
            for tried in self.points
            for trial in tried.trials
            if (value := trial.metrics.get(name)) is not None
            and value > 0
            and (every or ((trial.block or tried.point.base) and tried.state == MEASURED))
        ]

    @cached_property
    def _blocks(self) -> Mapping[tuple[str, int], int]:
        """The block of each trial: its repeat, and for the base, which comes more often, that of the trial after it."""
        base = {tried.point.id for tried in self.points if tried.point.base}
        found: dict[tuple[str, int], int] = {}
        block = max((repeat for point, repeat in self.stored.order if point not in base), default=0)
        for point, repeat in reversed(self.stored.order):
            block = block if point in base else repeat
            found[point, repeat] = block
        done = {(trial.point, trial.repeat): trial.repeat for trial in self.stored.trials}
        return {**done, **found}

    def holds(self, tried: Tried) -> bool | None:
        """Return whether a point holds every SLO; None where one cannot be told."""
        held = [one.holds({one.metric: self.value(tried, one.metric)}) for one in self.slo]
        return False if False in held else None if None in held else True

    def varies(self, name: str, by: float = 1.02) -> bool:
        """Return whether a metric differs between measured points by more than a factor."""
        values = [v for tried in self.shown if tried.trials and (v := self.value(tried, name)) is not None and v > 0]
        return len(values) > 1 and max(values) > by * min(values)


def view_of(out: Path, stored: Stored) -> View:
    """Return the view of a sweep."""
    paths = [axis.path for axis in stored.sweep.axes]
    by_point: dict[str, list[Record]] = {}
    for record in stored.trials:
        by_point.setdefault(record.point, []).append(record)
    return View(out, stored, tuple(_tried(point, paths, by_point.get(point.id, [])) for point in stored.points))


def _tried(point: Point, paths: list[str], records: list[Record]) -> Tried:
    def ended(*how: str) -> tuple[Record, ...]:
        return tuple(record for record in records if record.status in how)

    return Tried(point, label(point.settings, paths), ended("complete"), ended("ended-early"), ended("failed"))


def label(settings: Mapping[str, Any], paths: list[str]) -> str:
    """Return what makes a point the one it is: its level on each axis."""
    return ", ".join(f"{path} = {level(settings.get(path))}" for path in paths)


def level(value: Any) -> str:
    """Return a setting's value as it is written in a scenario."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def higher_is_better(name: str) -> bool:
    """Return whether more of a metric is better."""
    found = vocabulary.metric(vocabulary.split(name)[1])
    return bool(found and found.higher_is_better)


def show(name: str, value: float | None) -> str:
    """Return a value in its metric's unit; "–" when there is none."""
    found = vocabulary.metric(vocabulary.split(name)[1])
    return found.show(value) if found else "–"


def seconds_of(record: Record) -> float | None:
    """Return when a trial began, in seconds since 1970; None when that is not known."""
    try:
        return datetime.fromisoformat(record.started_at or "").timestamp()
    except ValueError:
        return None
