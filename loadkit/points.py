"""The grid of a sweep laid over a scenario and a target: each point's scenario, its target, and its judgement."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from loadkit.changes import with_settings
from loadkit.clusters import role_of
from loadkit.errors import ScenarioError, UsageError
from loadkit.scenario import Scenario
from loadkit.sweep.spec import VERSION, Axis, Point, Settings, number_of, point_id, settings_at, told
from loadkit.target import Target, load_target
from loadkit.targets.embedded_spec import EmbeddedSpec
from loadkit.targets.properties import normalise
from loadkit.validity import check_topic, configs_of, fault, risk

NEAREST = 2_000
"""How many points are looked at for one that is safe to be the base."""


class Points:
    """A `sweep.spec.Space`: points are made and judged when first asked for."""

    def __init__(self, axes: Sequence[Axis], scenario: Scenario, target: Target) -> None:
        """Check that every value of every axis is one of its path; UsageError naming the first that is not."""
        self.axes, self._scenario, self._target = tuple(axes), scenario, target
        self._judged: dict[int, Point] = {}
        for axis in self.axes:
            for value in axis.values:
                self._check(axis.path, value)
        self.base = self._find_base()

    def point(self, number: int) -> Point:
        """Return the point of a number, judged."""
        return replace(self._judge(number), base=number == self.base)

    def scenario(self, settings: Settings) -> Scenario:
        """Return the scenario at a point; ScenarioError where the settings do not go together."""
        return with_settings(self._scenario, ((path, v) for path, v in settings.items() if path != VERSION))

    def target(self, settings: Settings) -> Target:
        """Return the target at a point: another version of the embedded Kafka, or the one that was named."""
        if VERSION not in settings:
            return self._target
        spec = EmbeddedSpec.parse(self._target.text)
        return load_target(str(replace(spec, version=str(settings[VERSION]))))

    def _check(self, path: str, value: Any) -> None:
        """Raise UsageError where a value cannot be one of its path, whatever the others are."""
        if path == VERSION:
            if self._target.kind != "embedded":
                raise UsageError(
                    f"{path}: only the embedded Kafka has versions to choose from, not {self._target.name}"
                )
            EmbeddedSpec.parse(self.target({path: value}).text)
            return
        at = self.scenario({path: value})
        for workload in at.workloads:
            normalise(workload.config, f"{workload.name}.config", role_of(workload), ScenarioError)
        for topic in at.topics.values():
            check_topic(topic)

    def _judge(self, number: int) -> Point:
        if number not in self._judged:
            settings = settings_at(self.axes, number)
            point = Point(point_id(number), settings)
            try:
                scenario, target = self.scenario(settings), self.target(settings)
                wrong = fault(scenario, target, settings)
                danger = None if wrong else risk(scenario, target)
                point = replace(point, invalid=wrong, safe=not wrong and danger is None, unsafe_because=danger)
            except UsageError as error:
                point = replace(point, invalid=str(error), safe=False)
            self._judged[number] = point
        return self._judged[number]

    def _find_base(self) -> int:
        """Return the number of the safe, valid point that differs from the scenario in the fewest settings.

        Without a safe one, of the first that is valid. UsageError when none of those nearest is.
        """
        valid = None
        nearest = list(itertools.islice(self._by_distance(), NEAREST))
        for number in nearest:
            point = self._judge(number)
            if point.safe:
                return number
            valid = number if valid is None and not point.invalid else valid
        if valid is None:
            first = self._judge(nearest[0])
            raise UsageError(f"no point of the grid can work; the first ({told(first.settings)}): {first.invalid}")
        return valid

    def _by_distance(self) -> Iterator[int]:
        """Yield every number of the grid, those first whose settings are most like the scenario's own."""
        own = [self._own(axis) for axis in self.axes]
        for count in range(len(self.axes) + 1):
            for moved in itertools.combinations(range(len(self.axes)), count):
                choices = [
                    [i for i in range(len(axis.values)) if i != own[k]] if k in moved else [own[k]]
                    for k, axis in enumerate(self.axes)
                ]
                for digits in itertools.product(*choices):
                    yield number_of(self.axes, digits)

    def _own(self, axis: Axis) -> int:
        """Return the place of the value that the scenario or target has by itself; of the first where it has none."""
        if axis.path == VERSION:
            own = EmbeddedSpec.parse(self._target.text).version
            return next((i for i, value in enumerate(axis.values) if str(value) == own), 0)
        before = self._fingerprint({})
        alike = (i for i, value in enumerate(axis.values) if self._fingerprint({axis.path: value}) == before)
        return next(alike, 0)

    def _fingerprint(self, settings: Settings) -> Any:
        """Return what a scenario amounts to, defaults of the client written out; None where it cannot work."""
        try:
            scenario = self.scenario(settings)
            configs = configs_of(scenario, self._target)
        except UsageError:
            return None
        bare = [workload.model_copy(update={"config": configs[workload.name]}) for workload in scenario.workloads]
        return [workload.model_dump() for workload in bare], scenario.seed
