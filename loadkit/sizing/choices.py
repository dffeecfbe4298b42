"""The client settings that the results speak for: each with what it did, as measured, or where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadkit.analysis.effects import Effect as Measurement
from loadkit.errors import UsageError
from loadkit.report.sweep import answer
from loadkit.report.sweep.view import View, view_of
from loadkit.sizing.ceilings import Measured
from loadkit.sizing.evidence import Point
from loadkit.sizing.facts import Effect
from loadkit.sweep import store
from loadkit.units import parse_size

CLIENT = {
    "linger.ms": "linger.ms", "queue.buffering.max.ms": "linger.ms", "batch.size": "batch.size",
    "compression.type": "compression.type", "compression.codec": "compression.type",
}  # fmt: skip
"""Settings that a plan passes on, by either client's name, to Java's."""


@dataclass(frozen=True, slots=True)
class Level:
    """One value of a setting and its effect on the metric against the reference, as shares."""

    value: str
    low: float
    mid: float
    high: float


@dataclass(frozen=True, slots=True)
class Choice:
    """One setting as chosen, with all that was measured of it."""

    effect: Effect
    metric: str = ""
    reference: str = ""
    levels: tuple[Level, ...] = ()


def choices(folders: Sequence[Path], measured: Measured | None) -> tuple[Choice, ...]:
    """Return what to set, from the largest sweep among the folders and from the best trial's own settings."""
    best = measured.best if measured else None
    views = [view for folder in folders for view in _sweeps(folder)]
    view = max(views, key=lambda one: len(one.stored.trials), default=None)
    found: dict[str, Choice] = {}
    if view is not None:
        found = {one.effect.setting: one for one in _varied(view, best)}
    for one in _kept(best, measured.source if measured else ""):
        found.setdefault(one.effect.setting, one)
    return tuple(found.values())


def _sweeps(folder: Path) -> Iterator[View]:
    for path in sorted(folder.rglob(store.FILE)):
        try:
            stored = store.read(path.parent)
        except UsageError:
            continue
        if stored.trials:
            yield view_of(path.parent, stored)


def _varied(view: View, best: Point | None) -> Iterator[Choice]:
    chosen = answer.best(view)
    settings = chosen.tried.point.settings if chosen else best.settings if best else {}
    effects = view.effects(view.objective)
    by_path = {effect.paths[0]: effect for effect in effects.mains} if effects else {}
    for path, value in settings.items():
        if path in CLIENT and path in {axis.path for axis in view.stored.sweep.axes}:
            yield _choice(view, CLIENT[path], value, by_path.get(path), best)


def _choice(view: View, name: str, value: Any, effect: Measurement | None, best: Point | None) -> Choice:
    shown, metric, source = _shown(name, value), view.objective, str(view.out)
    client = best.client if best else ""
    if effect is None:
        return Choice(
            Effect(name, shown, f"the best of the sweep by {metric}; its effect could not be told", source=source)
        )
    reference = _shown(name, effect.reference[0])
    levels = tuple(
        Level(
            _shown(name, change.levels[0]),
            change.contrast.changes[0],
            change.contrast.change,
            change.contrast.changes[1],
        )
        for change in effect.changes
    )
    mine = next((level for level in levels if level.value == shown), None)
    if mine is None and levels:  # the reference itself was chosen: what leaving it would do, turned around
        other = max(levels, key=lambda level: abs(level.mid))
        mine = Level(shown, *(1 / (1 + end) - 1 for end in (other.high, other.mid, other.low)))
        against = other.value
    else:
        against = reference
    if mine is None or client == "":
        text = f"the best of the sweep by {metric}"
        return Choice(Effect(name, shown, text, source=source), metric, reference, levels)
    text = f"{metric} against {name}={against}"
    return Choice(Effect(name, shown, text, mine.low, mine.mid, mine.high, client, source), metric, reference, levels)


def _kept(best: Point | None, source: str) -> Iterator[Choice]:
    """Yield what the best trial was set to without that it was varied."""
    config: Mapping[str, Any] = {**best.config, **best.settings} if best else {}
    for key, value in config.items():
        if key in CLIENT:
            text = "as in the trials that were measured; it was not varied"
            yield Choice(Effect(CLIENT[key], _shown(CLIENT[key], value), text, source=source))


def _shown(name: str, value: Any) -> str:
    """Return a value as Java's properties take it."""
    if name == "batch.size":
        return str(parse_size(value))
    return str(value)
