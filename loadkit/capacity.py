"""What one load process makes by size and setting: what `loadkit calibrate` measures, and how it is looked up; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from loadkit.units import format_size

SLACK = 1.1
"""How far a size may lie outside of the calibrated ones and count as calibrated."""
CLASS = "Flood"
"""The class that a calibration runs."""
BEYOND = 2.0
"""How far it may lie outside and still be compared with the nearest calibrated one."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What decides, besides the size, how many messages a process makes."""

    lane: str
    """`fast`, `standard` or `sink`."""
    payload: str = "constant"
    """The kind of payload."""
    keyed: bool = False
    compression: str = "none"
    more: tuple[str, ...] = ()
    """What costs besides, in words: `TLS`, `transactions`, `headers`, `mixed sizes`."""

    def __str__(self) -> str:
        """Return it in words."""
        parts = [f"{self.lane} lane", f"{self.payload} values {'with' if self.keyed else 'without'} keys"]
        parts += [] if self.compression == "none" else [self.compression]
        return ", ".join([*parts, *self.more])

    def apart(self, other: Setting) -> int:
        """Return in how many things two settings of one lane differ."""
        pairs = (self.payload, other.payload), (self.keyed, other.keyed), (self.compression, other.compression)
        return sum(one != another for one, another in pairs) + len({*self.more} ^ {*other.more})


TYPICAL = Setting("fast", "json_like", True, "lz4")
"""What most services send."""


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: so many messages a second of so many bytes at a setting, flat out."""

    setting: Setting
    size: float
    rate: float
    cpu: float | None = None
    """CPU seconds a message, of the whole process."""

    def facts(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {**asdict(self.setting), "size": self.size, "rate": self.rate, "cpu": self.cpu}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Point:
        """Return what `facts` gave. Raises KeyError or TypeError for what it did not."""
        told = dict(stored)
        size, rate, cpu = told.pop("size"), told.pop("rate"), told.pop("cpu")
        return cls(Setting(**{**told, "more": tuple(told["more"])}), float(size), float(rate), cpu)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a process makes of messages of one size at one setting."""

    rate: float
    """Messages a second."""
    exact: bool
    """Whether the setting and the size were calibrated; else it is that of the nearest."""
    text: str
    """The setting it is of, in words."""
    cpu: float | None = None
    """CPU seconds a message, of the whole process; None where it was not measured."""


def settings(quick: bool) -> tuple[tuple[Setting, tuple[int, ...]], ...]:
    """Return what is measured: settings, each with its sizes in bytes."""
    small, large = (100, 1024, 10_240), (100, 1024, 10_240, 102_400)
    plain = (Setting("fast"), large), (TYPICAL, small), (Setting("sink"), small)
    if quick:
        return tuple((setting, sizes[:3:2] if setting.lane == "sink" else sizes[:3]) for setting, sizes in plain)
    return (
        *plain,
        (Setting("fast", keyed=True), small),
        (Setting("fast", "json_like"), small),
        (Setting("fast", "json_like", compression="lz4"), small),
        (Setting("fast", "json_like", keyed=True), small),
        (Setting("sink", "json_like", keyed=True), small),
        (Setting("standard"), small),
        (replace(TYPICAL, lane="standard"), small),
    )


def changes(setting: Setting, size: int) -> list[tuple[str, Any]]:
    """Return the settings (paths and values) of a class called `CLASS` that make a point of a calibration."""
    lane = "standard" if setting.lane == "standard" else "auto"
    return [
        (f"{CLASS}.payload", {"kind": setting.payload, "size": size}),
        (f"{CLASS}.key", {"kind": "zipf", "n": 1_000_000, "exponent": 1.1} if setting.keyed else {"kind": "none"}),
        (f"{CLASS}.lane", lane),
        (f"{CLASS}.config.compression.type", setting.compression),
    ]


def capacity(points: Sequence[Point], setting: Setting, size: float) -> Capacity | None:
    """Return what a process makes of messages of so many bytes: by log-log interpolation over the calibrated sizes.

    The nearest setting of the same lane stands in where the setting itself was not calibrated. None where none fits:
    no setting of that lane, or a size more than twice beyond all that were calibrated.
    """
    sizes: dict[Setting, list[float]] = {}
    for point in points:
        if point.setting.lane == setting.lane and point.rate > 0:
            sizes.setdefault(point.setting, []).append(point.size)
    near = [one for one, known in sizes.items() if min(known) / BEYOND <= size <= max(known) * BEYOND]
    if not near:
        return None
    nearest = min(near, key=setting.apart)
    known = sorted((p.size, p.rate) for p in points if p.setting == nearest and p.rate > 0)
    inside = known[0][0] / SLACK <= size <= known[-1][0] * SLACK
    text = f"{format_size(size)} by {nearest}"
    spent = sorted((p.size, p.cpu) for p in points if p.setting == nearest and p.cpu)
    return Capacity(
        _between(known, size), nearest == setting and inside, text, _between(spent, size) if spent else None
    )


def _between(known: Sequence[tuple[float, float]], size: float) -> float:
    """Return the figure at a size, linear in the logarithms of both; beyond the ends that of the nearest end."""
    if size <= known[0][0]:
        return known[0][1]
    for (low, slow), (high, fast) in pairwise(known):
        if size <= high:
            share = math.log(size / low) / math.log(high / low)
            return math.exp(math.log(slow) + share * math.log(fast / slow))
    return known[-1][1]
