"""What a load process must have in common with its master: versions and files."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from loadkit.scenario import Scenario
from loadkit.target import Target
from loadkit.targets.kafka import versions
from loadkit.telemetry.host import environment

Terms = dict[str, str]


def terms(classes: Iterable[type]) -> Terms:
    """Return this process's versions, and a mark of the files in which the user classes stand.

    Settings are not among them: a run's own travel to every process in its plan.
    """
    found = environment()
    files = sorted({file for one in classes if (file := _file(one))}, key=lambda file: file.name)
    ours = {name: str(found[name]) for name in ("loadkit", "locust")}
    return {
        **ours,
        "librdkafka": versions()["librdkafka"],
        "scenario file": _mark(b"".join(file.read_bytes() for file in files)),
    }


def _file(one: type) -> Path | None:
    try:
        found = inspect.getsourcefile(one)
    except TypeError:  # made in no file
        return None
    return Path(found) if found and Path(found).is_file() else None


def files(scenario: Scenario) -> Terms:
    """Return a mark of each file that payloads and keys are read from, by its place in the scenario."""
    found = {}
    for workload in scenario.producers:
        for part in ("payload", "key"):
            for field, value in getattr(workload, part):
                if isinstance(value, Path):
                    known = _mark(value.read_bytes()) if value.is_file() else "missing"
                    found[f"{workload.name}.{part}.{field}"] = known
    return found


def mark(target: Target) -> str | None:
    """Return a mark of a target file's contents, in which secrets are references; None for a built-in target."""
    if target.built_in:
        return None
    whole = json.dumps(target.model_dump(mode="json", exclude={"path", "text"}), sort_keys=True)
    return _mark(whole.encode())


def _mark(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()[:12]


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Return in what two processes differ; empty where they agree."""
    names = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    return ", ".join(f"{name} {theirs.get(name, 'none')} there and {ours.get(name, 'none')} here" for name in names)
