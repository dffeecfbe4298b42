"""How much a run will send, known before it begins. Arithmetic only."""

from __future__ import annotations

from loadkit.pacer import pacer
from loadkit.scenario import ProducerWorkload, Scenario


def first_rate(workload: ProducerWorkload) -> float:
    """Return the rate of the warm-up: that with which the schedule begins, or the class's where that is 0."""
    return workload.shape.knots(workload.rate)[0][1] or workload.rate


def peak_bytes(scenario: Scenario) -> float:
    """Return the offered bytes a second at the peak of every shape."""
    return sum(max(rate for _, rate in w.shape.knots(w.rate)) * w.mean_size for w in scenario.producers)


def partitions_made(scenario: Scenario) -> int:
    """Return how many partitions the scenario's own topics have."""
    return sum(topic.partitions for topic in scenario.topics.values() if not topic.existing)


def total_bytes(scenario: Scenario, warmup: float, duration: float | None, messages: int | None) -> float:
    """Return the bytes that a run sends at most, before compression; without an end, those of the warm-up."""
    found = 0.0
    for workload in scenario.producers:
        count = first_rate(workload) * warmup + workload.topic.partitions * workload.fixed_count
        if messages is not None:
            count += messages * workload.rate / sum(w.rate for w in scenario.producers)
        elif duration is not None:
            whole = pacer(workload.rate, workload.shape, "even", 0, 1, scenario.seed)
            count += whole.due(round(duration * 1e9))
        found += count * workload.mean_size
    return found
