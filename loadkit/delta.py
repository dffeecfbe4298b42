"""What a load process tells the trial, about once a second; plain values, so that it can travel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from loadkit.integrity import Delta as Places
from loadkit.recorder import Interval, Key

Confirmed = dict[str, dict[int, Places]]
"""By topic and partition."""
Consumed = dict[str, dict[int, Places]]
"""By consuming class and partition."""


@dataclass(slots=True)
class Delta:
    """New intervals, gauge rows and places of one process."""

    worker: str
    second: int = 0
    """Seconds before this one are complete."""
    intervals: dict[Key, Interval] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    confirmed: Confirmed = field(default_factory=dict)
    consumed: Consumed = field(default_factory=dict)
    totals: dict[str, dict[str, int]] = field(default_factory=dict)
    """By producing class: due and handed over of the measured phase so far."""
    outstanding: int = 0
    """Messages due or in flight that this process still cares for; 0 when drained."""
    error: str | None = None
    gap_p99: float = 0.0
    """99th percentile of the time between polls (s): the uncertainty of `acked`."""

    def pack(self) -> dict[str, Any]:
        """Return a form of plain lists and texts."""
        return {
            "worker": self.worker, "second": self.second, "rows": self.rows, "totals": self.totals,
            "outstanding": self.outstanding, "error": self.error, "gap_p99": self.gap_p99,
            "intervals": [[second, phase, interval.pack()] for (second, phase), interval in self.intervals.items()],
            "confirmed": _pack(self.confirmed), "consumed": _pack(self.consumed),
        }  # fmt: skip

    @classmethod
    def unpack(cls, packed: dict[str, Any]) -> Delta:
        """Return the delta that `pack` wrote."""
        plain = {
            name: packed[name] for name in ("worker", "second", "rows", "totals", "outstanding", "error", "gap_p99")
        }
        intervals = {(second, phase): Interval.unpack(interval) for second, phase, interval in packed["intervals"]}
        return cls(
            **plain, intervals=intervals,
            confirmed=_unpack(packed["confirmed"]), consumed=_unpack(packed["consumed"]),
        )  # fmt: skip


def _pack(places: dict[str, dict[int, Places]]) -> list[Any]:
    return [[name, p, place.runs, place.counts] for name, by in places.items() for p, place in by.items()]


def _unpack(packed: list[Any]) -> dict[str, dict[int, Places]]:
    found: dict[str, dict[int, Places]] = {}
    for name, p, runs, counts in packed:
        found.setdefault(name, {})[p] = Places([(start, end) for start, end in runs], dict(counts))
    return found
