"""A grid whose every trial is a formula: what strategies are tried on, in no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadkit.sweep.spec import Axis, Point, Record, Settings, Step, Strategy, Sweep, point_id, settings_at, size

Metrics = Mapping[str, float | None]
Formula = Callable[[Settings, int], Metrics | None]
"""The metrics of a trial at settings and repeat; None where it fails."""


@dataclass
class World:
    """A `sweep.spec.Space`, and the trials in it."""

    axes: Sequence[Axis]
    formula: Formula
    base: int = 0
    invalid: Callable[[Settings], bool] = lambda settings: False
    unsafe: Callable[[Settings], bool] = lambda settings: False
    judged: set[int] = field(default_factory=set)

    def point(self, number: int) -> Point:
        """Return a point, judged."""
        assert 0 <= number < size(self.axes)
        self.judged.add(number)
        settings = settings_at(self.axes, number)
        wrong = "cannot work" if self.invalid(settings) else None
        safe = not wrong and not self.unsafe(settings)
        return Point(point_id(number), settings, number == self.base, safe, invalid=wrong)

    def trial(self, step: Step, place: int, seconds: float = 1.0) -> Record:
        """Return what becomes of a step."""
        assert not step.point.invalid
        metrics = self.formula(step.point.settings, step.repeat)
        status = "failed" if metrics is None else "complete"
        return Record(
            step.point.id, step.repeat, place, "", status, block=step.block, seconds=seconds, metrics=metrics or {}
        )

    def run(self, strategy: Strategy, done: Sequence[Record] = (), most: int = 10_000) -> list[Record]:
        """Return the trials of a sweep to its end."""
        records = list(done)
        while len(records) < most and (step := strategy.next(records)):
            records.append(self.trial(step, len(records)))
        return records


def axes(**values: Sequence[Any]) -> tuple[Axis, ...]:
    """Return axes by name."""
    return tuple(Axis(name, tuple(several)) for name, several in values.items())


def budgeted(world: World, seconds: float, **fields: Any) -> Sweep:
    """Return the sweep of a world within a budget."""
    return Sweep(tuple(world.axes), budget=seconds, **fields)
