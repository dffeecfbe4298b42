"""The loop of a search: step in, trial out, until there is an answer; for `loadkit max` and at one point of a sweep.

Every trial has topics of its own, so what a failed probe leaves behind burdens none after it; on a real target the
search waits besides until a light load is as quick as it was. Killed at any instant and begun again in the same folder,
it takes its finished trials from there and goes on.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from loadkit.boundaries import NOBODY, Observer, Options
from loadkit.budget import total_bytes
from loadkit.errors import RunError, TargetError, UsageError
from loadkit.result import RESULT, load
from loadkit.scenario import Scenario
from loadkit.slo import Objective
from loadkit.summary import summarise
from loadkit.sweep import max_file
from loadkit.sweep.conclusion import Tried
from loadkit.sweep.judgement import Judged, judge, messages_needed, untellable
from loadkit.sweep.observation import Observation, observe
from loadkit.sweep.scaling import at_rate
from loadkit.sweep.search import Answer, Search, Step
from loadkit.units import format_duration, format_rate

PROBE, HOLD = 10.0, 30.0
"""Seconds of a probe and of a hold."""
ENOUGH, SHORTEST = 200_000, 4.0
"""In virtual time a probe ends after so many messages, if it has lasted so many seconds: nothing else disturbs it."""
LONGEST = 120.0
"""Seconds to which a trial is lengthened at most so that its quantiles can be told."""
COOL_SECONDS, COOL_TRIES, COOL = 3.0, 6, 1.5
"""Length and number of the light trials after an overload, and how much slower than before they may be."""

Run = Callable[[Scenario, Options], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is searched, and how."""

    scenario: Scenario
    objectives: tuple[Objective, ...]
    start: float
    """Messages a second of the first probe."""
    most: float = math.inf
    """The highest rate that the target permits."""
    probe: float | None = None
    """Seconds; None: the default."""
    hold: float | None = None
    warmup: float | None = None
    drain_timeout: float = 30.0
    virtual: bool = False
    """Whether trials run in virtual time."""
    permit: Callable[[float], None] = lambda sent: None
    """Raises UsageError where the bytes of all trials together are more than the target allows."""
    observer: Observer = NOBODY
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What each result says of the command."""

    def seconds(self, step: Step) -> float:
        """Return how long a trial measures: long enough for the quantiles that the objectives name."""
        holding = step.kind in ("hold", "over")
        given = self.hold if holding else self.probe
        length = given or (HOLD if holding else PROBE)
        if self.virtual and given is None:
            length *= max(SHORTEST / PROBE, min(1.0, ENOUGH / step.rate / PROBE))
        needed = 1.1 * messages_needed(self.objectives) / step.rate
        return float(math.ceil(max(length, min(needed, LONGEST))))


class Hunt:
    """One search in one folder."""

    def __init__(
        self, run: Run, plan: Plan, out: Path, say: Callable[[str], None], begin: Callable[[str, str], None]
    ) -> None:
        """Prepare it; `run` makes one trial, `say` takes a line for each, `begin` its name and what is to come."""
        self._run, self._plan, self._out, self._say, self._begin = run, plan, out, say, begin
        self.search = Search(plan.start, plan.most)
        self.tried: list[Tried] = []
        self.rows: list[dict[str, Any]] = []
        self._sent = 0.0
        self._took: list[float] = []

    def go(self, saved: Callable[[], None]) -> Answer:
        """Search to the end and return the answer; `saved` is called after every trial. Raises LoadkitError."""
        while step := self.search.step:
            folder = Path(max_file.TRIALS) / f"{len(self.tried):03d}-{step.kind}"
            seen, fresh = self._seen(step, folder)
            judged = judge(seen, self._plan.objectives)
            self.tried.append(Tried(step, seen, judged))
            self.rows.append(max_file.row(self.tried[-1], folder, self._plan.seconds(step)))
            self._tell(step, judged)
            saved()
            self.search.take(judged)
            if fresh and not judged.sustained and self.search.step and not self._plan.virtual:
                self._cool()
        assert self.search.answer
        return self.search.answer

    def _seen(self, step: Step, folder: Path) -> tuple[Observation, bool]:
        """Return what was seen in a trial, and whether it had to be run for that."""
        place = self._out / folder
        self._account(step)
        if _finished(place, step):
            return self._read(step, place), False
        shutil.rmtree(place, ignore_errors=True)  # a trial that was killed, or of a search that went another way
        try:
            self._trial(step, place)
        except (RunError, TargetError) as error:
            if not self.tried or self.tried[-1].seen.error:
                raise  # the target is out of reach, or stays so
            if not (place / RESULT).exists():
                return Observation(step.rate, error=str(error)), True
        return self._read(step, place), True

    def _account(self, step: Step) -> None:
        plan = self._plan
        warmup = 30.0 if plan.warmup is None and not plan.virtual else plan.warmup or 0.0
        scaled = at_rate(plan.scenario, step.rate)
        self._sent += total_bytes(scaled, warmup, plan.seconds(step), None)
        plan.permit(self._sent)

    def _trial(self, step: Step, place: Path) -> None:
        plan = self._plan
        scenario = at_rate(plan.scenario, step.rate)
        scenario = scenario.model_copy(update={"seed": scenario.seed + len(self.tried)})
        facts = {**plan.facts, "step": [step.kind, step.rate]}
        begun = monotonic()
        self._begin(f"{len(self.tried) + 1} {step.kind} {format_rate(step.rate)}", self._left())
        self._run(scenario, Options(
            out=place, duration=plan.seconds(step), warmup=plan.warmup, drain_timeout=plan.drain_timeout,
            observer=plan.observer, facts=facts,
        ))  # fmt: skip
        self._took.append(monotonic() - begun)

    def _read(self, step: Step, place: Path) -> Observation:
        result = load(place)
        seen = observe(result, summarise(result, [one.metric for one in self._plan.objectives]), step.rate)
        if not self.tried and not seen.error:
            for one in self._plan.objectives:
                if why := untellable(one, seen):
                    raise UsageError(f"--slo {one.text!r} can never be told: {why}")
        return seen

    def _tell(self, step: Step, judged: Judged) -> None:
        why = f": {judged.reasons[0]}" if judged.reasons else ""
        place = f"{len(self.tried):>2} {step.kind:<5} {format_rate(step.rate):>15}"
        self._say(f"{place} {judged.verdict}{why}; {self._left()}")

    def _left(self) -> str:
        """Return about how long the search will still take, by the time its trials took so far."""
        left = self.search.left
        if not self._took:
            return f"about {left} trials left"
        return f"about {format_duration(left * sum(self._took) / len(self._took))} left"

    def _cool(self) -> None:
        """Wait until a light load is as quick as it was before the overload."""
        clean = [one for one in self.tried if one.judged.distance <= 0 and one.seen.metrics.get("latency.p50")]
        if not clean:
            return
        light = min(clean, key=lambda one: one.step.rate)
        usual = light.seen.metrics["latency.p50"] or 0.0
        place = self._out / max_file.TRIALS / "cool"
        for _ in range(COOL_TRIES):
            shutil.rmtree(place, ignore_errors=True)
            options = Options(out=place, duration=COOL_SECONDS, warmup=1.0, facts=self._plan.facts)
            self._run(at_rate(self._plan.scenario, light.step.rate), options)
            now = summarise(load(place)).metrics.get("latency.p50") or math.inf
            shutil.rmtree(place, ignore_errors=True)
            if now <= COOL * usual:
                return
            self._say(f"   cooling: median {format_duration(now)}, {format_duration(usual)} before the overload")
        self._say("   the target is still slower than before the overload; going on")


def _finished(place: Path, step: Step) -> bool:
    """Return whether a folder holds this very trial, ended by itself."""
    if not (place / RESULT).exists():
        return False
    facts = load(place).facts
    return facts.get("step") == [step.kind, step.rate] and facts["status"] in ("complete", "failed")
