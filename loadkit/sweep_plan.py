"""A sweep before its first trial: scenario, target and grid brought together, and what it will cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from loadkit.budget import total_bytes
from loadkit.changes import changed
from loadkit.errors import UsageError
from loadkit.points import Points
from loadkit.scenario import Scenario
from loadkit.scenario_file import ScenarioFile, load_scenario
from loadkit.session import virtual
from loadkit.site import permit
from loadkit.sweep import forecast
from loadkit.sweep.budget import strategy_for
from loadkit.sweep.request import Asked, check_owners
from loadkit.sweep.spec import MAX, VERSION, Record, Step, Strategy, Sweep, told
from loadkit.target import check_limits, load_target


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a sweep needs to know."""

    asked: Asked
    file: ScenarioFile
    """Its scenario with the settings that all points share."""
    points: Points
    strategy: Strategy

    @property
    def sweep(self) -> Sweep:
        """The sweep as it was asked for."""
        return self.asked.sweep

    @property
    def model(self) -> str:
        """How the time was reckoned, in words."""
        if self.sweep.objective == MAX:
            return f"a search at each point takes about {forecast.PROBES} probes and {forecast.HOLDS} holds"
        if virtual(self.asked.target):
            return "virtual time: 0.4 s a trial and 1.5 s a million messages"
        warmup = "12 s of warm-up (until flat: 5 to 30 s)" if self.sweep.warmup is None else "warm-up"
        opening = f", {forecast.OPENING:.0f} s for each start of the cluster" if _embedded(self.asked) else ""
        return f"connect 2 s + {warmup} + duration + drain 2 s a trial{opening}"

    def scenario(self, step: Step) -> Scenario:
        """Return the scenario of a trial: each repeat has a seed of its own, the same one for all points of a block."""
        scenario = self.points.scenario(step.point.settings)
        return scenario.model_copy(update={"seed": scenario.seed + step.repeat})

    @property
    def changes_target(self) -> bool:
        """Whether points are on different targets."""
        return any(axis.path == VERSION for axis in self.sweep.axes)

    def bytes_of(self, steps: Sequence[Step]) -> float:
        """Return the bytes that so many trials send at most, before compression and replication."""
        warmup = 0.0 if virtual(self.asked.target) else forecast.warmup_of(self.sweep)
        sizes: dict[str, float] = {}
        for step in steps:
            if step.point.id not in sizes:
                scenario = self.points.scenario(step.point.settings)
                once = total_bytes(scenario, warmup, self.sweep.duration, None)
                sizes[step.point.id] = once * forecast.trials_in(self.sweep)
        return sum(sizes[step.point.id] for step in steps)

    def seconds_left(self, done: Sequence[Record] = ()) -> float:
        """Return how long the trials to come will take, those not settled yet as long as the others."""
        steps = self.strategy.steps(done)
        each = _seconds(self.asked, self.points, steps, done) / max(1, len(steps))
        return each * self.strategy.left(done)

    def bytes_left(self) -> float:
        """Return the bytes that a whole sweep sends at most, trials not settled yet as many as the others."""
        steps = self.strategy.steps(())
        return self.bytes_of(steps) / max(1, len(steps)) * self.strategy.left(())


def planned(asked: Asked) -> Plan:
    """Return the plan of a sweep; UsageError for whatever about it cannot work."""
    file = load_scenario(asked.scenario)
    scenario = changed(file.scenario, asked.sweep.sets)
    check_owners(asked.sweep, [*(w.name for w in scenario.workloads), *scenario.topics])
    points = Points(asked.sweep.axes, scenario, load_target(asked.target))
    strategy = strategy_for(asked.sweep, points, lambda steps: _seconds(asked, points, steps))
    plan = Plan(asked, replace(file, scenario=scenario), points, strategy)
    _check_limits(plan)
    return plan


def _seconds(asked: Asked, points: Points, steps: Sequence[Step], done: Sequence[Record] = ()) -> float:
    """Return how long so many trials will take."""
    if not virtual(asked.target):
        trials = forecast.left(forecast.trial_seconds(asked.sweep), done, len(steps))
        return trials + forecast.OPENING * max(0, _openings(points, steps) - bool(done))
    messages = [sum(w.rate for w in points.scenario(step.point.settings).producers) for step in steps[:100]]
    typical = sum(messages) / max(1, len(messages)) * asked.sweep.duration
    each = forecast.virtual_seconds(typical) * forecast.trials_in(asked.sweep)
    return forecast.left(each, done, len(steps))


def _embedded(asked: Asked) -> bool:
    return load_target(asked.target).kind == "embedded"


def _openings(points: Points, steps: Sequence[Step]) -> int:
    """Return how often an embedded cluster is started: once, and for each change of version."""
    targets = [points.target(step.point.settings) for step in steps]
    return len(list(groupby(target.text for target in targets if target.kind == "embedded")))


def _check_limits(plan: Plan) -> None:
    """Raise UsageError where a valid point, or all trials together, are more than the target's file allows."""
    steps = plan.strategy.steps(())
    for point in {step.point.id: step.point for step in steps}.values():
        try:
            permit(plan.points.target(point.settings), plan.points.scenario(point.settings))
        except UsageError as error:
            raise UsageError(f"{told(point.settings)}: {error}") from None
    check_limits(load_target(plan.asked.target), 0, plan.bytes_left(), 0)
