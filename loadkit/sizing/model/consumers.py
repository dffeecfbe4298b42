"""How many consumers a group needs, and how long it takes to catch up."""

from __future__ import annotations

import math

BUSY = 0.7
"""Share of a consumer's time that is planned: an M/M/1 queue at 0.7 waits 2.3 service times."""


def capacity(process_time: float, measured: float | None) -> float:
    """Return the messages a second of one consumer: 1 / process_time, at most what a client was measured to take."""
    own = math.inf if process_time <= 0 else 1 / process_time
    return own if measured is None else min(own, measured)


def needed(rate: float, average: float, each: float, outage: float, catch_up: float) -> int:
    """Return consumers for a peak rate, and for catching up after an outage while the peak goes on.

    n >= rate / (0.7 mu) and n mu >= rate + average T_out / T_catch: what came in while they were away is read within
    T_catch beside what comes in. At least 1.
    """
    steady = rate / (BUSY * each)
    drained = (rate + average * outage / catch_up) / each
    return max(1, math.ceil(max(steady, drained) - 1e-9))


def catch_up_time(rate: float, average: float, n: int, each: float, outage: float) -> float:
    """Return the seconds until n consumers have read what an outage left: T_out average / (n mu - rate)."""
    spare = n * each - rate
    backlog = outage * average
    return 0.0 if not backlog else backlog / spare if spare > 0 else math.inf


def catch_up_rate(rate: float, average: float, outage: float, catch_up: float) -> float:
    """Return what is read meanwhile (in the unit of the rates): rate + average T_out / T_catch."""
    return rate + average * outage / catch_up
