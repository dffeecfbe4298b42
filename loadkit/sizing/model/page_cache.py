"""Memory of a broker."""

from __future__ import annotations

HEAP = 6 * 2**30
"""Of the broker's JVM: -Xmx6g in Kafka's documentation, "Java Version"."""
SYSTEM = 2 * 2**30
"""For the operating system and sidecars (Netflix reserves 3 GiB and 1 GiB; Kafka's own start script nothing)."""
HOT = 30.0
"""Seconds of writes to hold: "write_throughput x 30", Kafka documentation, "Memory"."""
MOST_HEAP = 0.25
"""Of a machine's memory for the heap, where it is small: the rest serves consumers from the page cache."""


def heap(memory: float) -> float:
    """Return the heap (bytes) of a broker on a machine: 6 GiB, or a quarter of a smaller one."""
    return min(HEAP, MOST_HEAP * memory)


def cache(written: float, hot: float = HOT) -> float:
    """Return the bytes of page cache that hold `hot` seconds of a broker's writes, followers' copies with them."""
    return written * hot


def system(memory: float) -> float:
    """Return what the operating system is left (bytes): 2 GiB, or an eighth of a small machine."""
    return min(SYSTEM, memory / 8)
