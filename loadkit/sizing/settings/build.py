"""From the facts of a plan to everything that is recommended."""

from __future__ import annotations

from loadkit.sizing.facts import Facts
from loadkit.sizing.settings.broker import broker
from loadkit.sizing.settings.consumer import consumers
from loadkit.sizing.settings.machine import jvm, kernel, limits
from loadkit.sizing.settings.model import Recommended
from loadkit.sizing.settings.producer import producers
from loadkit.sizing.settings.topic import topics


def build(facts: Facts) -> Recommended:
    """Return what is recommended; PlanError where a fact is no such thing."""
    return Recommended(
        facts, producers(facts), consumers(facts), topics(facts), broker(facts), jvm(facts), kernel(facts),
        limits(facts),
    )  # fmt: skip
