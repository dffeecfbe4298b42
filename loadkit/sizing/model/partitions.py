"""How many partitions a topic needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

FULL = 0.7
"""Share of a partition's ceiling that is planned for its hottest one."""


@dataclass(frozen=True, slots=True)
class Need:
    """Partitions that one reason asks for."""

    partitions: int
    reason: str


def even_excess(hottest_key: float, partitions: int) -> float:
    """Return the share of the hottest partition: that of the hottest key, and an even part of the rest."""
    return hottest_key + (1 - hottest_key) / partitions


def for_rate(rate: float, hottest_key: float, ceiling: float) -> int | None:
    """Return the fewest partitions with which the hottest stays within its ceiling; None when no number does.

    share = s + (1 - s) / P, and share x rate <= 0.7 ceiling: P >= (1 - s) / (0.7 ceiling / rate - s). Confluent,
    "How to choose the number of topics/partitions" (max(t/p, t/c)), with the hottest key counted.
    """
    if rate <= 0:
        return 1
    room = FULL * ceiling / rate - hottest_key
    if room <= 0:
        return 1 if hottest_key <= 0 else None
    return max(1, math.ceil((1 - hottest_key) / room - 1e-9))


SPREAD = 4
"""Partitions' worth of load that make up a broker's even share, so that no single one tips the balance."""


def for_spread(part: float, brokers: int) -> int:
    """Return the partitions of a topic with this part of all load: none has more than a quarter of a broker's.

    P >= 4 n part. A leader is moved whole: with one partition a broker, the loss of a broker gives its neighbour twice
    its load; with four, a quarter more.
    """
    return max(1, math.ceil(SPREAD * brokers * part - 1e-9))


def rounded(needed: int, brokers: int, zones: int) -> int:
    """Return partitions that spread evenly: a multiple of the brokers, or of the zones where few are needed."""
    step = brokers if needed > brokers / 2 else min(zones, brokers)
    return max(step, math.ceil(needed / step) * step)
