"""How exactly a trial's load processes knew each other's clocks, and what that leaves of end-to-end times.

A message is due on its producer's clock and received on its consumer's, which may be any other process's: an end-to-end
time is as uncertain as the two least known clocks together. Processes of the master's host share its clock exactly and
leave no rows; a single process needs no other clock. Latency, service time and send delay are two instants of one
process each, so none of this touches them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loadkit.histogram import Histogram
from loadkit.result import Result
from loadkit.units import format_duration

SMALL = 0.1
"""The largest share of the median that the uncertainty may be for end-to-end times to be shown."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What is known of the clocks of one trial."""

    bound: float
    """The most by which an end-to-end time may be wrong (s)."""
    broken: tuple[str, ...] = ()
    """Load processes whose clock stepped or changed its pace meanwhile, so that its bound did not hold."""

    def doubt(self, series: str, whole: Histogram) -> str:
        """Return why a recorded series, of a class or not, is withheld; empty when it is not."""
        if not series.endswith("end_to_end") or not len(whole):
            return ""
        if self.broken:
            names = ", ".join(self.broken)
            return f"the clock of {names} stepped or changed its pace meanwhile, so no end-to-end time is known"
        median = whole.quantile(0.5) / 1e6
        if self.bound <= SMALL * median:
            return ""
        return (
            f"the load processes' clocks are known to ±{format_duration(self.bound)}, more than {SMALL:.0%} of the "
            f"median of {format_duration(median)}"
        )


def known(result: Result) -> Clocks:
    """Return what a trial's rows say of its clocks, from the start of the measured phase on."""
    rows = [row for phase in ("measure", "drain") for row in result.of_kind("clock", phase)]
    bounds: dict[str, float] = {row["name"]: 0.0 for row in result.of_kind("host", None)}
    for row in rows:
        bounds[row["name"]] = max(bounds.get(row["name"], 0.0), row["bound_ns"] / 1e9)
    broken = tuple(sorted({row["name"] for row in rows if row["breaks"]}))
    return Clocks(_two_largest(bounds), broken)


def _two_largest(bounds: Mapping[str, float]) -> float:
    """Return the sum of the two largest; 0 where there is but one process, whose own times need no other clock."""
    return sum(sorted(bounds.values())[-2:]) if len(bounds) > 1 else 0.0
