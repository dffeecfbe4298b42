"""What a user asks of a sweep: flags, a TOML file, or a file with flags over it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loadkit import vocabulary
from loadkit.errors import UsageError, nearest
from loadkit.slo import parse_all
from loadkit.sweep.forecast import SHORTEST
from loadkit.sweep.spec import MAX, Axis, Sweep, axis, check_axes, parse_axis
from loadkit.units import parse_duration

_KEYS = ("scenario", "target", "vary", "set", "repeats", "seed", "duration", "warmup", "slo", "objective", "budget")

_KINDS = (("vary", dict, "[vary]"), ("set", dict, "[set]"), ("slo", list, "slo = ['errors == 0']"))


@dataclass(frozen=True, slots=True)
class Request:
    """One `loadkit sweep`, as its flags say; None and empty where a flag was not given."""

    scenario: Path
    """A Locust file, or a TOML file that names one."""
    target: str | None = None
    vary: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    repeats: int | None = None
    seed: int | None = None
    duration: str | None = None
    warmup: str | None = None
    slo: tuple[str, ...] = ()
    objective: str | None = None
    budget: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with every default filled in."""

    scenario: Path
    target: str
    sweep: Sweep


def asked(request: Request) -> Asked:
    """Return what is asked for, the file read if one is named. UsageError for whatever cannot be."""
    file: Mapping[str, Any] = {}
    scenario = request.scenario
    if scenario.suffix == ".toml":
        file = _read(scenario)
        scenario = request.scenario.parent / str(file["scenario"])
    axes = [parse_axis(text) for text in request.vary]
    axes = [*(one for one in _varied(file) if one.path not in {mine.path for mine in axes}), *axes]
    try:
        sweep = Sweep(
            tuple(axes), sets=(*_sets(file), *request.sets),
            repeats=int(_given(request.repeats, file, "repeats", 1)), seed=int(_given(request.seed, file, "seed", 1)),
            duration=parse_duration(_given(request.duration, file, "duration", "30s")),
            warmup=_seconds(_given(request.warmup, file, "warmup", None)),
            slo=tuple(request.slo or file.get("slo", ())),
            objective=str(_given(request.objective, file, "objective", "latency.p99")),
            budget=_seconds(_given(request.budget, file, "budget", None)),
        )  # fmt: skip
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from None
    target = request.target or _beside(request.scenario, str(file.get("target", "embedded")))
    return Asked(scenario, target, _checked(sweep))


def _beside(path: Path, target: str) -> str:
    """Return a target as a sweep's file names it; a target file lies relative to it."""
    return str(path.parent / target) if target.endswith(".toml") else target


def _given(flag: Any, file: Mapping[str, Any], name: str, default: Any) -> Any:
    return file.get(name, default) if flag is None else flag


def _seconds(value: Any) -> float | None:
    return None if value is None else parse_duration(value)


def _checked(sweep: Sweep) -> Sweep:
    check_axes(sweep.axes, sweep.budget)
    if sweep.repeats < 1:
        raise UsageError(f"--repeats {sweep.repeats}: at least 1")
    if not sweep.duration > 0:
        raise UsageError("--duration 0: a trial must measure for some time, like 10s")
    parse_all(sweep.slo)
    if sweep.objective == "max_rate":
        sweep = replace(sweep, objective=MAX)
    if sweep.objective == MAX and not sweep.slo:
        raise UsageError("--objective max searches for the highest rate within an SLO: give --slo 'latency.p99 < 20ms'")
    if sweep.objective == MAX and sweep.duration < SHORTEST:
        raise UsageError("--duration must be 3s or more with --objective max: it is the length of a hold")
    vocabulary.split(sweep.metric)
    return sweep


def check_owners(sweep: Sweep, owners: list[str]) -> None:
    """Raise UsageError where an objective names a class or topic that the scenario does not have."""
    for metric in (sweep.metric, *(one.metric for one in parse_all(sweep.slo))):
        owner, _ = vocabulary.split(metric)
        if owner is not None and owner not in owners:
            raise UsageError(f"{metric}: the scenario has no class or topic {owner!r}{nearest(owner, owners)}")


def _read(path: Path) -> Mapping[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; `loadkit init sweep` writes one to start from") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    for key in data:
        if key not in _KEYS:
            raise UsageError(f"{path}: unknown key {key!r}{nearest(key, _KEYS)}; valid ones are {', '.join(_KEYS)}")
    for key, kind, example in (
        ("vary", dict, "[vary]"),
        ("set", dict, "[set]"),
        ("slo", list, "slo = ['errors == 0']"),
    ):
        if not isinstance(data.get(key, kind()), kind):
            raise UsageError(f"{path}: {key} is written differently: {example}")
    if "scenario" not in data:
        raise UsageError(f'{path}: scenario is missing: write scenario = "scenario.py", relative to this file')
    return data


def _varied(file: Mapping[str, Any]) -> list[Axis]:
    found = []
    for path, values in _flat(file.get("vary", {})).items():
        if not isinstance(values, list):
            raise UsageError(f"[vary] {path}: write a list of values, like [{values!r}]")
        found.append(axis(path, values))
    return found


def _sets(file: Mapping[str, Any]) -> list[str]:
    return [f"{path}={value}" for path, value in _flat(file.get("set", {})).items()]


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return dotted names: TOML reads an unquoted `linger.ms = [0, 5]` as a table inside a table."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, Mapping) else {f"{before}{key}": value}
    return flat
