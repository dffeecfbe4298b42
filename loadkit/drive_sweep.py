"""The loop of `loadkit sweep`: ask the strategy for the next trial, run it, write what it left, and again.

Whatever ends the process, the next one with the same `--out` goes on with the trial that is missing.
"""

from __future__ import annotations

import sys
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from loadkit import (
    session,  # first: it brings Locust, which patches sockets
)
from loadkit.boundaries import Options
from loadkit.changes import options_facts
from loadkit.drive_point import Place, search_at, start_of
from loadkit.errors import FleetError, Interrupted, LoadkitError, RunError, UsageError
from loadkit.finish_sweep import finish_sweep, print_plan
from loadkit.hands import ALONE, Hands
from loadkit.live import Watched, watched
from loadkit.progress import Counted
from loadkit.report.sweep import document, lines, page
from loadkit.scenario import Scenario
from loadkit.slo import parse_all
from loadkit.sweep import resume, store
from loadkit.sweep.request import Request, asked
from loadkit.sweep.spec import MAX, Record, Step
from loadkit.sweep_plan import Plan, planned
from loadkit.units import format_duration, parse_duration
from loadkit.watch import Watch

__all__ = ["Request", "Run", "dry_run", "sweep"]


@dataclass(frozen=True, slots=True)
class Run:
    """How a sweep is run, besides what it is."""

    out: Path
    drain_timeout: str = "30s"
    quiet: bool = False
    """The table goes to stderr, for stdout holds a document."""
    who: Hands = ALONE
    """Who makes the load."""
    metrics: str | None = None
    """Where Prometheus finds the metrics: [HOST]:PORT."""


def sweep(request: Request, run: Run) -> dict[str, Any]:
    """Return the document of a sweep that was run, or gone on with, to its end. Raises LoadkitError."""
    wanted = asked(request)
    plan = planned(replace(wanted, target=session.reached(wanted.target, run.who)))
    stream = sys.stderr if run.quiet else sys.stdout
    with resume.held(run.out), watched(run.metrics, plan.asked.target, run.who.public) as live:
        shown, loop = live.shown, _Loop(plan, run, live)
        try:
            loop.go()
        except BaseException:
            shown.close()
            with suppress(RunError):  # on a full disk the page fails as the run did
                finish_sweep(run.out, stream)
            raise
        shown.close()
        finish_sweep(run.out, stream)
    failed = [record for record in loop.records if record.status == "failed"]
    if len(failed) == len(loop.records):
        raise RunError(f"every trial failed; the first said: {failed[0].error}")
    return document.document_of(run.out)


def dry_run(request: Request, quiet: bool) -> dict[str, Any]:
    """Return what a sweep would do as a document, and print it."""
    plan = planned(asked(request))
    steps = plan.strategy.steps(())
    facts = {"trials": plan.strategy.left(()), "seconds": plan.seconds_left(), "bytes": plan.bytes_left()}
    points = plan.strategy.points(())
    notes = plan.strategy.not_explored(())
    print_plan(points, plan.sweep, facts, plan.model, sys.stderr if quiet else sys.stdout, notes)
    return {
        "schema": 1, "command": "sweep", "status": "planned", "limit": None, "verdict": None, "metrics": {},
        "withheld": {}, "warnings": [], "out": None, **facts, "model": plan.model,
        "order": [[step.point.id, step.repeat] for step in steps], "points": [asdict(point) for point in points],
        "strategy": plan.strategy.name, "not_explored": notes,
    }  # fmt: skip


class _Loop:
    """One sweep under way."""

    def __init__(self, plan: Plan, run: Run, live: Watched) -> None:
        """Take up a folder; UsageError when it holds another sweep."""
        self._plan, self._run, self._shown, self._live = plan, run, live.shown, live
        try:
            self._drain = parse_duration(run.drain_timeout)
        except ValueError as error:
            raise UsageError(f"--drain-timeout: {error}") from None
        metrics = [plan.sweep.metric, *(one.metric for one in parse_all(plan.sweep.slo))]
        self._wanted = [name for name in metrics if name != "max_rate"]
        facts = options_facts("sweep", plan.file.scenario, plan.asked.scenario, plan.sweep.sets)
        now = store.Stored(
            sweep=plan.sweep, scenario=facts["scenario"], target_name=plan.asked.target, strategy=plan.strategy.name,
            base=plan.points.point(plan.points.base).settings, points=(), order=(), environment=facts["environment"],
            loadkit=facts["loadkit"], argv=tuple(facts["argv"]),
        )  # fmt: skip
        then = resume.before(run.out, now)
        self._stored = replace(now, target=then.target) if then else now
        self._begun = monotonic()
        self._counted = Counted(live.shown)
        self._watch = Watch(self._counted, live.shown.say, plan.sweep.objective)
        self.records = resume.records(run.out, then, self._wanted)

    def go(self) -> None:
        """Run every trial that is missing; whatever is raised, what was measured is on disk."""
        steps = self._plan.strategy.steps(self.records)
        self._write("running" if steps else "complete")
        if not steps:
            return
        if self.records:
            to_come = self._plan.strategy.left(self.records)
            self._shown.say(f"going on: {len(self.records)} trials are there, {to_come} to come")
        try:
            with closing(self._sessions()) as targets:
                while step := self._plan.strategy.next(self.records):
                    place = f"{len(self.records) + 1}/{self._total()}"
                    self._counted.begin(f"{place} {step.point.id}-{step.repeat}", self._whole())
                    self._trial(step, targets)
        except (Interrupted, KeyboardInterrupt):
            self._write("interrupted")
            raise
        except LoadkitError:
            self._write("failed")
            raise
        self._write("complete")

    def _sessions(self) -> session.Sessions:
        return session.Sessions(self._plan.file, self._live.hear(self._watch), self._shown.say, self._run.who)

    def _trial(self, step: Step, targets: session.Sessions) -> None:
        """Run one trial and keep what came of it: one that fails is a result, and the sweep goes on."""
        place, error = len(self.records), None
        folder = f"{store.TRIALS}/{step.point.id}-{step.repeat}"
        sure = Record(
            step.point.id, step.repeat, place, folder, "failed", block=step.block,
            started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )  # fmt: skip
        try:
            scenario = self._plan.scenario(step)
            opened = targets.at(self._plan.points.target(step.point.settings).text, scenario)
            self._run_one(opened, step, scenario, self._options(step, place))
        except LoadkitError as caught:
            if isinstance(caught, FleetError) or (targets.refused and not self._plan.changes_target):
                raise  # there are no load processes, or there is no other target, to go on with
            error = caught
        record = store.recorded(self._run.out, replace(sure, seconds=self._passed()), self._wanted)
        if record is None and not isinstance(error, Interrupted):
            record = replace(sure, seconds=self._passed(), error=str(error))
        self._begun = monotonic()
        if record:
            self.records.append(record)
            self._write("running")
            self._say(record)
        if isinstance(error, Interrupted):
            raise error

    def _run_one(self, opened: session.Session, step: Step, scenario: Scenario, options: Options) -> None:
        sweep, settings = self._plan.sweep, step.point.settings
        may_end = not step.block and sweep.objective != MAX  # a search ends its own trials
        self._watch.over(opened if may_end else None, options.out, self.records)
        if sweep.objective != MAX:
            opened.trial(scenario, options)
            return
        start = start_of(scenario, settings, self._stored.points, self.records)
        search_at(opened, Place(sweep, scenario, self._plan.points.target(settings), start), options, self._shown.say)

    def _passed(self) -> float:
        """Return the seconds since the last trial was over: what is written between two costs time as well."""
        return monotonic() - self._begun

    def _options(self, step: Step, place: int) -> Options:
        sweep, settings = self._plan.sweep, step.point.settings
        sets = [*sweep.sets, *(f"{path}={value}" for path, value in settings.items())]
        facts = options_facts("sweep", self._plan.scenario(step), self._plan.asked.scenario, sets)
        mine = {"point": step.point.id, "repeat": step.repeat, "index": place, "block": step.block,
                "duration": sweep.duration}  # fmt: skip
        return Options(
            out=self._run.out / store.TRIALS / f"{step.point.id}-{step.repeat}", duration=sweep.duration,
            warmup=None if session.virtual(self._plan.asked.target) else sweep.warmup,
            drain_timeout=self._drain, observer=self._live.observer, facts={**facts, "sweep": mine},
        )  # fmt: skip

    def _write(self, status: str) -> None:
        """Write `sweep.json` and the page anew."""
        strategy = self._plan.strategy
        done = [(record.point, record.repeat) for record in self.records]
        to_come = [(step.point.id, step.repeat) for step in strategy.steps(self.records)]
        failed = all(record.status == "failed" for record in self.records)
        self._stored = replace(
            self._stored, status="failed" if status == "complete" and failed else status,
            points=tuple(strategy.points(self.records)), order=(*done, *to_come), trials=tuple(self.records),
            target=self._stored.target or store.target_of(self._run.out, self.records),
            not_explored=tuple(strategy.not_explored(self.records)),
        )  # fmt: skip
        try:
            store.write(self._run.out, self._stored)
            if self.records:
                page.write(self._run.out)
        except OSError as error:
            what = f"--out {self._run.out}: {error.strerror or error}"
            raise RunError(f"{what}; every trial is kept, free space and go on with the same command") from None

    def _total(self) -> int:
        return len(self.records) + self._plan.strategy.left(self.records)

    def _whole(self) -> str:
        """Return how much time is left for the whole, and which point is best so far."""
        best = lines.best_so_far(self._run.out, self._stored)
        return f"{format_duration(self._plan.seconds_left(self.records))} left{best}"

    def _say(self, record: Record) -> None:
        """Say what came of a trial and what is to come."""
        line = lines.line(self._stored, record)
        self._shown.say(f"{len(self.records)}/{self._total()} {line}; {self._whole()}")
