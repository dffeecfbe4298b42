"""How long it takes to fill a new broker with its replicas."""

from __future__ import annotations

import math


def seconds(held: float, network: float, disk: float, throttle: float = math.inf) -> float:
    """Return the seconds to copy `held` bytes: held / min(throttle, spare network, spare disk).

    2 TB at the 50 MB/s of Kafka's example throttle take 11 hours (Kafka documentation, "Limiting bandwidth usage").
    """
    pace = min(network, disk, throttle)
    return 0.0 if held <= 0 else math.inf if pace <= 0 else held / pace
