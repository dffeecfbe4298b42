"""`loadkit max`: the highest rate within objectives, its file and its answer on the terminal and as JSON."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from loadkit.session import Sessions, reached, virtual  # isort: skip  # first: it brings Locust, which patches sockets
from loadkit.budget import peak_bytes
from loadkit.changes import changed, options_facts
from loadkit.errors import Interrupted, LoadkitError, UsageError
from loadkit.finish_sweep import finish_max
from loadkit.hands import ALONE, Hands
from loadkit.hunt import HOLD, PROBE, Hunt, Plan, Run
from loadkit.live import watched
from loadkit.progress import Counted
from loadkit.report.sweep import page
from loadkit.report.sweep.maximum import document as max_document
from loadkit.report.sweep.maximum.view import view_of
from loadkit.result import claim, load
from loadkit.scenario import Scenario
from loadkit.scenario_file import ScenarioFile, load_scenario
from loadkit.slo import parse_all
from loadkit.sweep import max_file
from loadkit.sweep.conclusion import conclude
from loadkit.sweep.judgement import GUARD
from loadkit.sweep.scaling import total_rate
from loadkit.target import Target, check_limits, load_target
from loadkit.units import parse_duration, parse_rate

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 4}
MODELLED = 1e6
"""Messages a second above which the model is not run: a trial is held in memory."""
BACKLOG = "every trial had topics of its own: what a failed one left behind burdened none after it"


@dataclass(frozen=True, slots=True)
class Request:
    """One `loadkit max`, as its flags say."""

    scenario: Path
    target: str
    slo: tuple[str, ...]
    sets: tuple[str, ...]
    start: str | None
    duration: str | None
    hold: str | None
    warmup: str | None
    out: Path
    who: Hands = ALONE
    """Who makes the load."""
    metrics: str | None = None
    """Where Prometheus finds the metrics: [HOST]:PORT."""


def find(request: Request, quiet: bool) -> tuple[dict[str, Any], int]:
    """Return the document of a search and its exit code; one that is finished already is only shown."""
    request = replace(request, target=reached(request.target, request.who))
    file = load_scenario(request.scenario)
    plan = _planned(request, file.scenario)
    head = head_of(plan, request.target, request.slo, request.sets)
    begun = (request.out / max_file.FILE).exists()
    if begun:
        max_file.check_same(request.out, max_file.read(request.out), head)
    else:
        claim(request.out)
    if not begun or max_file.read(request.out)["status"] != "complete":
        _searched(request, replace(file, scenario=plan.scenario), plan, head)
    finish_max(request.out, sys.stderr if quiet else sys.stdout)
    document = max_document.document_of(request.out)
    return document, EXIT_CODES[document["verdict"]]


def _planned(request: Request, declared: Scenario) -> Plan:
    """Return what is to be searched; UsageError before any load."""
    if not request.slo:
        raise UsageError("a search needs an objective: give --slo 'latency.p99 < 20ms', as often as there are some")
    objectives = tuple(parse_all(request.slo))
    for one in objectives:
        if one.metric in ("max_rate", "offered"):
            raise UsageError(
                f"--slo {one.text!r}: {one.metric} is what the search varies; name what must hold meanwhile"
            )
    scenario = changed(declared, request.sets)
    target = load_target(request.target)
    try:
        start = total_rate(scenario) if request.start is None else parse_rate(request.start)
        probe, hold, warmup = (
            None if text is None else parse_duration(text) for text in (request.duration, request.hold, request.warmup)
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    _check(scenario, start, probe, hold)
    return Plan(
        scenario, objectives, start, permitted(scenario, target), probe, hold, warmup,
        virtual=virtual(request.target), permit=partial(_permit, target),
        facts=options_facts("max", scenario, request.scenario, request.sets),
    )  # fmt: skip


def _check(scenario: Scenario, start: float, probe: float | None, hold: float | None) -> None:
    if total_rate(scenario) <= 0:
        raise UsageError(f"{scenario.name}: no class of it produces at a rate above 0, so there is no rate to search")
    if start <= 0:
        raise UsageError("--start must be above 0, like --start 5k/s")
    for name, length in (("--duration", probe), ("--hold", hold)):
        if length is not None and length < 3:
            raise UsageError(f"{name} must be 3s or more: growth of what waits cannot be told in less")


def permitted(scenario: Scenario, target: Target) -> float:
    """Return the highest rate within the target's [limits]."""
    if target.limits is None:
        return MODELLED if virtual(target.text) else math.inf
    return target.limits.max_rate / peak_bytes(scenario) * total_rate(scenario)


def _permit(target: Target, sent: float) -> None:
    check_limits(target, 0, sent, 0)


def head_of(plan: Plan, target: str, slo: Sequence[str], sets: Sequence[str]) -> dict[str, Any]:
    """Return what `max.json` holds before the first trial."""
    facts = plan.facts
    return {
        "schema": max_file.SCHEMA, "command": "max", "status": "running", "scenario": facts["scenario"],
        "target": {}, "target_name": target, "sets": list(sets), "slo": list(slo),
        "start": plan.start, "duration": plan.probe or PROBE, "hold": plan.hold or HOLD, "warmup": plan.warmup,
        "guard": GUARD, "permitted": plan.most if math.isfinite(plan.most) else None, "backlog": BACKLOG,
        "answer": None, "probes": [], "passing_regions": [], "environment": facts["environment"],
        "loadkit": facts["loadkit"], "argv": facts["argv"],
    }  # fmt: skip


def _searched(request: Request, file: ScenarioFile, plan: Plan, head: Mapping[str, Any]) -> None:
    with watched(request.metrics, request.target, request.who.public) as live:
        request.out.mkdir(parents=True, exist_ok=True)
        max_file.write(request.out, head)
        try:
            counted, say = Counted(live.shown), live.shown.say
            with closing(Sessions(file, live.hear(counted), say, request.who)) as targets:
                trials = targets.at(request.target, plan.scenario)
                observed = replace(plan, observer=live.observer)
                search(trials.trial, observed, request.out, say, head, begin=counted.begin)
        except LoadkitError as error:
            status = "interrupted" if isinstance(error, Interrupted) else "failed"
            max_file.write(request.out, {**max_file.read(request.out), "status": status})
            raise


def search(
    run: Run, plan: Plan, out: Path, say: Callable[[str], None], head: Mapping[str, Any], pages: bool = True,
    begin: Callable[[str, str], None] = lambda place, whole: None,
) -> dict[str, Any]:  # fmt: skip
    """Return what `max.json` holds when a search in a folder has come to its answer; `head` is what it begins with.

    Without `pages` no page is written: the search is part of something larger. `begin` is told of every trial that
    begins and of what is still to come.
    """
    hunt = Hunt(run, plan, out, say, begin)

    def saved() -> None:
        max_file.write(out, {**head, "target": _target(out, hunt.rows), "probes": hunt.rows})
        if pages and not plan.virtual:
            page.write(out)

    answer = hunt.go(saved)
    within = " and ".join(one.text for one in plan.objectives)
    said = conclude(answer, hunt.tried, within)
    document = {
        **head, "status": "complete", "target": _target(out, hunt.rows), "probes": hunt.rows,
        "passing_regions": [list(region) for region in answer.regions],
        "answer": {
            "max_rate": answer.rate, "interval": list(answer.interval), "outcome": answer.outcome, "bound": said.bound,
            "stage": said.stage, "evidence": list(said.evidence), "text": said.text, "knee": None,
            "needs": said.more.needed if said.more else None,
            "failing": {"slo": said.failing[0], "evidence": said.failing[1]} if said.failing else None,
        },
    }  # fmt: skip
    if found := view_of(out, document).knee():
        document["answer"]["knee"] = asdict(found)
    max_file.write(out, document)
    return document


def _target(out: Path, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the first result says of the target."""
    return dict(load(out / rows[0]["folder"]).facts.get("target", {})) if rows and not rows[0]["error"] else {}
