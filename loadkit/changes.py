"""`--set` applied to a scenario, and what a result says of how it was run."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from loadkit import secrets
from loadkit.scenario import Scenario, check, parse_assignment, with_value
from loadkit.targets import properties
from loadkit.targets.kafka import versions
from loadkit.telemetry.host import environment


def applies(role: str, name: str) -> bool:
    """Return whether a bare name is a client property of a role; `topic`: whether it looks like a topic's."""
    if role == "topic":
        return "." in name and name.split(".")[0] in _TOPIC_WORDS
    return role in ("producer", "consumer") and properties.takes(role, name)  # type: ignore[arg-type]


_TOPIC_WORDS = frozenset(
    (
        "cleanup compression delete file flush follower index leader local max message min preallocate remote "
        "retention segment unclean"
    ).split()
)


def changed(scenario: Scenario, settings: Sequence[str]) -> Scenario:
    """Return the scenario with every PATH=VALUE applied in order; ScenarioError names a wrong one."""
    return with_settings(scenario, map(parse_assignment, settings))


def with_settings(scenario: Scenario, settings: Iterable[tuple[str, Any]]) -> Scenario:
    """Return the scenario with every (path, value) applied in order; ScenarioError names a wrong one."""
    for path, value in settings:
        secrets.refuse_on_command_line(path, value)
        scenario = with_value(scenario, path, value, applies, properties.KNOWN)
    return check(scenario)


def options_facts(command: str, scenario: Scenario, file: str | Path | None, settings: Sequence[str]) -> dict[str, Any]:
    """Return what a result says of the command, the scenario and the machine."""
    path = Path(file) if file else None
    source = path.read_bytes() if path and path.is_file() else b""
    declared = scenario.model_dump(mode="json")
    return {
        "loadkit": environment()["loadkit"],
        "command": command,
        "argv": secrets.MASK.hide([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "scenario": {
            "name": scenario.name, "file": path.name if path else None, "description": scenario.description,
            "sha256": hashlib.sha256(source).hexdigest() if source else None, "declared": declared,
        },
        "sets": dict(map(parse_assignment, settings)),
        "environment": {**environment(), **versions()},
    }  # fmt: skip
