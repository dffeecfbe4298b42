"""The clock of a run: the master's monotonic clock, as this process reads it, in nanoseconds.

Every instant of a load process is a reading of `now_ns`. On the master's own host that is the monotonic clock itself,
which all its processes share. Elsewhere it is this host's monotonic clock plus the offset that was measured
(`offset.py`, `swarm_clock.py`), so instants of all processes compare, each within the bound that `told` gives. It is
moved by changing its pace a little, never by a step while a run is under way: a time between two readings of one
process is true to the difference in pace and `offset.FASTEST`, whatever the offset.

Always read as `clock.now_ns()`: what it is bound to changes (`swarm_clock.py` alone does that).

For tests, `LOADKIT_CLOCK="offset=5ms,drift=100ppm"` skews and drifts this process's clock: `offset` (a duration, may be
negative) is added, and `drift` times the machine's monotonic clock. Each row of a result that it touches says so.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from typing import Any

from loadkit.errors import UsageError
from loadkit.units import parse_duration

Source = Callable[[], int]
"""Returns nanoseconds of a monotonic clock."""
INJECTED = os.environ.get("LOADKIT_CLOCK", "")
"""How this process's clock is skewed; empty unless a test does."""
BILLION = 10**9


def skewed(text: str) -> tuple[int, int]:
    """Return offset (ns) and drift (parts per billion) of `LOADKIT_CLOCK`; UsageError when it is none."""
    found = {"offset": 0, "drift": 0}
    for part in filter(None, text.split(",")):
        name, _, value = part.strip().partition("=")
        sign = -1 if value.startswith("-") else 1
        try:
            if name == "offset":
                found[name] = sign * round(parse_duration(value.lstrip("-")) * BILLION)
            elif name == "drift" and value.endswith("ppm"):
                found[name] = round(float(value.removesuffix("ppm")) * 1000)
            else:
                raise ValueError
        except ValueError:
            raise UsageError(f"LOADKIT_CLOCK: {part!r} is not offset=DURATION or drift=NUMBERppm") from None
    return found["offset"], found["drift"]


def _source(text: str) -> Source:
    if not text:
        return monotonic_ns
    offset, drift = skewed(text)

    def read() -> int:
        now = monotonic_ns()
        return now + offset + now * drift // BILLION

    return read


raw_ns: Source = _source(INJECTED)
"""This host's monotonic clock."""
now_ns: Source = raw_ns
"""The run's clock."""


def _shared() -> dict[str, Any] | None:
    return None


told: Callable[[], dict[str, Any] | None] = _shared
"""Returns what is known of this process's reading of the run's clock since the last call, as a row of kind `clock` has
it; None where it is the master's own clock."""


@dataclass(frozen=True, slots=True)
class Course:
    """How the run's clock goes beside the raw one: from `since_ns` (raw) on, at which it is `offset_ns` ahead of it."""

    since_ns: int
    offset_ns: int
    parts: int
    """By how much it goes faster, in parts per billion."""

    def offset_at(self, raw: int) -> int:
        """Return how far ahead it is at an instant of the raw clock (ns)."""
        return self.offset_ns + (raw - self.since_ns) * self.parts // BILLION

    def source(self, raw: Source) -> Source:
        """Return what reads the run's clock, given what reads the raw one."""

        def now() -> int:
            at = raw()
            return at + self.offset_at(at)

        return now


def mark() -> str:
    """Return what is the same for all processes that share this one's raw clock: a boot, a time namespace, a skew."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = platform.node()
    try:
        space = os.readlink("/proc/self/ns/time")
    except OSError:  # no such system, or a kernel without them
        space = ""
    return " ".join(filter(None, (boot, space, INJECTED)))
