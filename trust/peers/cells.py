"""What is compared: on how many nodes, with which messages, and how much of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

Mode = Literal["flat", "rate", "echo", "drain"]
SIZES, NODES = (100, 1024, 10_240), (1, 3)
RATES = {1: {100: 20_000, 1024: 10_000, 10_240: 2_500}, 3: {100: 2_500, 1024: 2_500, 10_240: 1_000}}
"""Messages a second at which percentiles are compared, by nodes and bytes: low, so that two cores that brokers and
generator share carry them."""
COUNTED = 10_000
"""Messages that p99.9 takes: a run at a low rate is as long as they need."""
WARMUP, FLAT, STEADY = 2.0, 3.0, 5.0
"""Seconds of warm-up, of a flat-out run and, at least, of a run at a rate."""
ECHOES = 1200
"""Messages of an echo, one at a time: as many as p99 takes."""
LOADKIT = "loadkit"
PEERS: dict[Mode, str] = {
    "flat": "kafka-producer-perf-test", "rate": "kafka-producer-perf-test", "echo": "EndToEndLatency",
    "drain": "kafka-consumer-perf-test",
}  # fmt: skip
FIGURES: dict[Mode, tuple[str, ...]] = {
    "flat": ("rate", "cpu"), "rate": ("p50", "p99", "p99.9", "cpu"), "echo": ("p50", "p99"), "drain": ("rate",),
}  # fmt: skip
"""What of each is compared as a ratio."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One comparison."""

    nodes: int
    size: int
    mode: Mode

    @property
    def key(self) -> str:
        """Return its name in files."""
        return f"{self.mode} {self.size} B {self.nodes}"

    @property
    def rate(self) -> int | None:
        """Return the messages a second that both are asked for; None where each goes as fast as it can."""
        return RATES[self.nodes][self.size] if self.mode == "rate" else None

    @property
    def seconds(self) -> float:
        """Return the length of a run that produces."""
        return max(STEADY, COUNTED / self.rate) if self.rate else FLAT


def cells(nodes: int) -> list[Cell]:
    """Return the comparisons on a cluster."""
    made = [Cell(nodes, size, mode) for size, mode in itertools.product(SIZES, ("flat", "rate"))]  # type: ignore[arg-type]
    made.append(Cell(nodes, 100, "echo"))
    return [*made, Cell(nodes, 100, "drain")] if nodes == 1 else made


ALL = tuple(cell for nodes in NODES for cell in cells(nodes))
QUICK = (Cell(1, 100, "flat"), Cell(1, 100, "rate"))


def size_text(size: int) -> str:
    """Return a size as people write it."""
    return f"{size} B" if size < 1024 else f"{size // 1024} KiB"
