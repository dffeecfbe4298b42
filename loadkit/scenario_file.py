"""A Locust file to its user classes and the scenario they declare."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locust.util.load_locustfile import load_locustfile

from loadkit.errors import LoadkitError, ScenarioError
from loadkit.scenario import Scenario
from loadkit.swarm import scenario_of


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """What a Locust file holds."""

    scenario: Scenario
    classes: list[Any]
    path: Path


def load_scenario(path: Path) -> ScenarioFile:
    """Return the classes and scenario of a file; ScenarioError names file and line of what is wrong."""
    if not path.is_file():
        raise ScenarioError(f"{path}: no such file; `loadkit init scenario` writes one to start from")
    try:
        classes, _ = load_locustfile(str(path))[:2]
    except LoadkitError as error:
        raise ScenarioError(f"{path}: {error}") from None
    except SyntaxError as error:
        raise ScenarioError(f"{path}:{error.lineno}: {error.msg}") from None
    except Exception as error:
        raise ScenarioError(f"{path}:{_line(error, path)}: {type(error).__name__}: {error}") from None
    found = list(classes.values())
    module = sys.modules.get(path.stem)
    description = (getattr(module, "__doc__", "") or "").strip().partition("\n")[0]
    return ScenarioFile(scenario_of(found, path.stem, description), found, path)


def _line(error: BaseException, path: Path) -> int:
    """Return the last line of the file that an exception passed through."""
    line, trace = 0, error.__traceback__
    while trace:
        if Path(trace.tb_frame.f_code.co_filename).name == path.name:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
