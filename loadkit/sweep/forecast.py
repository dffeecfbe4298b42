"""How long a sweep will take: a stated model before the first trial, what trials really took afterwards.

A trial takes `connect + warm-up + duration + drain`: connecting with making topics 2 s, the warm-up as given, or 12 s
where it ends by itself (it may take from 5 s to 30 s), draining with verifying 2 s. In virtual time it takes the
processor's time alone, about 1.5 s for a million messages and 0.4 s besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from loadkit.sweep.spec import MAX, Record, Sweep

CONNECT, UNTIL_FLAT, DRAIN = 2.0, 12.0, 2.0
OPENING = 20.0
"""Seconds that an embedded cluster takes to start, once its files are here, and to be loaded before its first trial."""
PROBES, HOLDS, SHORTEST = 14, 4, 3.0
"""Trials that a search takes as a rule, and the least seconds of one."""
VIRTUAL, VIRTUAL_MESSAGE = 0.4, 1.5e-6


def warmup_of(sweep: Sweep) -> float:
    """Return the seconds of warm-up to count with."""
    return UNTIL_FLAT if sweep.warmup is None else sweep.warmup


def trial_seconds(sweep: Sweep) -> float:
    """Return how long one trial takes in real time; where each is a search, the whole of one."""
    around = CONNECT + warmup_of(sweep) + DRAIN
    if sweep.objective == MAX:
        return PROBES * (around + probe_of(sweep)) + HOLDS * (around + sweep.duration)
    return around + sweep.duration


def trials_in(sweep: Sweep) -> int:
    """Return how many trials stand behind one: those of a search, or itself."""
    return PROBES + HOLDS if sweep.objective == MAX else 1


def probe_of(sweep: Sweep) -> float:
    """Return the seconds of one probe of a search whose holds last as long as the sweep says."""
    return max(SHORTEST, sweep.duration / 3)


def virtual_seconds(messages: float) -> float:
    """Return how long one trial of so many messages takes in virtual time."""
    return VIRTUAL + VIRTUAL_MESSAGE * messages


def left(modelled: float, done: Sequence[Record], steps: int) -> float:
    """Return the seconds that so many steps will take: as trials really took, or as modelled before the first.

    The median: the first trial may have started a cluster, and one that failed may have ended at once.
    """
    took = [record.seconds for record in done if record.seconds is not None and record.status == "complete"]
    return steps * (median(took) if took else modelled)
