"""What the commands do: one trial now; the loops of sweep, max and gate later."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loadkit import session  # first: it brings Locust, which patches sockets
from loadkit.boundaries import Options
from loadkit.changes import changed, options_facts
from loadkit.document import document_of
from loadkit.errors import RunError, UsageError
from loadkit.faults import Fault, parse
from loadkit.finish import finish
from loadkit.hands import ALONE, Hands
from loadkit.inflict import permit
from loadkit.live import watched
from loadkit.result import claim
from loadkit.scenario import Scenario
from loadkit.scenario_file import load_scenario
from loadkit.slo import Objective
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
    who: Hands = ALONE
    """Who makes the load."""
    faults: tuple[str, ...] = ()
    metrics: str | None = None
    """Where Prometheus finds the run's metrics: [HOST]:PORT."""


def run(request: Request, quiet: bool) -> dict[str, Any]:
    """Return the document of one trial; its page and table are made whatever ended it."""
    objectives = [Objective.parse(text) for text in request.slo]
    faults = parse(request.faults)
    claim(request.out)
    file = load_scenario(request.scenario)
    scenario = changed(file.scenario, request.sets)
    options, stream = _options(request, scenario, faults), sys.stderr if quiet else sys.stdout
    named = permit(faults, request.target, options.duration or 0.0, options.messages)
    with ExitStack() as stack:
        opening = replace(file, scenario=scenario)
        target = session.reached(named, request.who)
        live = stack.enter_context(watched(request.metrics, target, request.who.public))
        shown = live.shown
        fleet = stack.enter_context(session.fleet(opening, request.who, shown.say))
        trials = stack.enter_context(
            session.session(opening, target, live.hear(shown), shown.say, request.keep_topics, fleet)
        )
        try:
            trials.trial(scenario, replace(options, observer=live.observer))
        except BaseException:
            shown.close()
            with suppress(RunError):  # on a full disk the page fails as the run did
                finish(request.out, stream)
            raise
        shown.close()
        finish(request.out, stream)
    return _judged(request.out, objectives)


def _options(request: Request, scenario: Scenario, faults: tuple[Fault, ...]) -> Options:
    try:
        return Options(
            out=request.out, duration=parse_duration(request.duration),
            warmup=None if request.warmup is None else parse_duration(request.warmup),
            messages=request.messages, drain_timeout=parse_duration(request.drain_timeout),
            faults=faults, facts=options_facts("run", scenario, request.scenario, request.sets),
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
