"""A scenario at another total rate: every producing class scaled by one factor, its shape with it."""

from __future__ import annotations

from typing import Any

from loadkit.errors import ScenarioError
from loadkit.scenario import ProducerWorkload, Scenario
from loadkit.shapes import Shape
from loadkit.units import parse_rate


def total_rate(scenario: Scenario) -> float:
    """Return the messages a second that all classes produce together at their declared rates.

    A shape multiplies a class's rate over time, so the total of a scenario with a spike is that beside the spike. A
    class whose shape is made of rates of its own counts with the highest of them: its `rate` is never offered.
    """
    return sum(_reference(workload) for workload in scenario.producers)


def at_rate(scenario: Scenario, total: float) -> Scenario:
    """Return the scenario at a total rate (msg/s), the shares of its classes and the form of their shapes unchanged."""
    before = total_rate(scenario)
    if before <= 0:
        raise ScenarioError(
            f"{scenario.name}: no class of it produces at a rate above 0, so there is no rate to search"
        )
    producers = tuple(_scaled(workload, total / before) for workload in scenario.producers)
    return scenario.model_copy(update={"producers": producers})


def _reference(workload: ProducerWorkload) -> float:
    knots = workload.shape.knots(workload.rate)
    if knots == workload.shape.knots(2 * workload.rate + 1):  # the class's rate has no say
        return max(rate for _, rate in knots)
    return workload.rate


def _scaled(workload: ProducerWorkload, factor: float) -> ProducerWorkload:
    return workload.model_copy(update={"rate": workload.rate * factor, "shape": _shape(workload.shape, factor)})


def _shape(shape: Shape, factor: float) -> Shape:
    """Return a shape whose levels that are rates of their own are scaled; multiples of the class's rate follow it."""
    fields = {name: getattr(shape, name) for name in type(shape).model_fields if name != "kind"}
    return shape.model_copy(update={name: _level(value, factor) for name, value in fields.items()})


def _level(value: Any, factor: float) -> Any:
    if isinstance(value, tuple):
        return tuple(_level(item, factor) for item in value)
    return f"{parse_rate(value) * factor!r}/s" if isinstance(value, str) else value
