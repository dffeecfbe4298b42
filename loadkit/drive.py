"""What the commands do: one trial now; the loops of sweep, max and gate later."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadkit import swarm  # first: it brings Locust, which patches sockets
from loadkit.boundaries import Options
from loadkit.changes import changed, options_facts
from loadkit.document import document_of
from loadkit.errors import UsageError
from loadkit.finish import finish
from loadkit.progress import Shown
from loadkit.result import claim
from loadkit.scenario import Scenario
from loadkit.scenario_file import load_scenario
from loadkit.slo import Objective
from loadkit.target import load_target
from loadkit.units import parse_duration


@dataclass(frozen=True, slots=True)
class Request:
    """One `loadkit run`, as its flags say."""

    scenario: Path
    target: str
    sets: tuple[str, ...]
    duration: str
    warmup: str | None
    messages: int | None
    slo: tuple[str, ...]
    out: Path
    drain_timeout: str
    keep_topics: bool = False


def run(request: Request, quiet: bool) -> dict[str, Any]:
    """Return the document of one trial; its page and table are made whatever ended it."""
    objectives = [Objective.parse(text) for text in request.slo]
    claim(request.out)
    file = load_scenario(request.scenario)
    scenario = changed(file.scenario, request.sets)
    target = load_target(request.target)
    options = _options(request, scenario)
    stream = sys.stderr if quiet else sys.stdout
    if target.kind == "simulated" and not _sink(target.text):
        _simulate(scenario, target.text, options)
        finish(request.out, stream)
    else:
        _load(request, file.classes, scenario, options, stream)
    return _judged(request.out, objectives)


def _sink(text: str) -> bool:
    from loadkit.targets.simspec import SimulatedSpec

    return SimulatedSpec.parse(text).sink


def _simulate(scenario: Scenario, text: str, options: Options) -> None:
    from loadkit.simulation import simulate

    simulate(scenario, text, options)


def _load(request: Request, classes: list[Any], scenario: Scenario, options: Options, stream: Any) -> None:
    shown = Shown(sys.stderr)

    def conclude(out: Path) -> None:
        shown.close()
        finish(out, stream)

    settings = swarm.Settings(
        target=request.target, options=lambda _: options, change=lambda _: scenario, progress=shown,
        say=shown.say, scenario=scenario, keep_topics=request.keep_topics, finished=conclude,
    )  # fmt: skip
    try:
        swarm.run_local(classes, settings)
    finally:
        shown.close()


def _options(request: Request, scenario: Scenario) -> Options:
    try:
        return Options(
            out=request.out, duration=parse_duration(request.duration),
            warmup=None if request.warmup is None else parse_duration(request.warmup),
            messages=request.messages, drain_timeout=parse_duration(request.drain_timeout),
            facts=options_facts("run", scenario, request.scenario, request.sets),
        )  # fmt: skip
    except ValueError as error:
        raise UsageError(str(error)) from None


def _judged(out: Path, objectives: list[Objective]) -> dict[str, Any]:
    """Return the result's document with a verdict: fail when an objective does not hold or cannot be told."""
    document = document_of(out, wanted=[objective.metric for objective in objectives])
    if objectives:
        held = [objective.holds(document["metrics"]) for objective in objectives]
        document["verdict"] = "fail" if False in held else "inconclusive" if None in held else "pass"
        for objective, holds in zip(objectives, held, strict=True):
            print(
                f"slo {objective.text}: {'holds' if holds else 'unknown' if holds is None else 'FAILS'}",
                file=sys.stderr,
            )
    return document
