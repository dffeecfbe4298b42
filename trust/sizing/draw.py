"""Random requirements, and ceilings measured with noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from loadkit.sizing.ceilings import Measured
from loadkit.sizing.interval import Z90, Interval
from loadkit.sizing.requirements import Requirements, parse
from trust.sizing.truth import Truth

SHAPE = "broker"


def requirements(rng: np.random.Generator) -> Requirements:
    """Return the requirements of one to three topics, whose peak takes from three brokers to some dozens."""
    topics = []
    for at in range(int(rng.integers(1, 4))):
        peak = float(10 ** rng.uniform(3.3, 5.0))
        topics.append({
            "name": f"t{at}", "rate": peak * float(rng.uniform(0.2, 0.9)), "peak": peak,
            "size": int(10 ** rng.uniform(2, 3.6)), "compression": float(rng.uniform(1, 4)),
            "hottest_key": float(rng.choice([0.0, 0.001, 0.01])), "retention": "1d",
            "groups": [_group(i, rng) for i in range(int(rng.integers(0, 4)))],
        })  # fmt: skip
    zones = int(rng.choice([1, 3]))
    shape = {
        "name": SHAPE,
        "cores": 64,
        "memory": "256GiB",
        "network": "12GB/s",
        "disk": "100TB",
        "disk_write": "12GB/s",
    }
    document: dict[str, Any] = {
        "name": "random", "topics": topics,
        "platform": {"kind": "self-managed", "zones": zones, "shapes": [shape]},
        "growth": {"per_month": float(rng.uniform(0, 0.05)), "horizon_months": int(rng.integers(0, 25))},
        "survive": {"outage": "30m", "catch_up": "2h"},
    }  # fmt: skip
    return parse(document)


def _group(at: int, rng: np.random.Generator) -> dict[str, Any]:
    return {"name": f"g{at}", "process_time": float(10 ** rng.uniform(-5.5, -4))}


def truth(rng: np.random.Generator) -> Truth:
    """Return the ceilings of a broker: either may be the one that binds."""
    return Truth(work=float(10 ** rng.uniform(7.5, 8.3)), messages=float(10 ** rng.uniform(4.3, 5.3)))


def measured(found: Truth, noise: float, rng: np.random.Generator) -> Measured:
    """Return each ceiling as measured once with a noise (standard deviation, lognormal), and its 90 % interval."""

    def seen(value: float) -> Interval:
        mid, half = value * math.exp(rng.normal(0, noise)), math.exp(Z90 * noise)
        return Interval(mid / half, mid, mid * half)

    return Measured("simulated", shape=SHAPE, brokers=100, work=seen(found.work), messages=seen(found.messages))


def exact(found: Truth) -> Measured:
    """Return the true ceilings."""
    ends = [Interval(value, value, value) for value in (found.work, found.messages)]
    return Measured("truth", shape=SHAPE, brokers=100, work=ends[0], messages=ends[1])
