"""Faults that a run plans for its embedded cluster: which broker, what happens to it, when and for how long.

    kill broker 2 at 20s for 10s        its process is killed (SIGKILL), and started again when the time is over
    pause broker 1 at 5s for 3s         it stands still (SIGSTOP), and goes on
    partition broker 3 at 1m for 30s    nothing passes between it and clients or other brokers

Times count from the beginning of the measured phase. Arithmetic only: `inflict` carries them out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from loadkit.errors import UsageError, nearest
from loadkit.units import format_duration, parse_duration

VERBS = {"kill": "killed", "pause": "paused", "partition": "partitioned"}
"""What can happen to a broker, and the word for a broker to which it did."""
GRAMMAR = f"{'|'.join(VERBS)} broker N at TIME for TIME, like 'kill broker 2 at 20s for 10s'"
_TEXT = re.compile(r"(?P<verb>\S+)\s+broker\s+(?P<broker>\d+)\s+at\s+(?P<at>\S+)\s+for\s+(?P<lasts>\S+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; times in seconds, `at` counted from the beginning of the measured phase."""

    verb: str
    broker: int
    """The broker's id, from 1."""
    at: float
    lasts: float

    def __str__(self) -> str:
        """Return it without its times."""
        return f"{self.verb} broker {self.broker}"

    @property
    def end(self) -> float:
        """Return when it is over."""
        return self.at + self.lasts


def parse(texts: Sequence[str]) -> tuple[Fault, ...]:
    """Return the faults of some texts in the order of their times; UsageError shows the grammar for a wrong one."""
    return tuple(sorted(map(_parse, texts), key=lambda fault: (fault.at, fault.broker)))


def _parse(text: str) -> Fault:
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--fault {text!r} is not a fault: write {GRAMMAR}")
    if match["verb"] not in VERBS:
        hint = nearest(match["verb"], VERBS)
        raise UsageError(f"--fault {text!r}: {match['verb']!r} is no fault{hint}: write {GRAMMAR}")
    try:
        fault = Fault(match["verb"], int(match["broker"]), parse_duration(match["at"]), parse_duration(match["lasts"]))
    except ValueError as error:
        raise UsageError(f"--fault {text!r}: {error}; write {GRAMMAR}") from None
    if not fault.lasts:
        raise UsageError(f"--fault {text!r} lasts no time: write {GRAMMAR}")
    return fault


def check(faults: Sequence[Fault], brokers: int, duration: float) -> None:
    """Raise UsageError where a fault names a broker that is not there, does not fit into the measured phase (s), or
    begins while another one holds the same broker.
    """
    for fault in faults:
        if not 1 <= fault.broker <= brokers:
            there = "broker 1 alone" if brokers == 1 else f"brokers 1 to {brokers}"
            raise UsageError(f"--fault {fault}: there is no such broker; the target has {there}")
        if fault.end > duration:
            raise UsageError(
                f"--fault {fault}: it ends {format_duration(fault.end)} into the measured phase, which is "
                f"{format_duration(duration)} long: give a longer --duration, or an earlier or shorter fault"
            )
    for before, after in pairwise(sorted(faults, key=lambda fault: (fault.broker, fault.at))):
        if before.broker == after.broker and after.at < before.end:
            raise UsageError(
                f"--fault {after}: it begins at {format_duration(after.at)}, while the broker is still "
                f"{VERBS[before.verb]} until {format_duration(before.end)}: let one end before the next"
            )
