"""The loop of `loadkit gate`: run a pair, ask what the pairs say, and again until it is clear or the pairs are spent.

Whatever ends the process, the next one with the same `--out` goes on after the last whole pair.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

from loadkit import drive_gate_max, drive_history, gate_host
from loadkit.drive_history import History
from loadkit.errors import Interrupted, LoadkitError, UsageError
from loadkit.gate import history, store
from loadkit.gate.differences import differences, unasked
from loadkit.gate.order import SIDES, order, trial_seed
from loadkit.gate.record import Trial, pairs
from loadkit.gate.statistics import FEWEST
from loadkit.gate.thresholds import Threshold, parse_all
from loadkit.gate.verdicts import Design, Judged, judge
from loadkit.gate_sides import Length, Side, Trials, apart, commands, failed, reached_by
from loadkit.hands import ALONE, Hands
from loadkit.progress import Counted, Shown
from loadkit.report.gate import document, text
from loadkit.report.gate.markdown import workflow_commands
from loadkit.result import load
from loadkit.scenario import parse_assignment
from loadkit.target import load_target
from loadkit.targets.simspec import SimulatedSpec
from loadkit.telemetry.host import machine
from loadkit.units import format_duration, parse_duration

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 4}
MAX_PAIRS = 20
AROUND = 8.0
"""Seconds that a trial takes on a real target besides its measured phase, until one has shown it: mostly warm-up."""
SHORTEST = 3.0
"""Seconds of the measured phase to which a budget may shorten trials."""


@dataclass(frozen=True, slots=True)
class Request:
    """One `loadkit gate`, as its flags say."""

    sides: tuple[Side, Side]
    fail_if: tuple[str, ...]
    out: Path
    max_pairs: int | None = None
    duration: str | None = None
    warmup: str | None = None
    budget: str | None = None
    seed: int = 1
    history: History | None = None
    slo: tuple[str, ...] = ()
    """What a highest rate is told by, where a threshold is about `max_rate`."""
    full: bool = False
    """Whether each side is searched for it in each pair."""
    max_from: Path | None = None
    """A search of the baseline that is there already."""
    who: Hands = ALONE
    """Who makes the load."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read."""

    sides: tuple[Side, Side]
    thresholds: tuple[Threshold, ...]
    max_pairs: int
    length: Length
    budget: float | None
    seed: int
    virtual: bool
    max_rate: drive_gate_max.Wanted | None = None
    who: Hands = ALONE

    @property
    def within(self) -> tuple[str, ...]:
        """The objectives of a highest rate; none where it is not compared."""
        return self.max_rate.texts if self.max_rate else ()


def gate(request: Request, quiet: bool) -> tuple[dict[str, Any], int]:
    """Return the document of a gate and its exit code; one that is finished already is only shown."""
    asked = read(request)
    if request.history:
        history.check(request.history.folder)
    head = begun(asked, request.out)
    if head["status"] != "complete":
        with gate_host.alone(f"gate of {asked.sides[0].scenario.name}, --out {request.out}"):
            try:
                Loop(asked, request.out, head).go()
            except LoadkitError:
                if (request.out / store.FILE).exists():
                    text.leave(request.out)
                    _tell_github(request.out, sys.stderr)
                raise
    if request.history:
        drive_history.put(request.out, request.history)
    stream = sys.stderr if quiet else sys.stdout
    text.finish(request.out, stream)
    _tell_github(request.out, stream)
    made = document.document_of(request.out)
    return made, EXIT_CODES[made["verdict"]]


def begun(asked: Asked, out: Path, calibrate: bool = False) -> dict[str, Any]:
    """Return what a gate in a folder begins with, or has come to; UsageError when the folder holds another."""
    head = head_of(asked, calibrate)
    if not (out / store.FILE).exists():
        _claim(out)
        return head
    then = store.read(out)
    store.check_same(out, then, head)
    return then


def _tell_github(out: Path, stream: TextIO) -> None:
    """Add the summary to the step's, and print annotations, where a GitHub workflow runs the command."""
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(summary, "a", encoding="utf-8") as file:
            file.write((out / text.SUMMARY).read_text(encoding="utf-8") + "\n")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in workflow_commands(store.read(out)):
            print(line, file=stream)


def read(request: Request) -> Asked:
    """Return what is to be compared; UsageError before any load."""
    thresholds = parse_all(request.fail_if, bool(request.slo))
    max_rate = drive_gate_max.wanted(thresholds, request.slo, request.full, request.max_from, request.budget)
    for side in request.sides:
        if not side.rev and not side.scenario.is_file():
            raise UsageError(f"{side.scenario}: no such file; `loadkit init scenario` writes one to start from")
        for one in side.sets:
            parse_assignment(one)
        load_target(side.target)
    everywhere = all([_virtual(side.target) for side in request.sides])  # a wrong name of either is refused here
    sides = reached_by(request.sides, request.who, searched=bool(max_rate and (max_rate.full or not max_rate.stored)))
    try:
        duration = None if request.duration is None else parse_duration(request.duration)
        warmup = None if request.warmup is None else parse_duration(request.warmup)
        budget = None if request.budget is None else parse_duration(request.budget)
    except ValueError as error:
        raise UsageError(str(error)) from None
    everywhere = everywhere and not request.who.others
    most, length = _sized(request.max_pairs, duration, warmup, budget, everywhere, max_rate.trials if max_rate else 1)
    return Asked(sides, thresholds, most, length, budget, request.seed, everywhere, max_rate, request.who)


def _virtual(target: str) -> bool:
    found = load_target(target)
    return found.kind == "simulated" and SimulatedSpec.parse(found.text).virtual


def _sized(
    most: int | None, duration: float | None, warmup: float | None, budget: float | None, virtual: bool, runs: int
) -> tuple[int, Length]:
    """Return the pairs and the length of a run: where a budget is tight, shorter ones before fewer pairs.

    A trial of a side is made of so many `runs`.
    """
    if duration is not None and duration <= 0:
        raise UsageError("--duration must be above 0, like 10s")
    most = most or MAX_PAIRS
    if budget is None or virtual:
        return most, Length(duration or (10.0 if virtual else 30.0), None if virtual else warmup)
    around = AROUND if warmup is None else warmup + 2.0
    if duration is None:
        duration = min(30.0, max(SHORTEST, budget / (2 * runs * min(most, 10)) - around))
    fit = int(budget / (2 * runs * (duration + around)))
    if fit < FEWEST:
        needed = format_duration(2 * runs * FEWEST * (SHORTEST + around))
        raise UsageError(
            f"--budget {format_duration(budget)} holds {fit} pairs of trials, and no verdict is told under {FEWEST}: "
            f"give at least {needed}, or a shorter --duration or --warmup"
        )
    return min(most, fit), Length(duration, warmup)


def head_of(asked: Asked, calibrate: bool = False) -> dict[str, Any]:
    """Return what `gate.json` holds before the first pair."""
    host = dict(machine())
    noise = {} if calibrate else gate_host.noise(host, asked.sides[0], asked.length, asked.within) or {}
    design = Design(asked.thresholds, asked.max_pairs, store.noise_of({"noise": noise}))
    return {
        "schema": store.SCHEMA, "command": "gate", "status": "running",
        "scenario": gate_host.scenario_facts(asked.sides), "sides": [side.facts() for side in asked.sides],
        "fail_if": [one.text for one in asked.thresholds], "max_pairs": asked.max_pairs,
        "seed": asked.seed, "calibrate": calibrate,
        "slo": list(asked.max_rate.slo) if asked.max_rate else None, "rates": None,
        "full": bool(asked.max_rate and asked.max_rate.full) or None,
        "duration": asked.length.duration, "warmup": asked.length.warmup, "budget": asked.budget,
        "looks": [asdict(look) for look in design.looks], "noise": noise, "host": host,
        "forecast": [design.forecast(one) for one in design.thresholds],
        "environment": gate_host.software(), "argv": gate_host.argv(),
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "trials": [], "differences": [], "answer": None, "error": None,
    }  # fmt: skip


def design_of(head: Mapping[str, Any]) -> Design:
    """Return the design that a document holds."""
    return Design(
        parse_all(head["fail_if"], bool(head.get("slo"))), head["max_pairs"], store.noise_of(head), head["calibrate"]
    )


def _claim(out: Path) -> None:
    if out.is_file():
        raise UsageError(f"--out {out} is a file; give a folder")
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"--out {out} holds something else than a gate; give a new folder")


class Loop:
    """One gate under way."""

    def __init__(self, asked: Asked, out: Path, head: dict[str, Any]) -> None:
        self._asked, self._out, self._document = asked, out, head
        self._design = design_of(head)
        whole = pairs(store.trials_of(head))
        self._trials = [trial for pair in whole for trial in (pair.baseline, pair.candidate)]
        self._begun = monotonic() - sum(trial.seconds or 0.0 for trial in self._trials)

    def go(self) -> None:
        """Run pairs until the gate is over; whatever is raised, whole pairs are on disk."""
        shown = Shown(sys.stderr)
        for line in text.beforehand(self._document, self._design):
            shown.say(line)
        if self._trials:
            shown.say(f"going on: {len(self._trials) // 2} pairs are there")
        try:
            self._write("running")
            with closing(shown), ExitStack() as stack:
                self._find_rates(shown)
                trials: Trials | None = None
                while not (judged := self._judged()).over:
                    trials = trials or stack.enter_context(ready(self._asked, shown))
                    self._pair(trials, judged.pairs, shown)
            self._write("complete", judged)
        except (Interrupted, KeyboardInterrupt):
            self._write("interrupted")
            raise
        except LoadkitError as error:
            self._write("failed", error=str(error))
            raise

    def _find_rates(self, shown: Shown) -> None:
        """Find the rates at which both sides are tried, where that is how they are compared; once a gate."""
        asked = self._asked
        if not asked.max_rate or asked.max_rate.full or self._document["rates"]:
            return
        begun = monotonic()
        self._document["rates"] = drive_gate_max.rungs(asked.max_rate, asked.sides, asked.length, self._out, shown.say)
        self._begun += monotonic() - begun  # the budget is for pairs: how long a search takes is not known beforehand
        self._write("running")

    def _judged(self) -> Judged:
        found = pairs(self._trials)
        return judge(self._design, found, last=bool(found) and self._out_of_time(len(found)))

    def _out_of_time(self, done: int) -> bool:
        """Return whether another pair would not fit into the budget; by time alone, never by what was measured."""
        budget, passed = self._asked.budget, monotonic() - self._begun
        return budget is not None and passed + passed / done > budget

    def _pair(self, trials: Trials, number: int, shown: Shown) -> None:
        for place, side in enumerate(order(self._asked.seed, number)):
            self._trials.append(self._trial(trials, number, side, place))
        self._check_alike()
        self._check_told()
        self._write("running")
        shown.say(text.pair_line(self._design, pairs(self._trials)))

    def _trial(self, trials: Trials, number: int, side: str, place: int) -> Trial:
        folder = f"{store.TRIALS}/{number:03d}-{side}"
        out, begun = self._out / folder, monotonic()
        shutil.rmtree(out, ignore_errors=True)  # of a pair that was interrupted
        started = datetime.now(UTC).isoformat(timespec="milliseconds")
        where = {"pair": number, "side": side, "place": place}
        try:
            facts = self._measured(trials, side, trial_seed(self._asked.seed, number, side), out, where)
        except LoadkitError as error:
            if not isinstance(error, Interrupted) and side not in str(error):
                raise type(error)(f"the {side}: {error}") from None
            raise
        return Trial(
            number, side, place, f"{folder}/{facts['folder']}".rstrip("/"), facts["metrics"], facts["withheld"],
            facts["limit"], started, round(monotonic() - begun, 3),
        )  # fmt: skip

    def _measured(self, trials: Trials, side: str, seed: int, out: Path, where: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the facts of one trial of a side; `folder` is where in `out` the result is that stands for it."""
        wanted, names = self._asked.max_rate, [one.metric for one in self._design.thresholds]
        if wanted and wanted.full:
            return drive_gate_max.Searched(wanted).trial(trials, side, seed, out, where)
        if wanted:
            others = [name for name in names if name != "max_rate"]
            made = drive_gate_max.AtRates(wanted, self._document["rates"], others)
            return made.trial(trials, side, seed, out, where)
        trials.trial(side, seed, out, where)
        facts = gate_host.told(load(out), names)
        failed(facts, side)
        return {**facts, "folder": ""}

    def _check_alike(self) -> None:
        """Raise UsageError where the sides differ in what no flag asked for."""
        one, other = (load(self._out / trial.folder).facts for trial in _by_side(self._trials[-2:]))
        found = differences(one, other)
        baseline, candidate = self._asked.sides
        sets = {path for text in set(baseline.sets) ^ set(candidate.sets) for path in [parse_assignment(text)[0]]}
        wrong = unasked(
            found, sets, environment=any(side.python or side.rev for side in self._asked.sides),
            scenario=any(side.rev for side in self._asked.sides) or baseline.scenario != candidate.scenario,
            target=baseline.target != candidate.target,
        )  # fmt: skip
        self._document["differences"] = [asdict(one) for one in found]
        if wrong:
            listed = "\n  ".join(one.text for one in wrong)
            raise UsageError(
                f"the sides differ in what no flag asked for:\n  {listed}\nmake them the same, or name each with "
                "--candidate-set PATH=VALUE"
            )

    def _check_told(self) -> None:
        """Raise UsageError where a side has nothing to compare: no pair after this one would have it either."""
        if len(self._trials) > 2 or self._document["calibrate"]:
            return
        for one in self._design.thresholds:
            for trial in _by_side(self._trials):
                value = trial.metrics.get(one.metric)
                if value is None:
                    why = trial.withheld.get(one.metric, "no class or topic of that name has it")
                    raise UsageError(f"--fail-if {one.text!r}: the {trial.side} has no {one.metric}: {why}")
                if one.relative and value <= 0:
                    raise UsageError(
                        f"--fail-if {one.text!r}: {one.metric} is {value:g} on the {trial.side}, and nothing is a "
                        f"share of that; give a bound in its own unit, like '{one.metric} > 1'"
                    )

    def _write(self, status: str, judged: Judged | None = None, error: str | None = None) -> None:
        answer = None
        if judged:
            answer = {
                "verdict": judged.verdict, "why": judged.why, "pairs": judged.pairs, "limited": dict(judged.limited),
                "comparisons": [asdict(one) for one in judged.comparisons],
            }  # fmt: skip
        whole = self._trials[: len(self._trials) // 2 * 2]
        self._document |= {"status": status, "trials": store.rows(whole), "answer": answer, "error": error}
        store.write(self._out, self._document)


def _by_side(trials: list[Trial]) -> list[Trial]:
    return sorted(trials, key=lambda trial: SIDES.index(trial.side))


@contextmanager
def ready(asked: Asked, shown: Shown) -> Iterator[Trials]:
    """Open what the sides run on, each target once."""
    if apart(asked.sides) or (asked.max_rate and asked.max_rate.full):
        with commands(asked.sides, asked.length, shown.say) as trials:
            yield trials
        return
    from loadkit.gate_here import here  # brings Locust, which patches sockets

    with here(asked.sides, asked.length, Counted(shown), shown.say, asked.who) as trials:
        yield trials
