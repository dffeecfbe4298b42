"""What a broker's JVM and operating system are recommended."""

from __future__ import annotations

import math

from loadkit.sizing.facts import Facts
from loadkit.sizing.settings.model import Setting

_SEGMENT = 2**30
_LEAST_MAPS = 262_144
_LEAST_FILES = 100_000
_AREAS = 2
"""Memory map areas that one segment takes: its two indexes."""
_SHARE = 0.8


def replicas(facts: Facts) -> int:
    """Return the replicas on one broker when those that may be lost are lost."""
    total = sum(topic.partitions for topic in facts.topics) * facts.replication_factor
    return math.ceil(total / max(1, facts.brokers - facts.brokers_lost))


def segments(facts: Facts) -> int:
    """Return the most log segments on one broker: its disk full of whole ones, and the open one of each replica."""
    return math.ceil(facts.broker.disk_bytes / _SEGMENT) + replicas(facts)


def jvm(facts: Facts) -> tuple[Setting, ...]:
    """Return the JVM's options by name."""
    mebibytes = facts.broker.heap_bytes // 2**20
    return (
        Setting("-Xms", f"{mebibytes}m", "the whole heap from the beginning: no growing under load"),
        Setting("-Xmx", f"{mebibytes}m", "what the plan leaves to the heap; the rest of the memory is page cache",
                "page cache, which keeps reads off the disk"),
        Setting("-XX:", "+UseG1GC", "short pauses (Kafka's own choice)"),
        Setting("-XX:", "MaxGCPauseMillis=20", "the pause that G1 aims at (Kafka's documentation, Java version)"),
        Setting("-XX:", "InitiatingHeapOccupancyPercent=35", "marking begins early enough (Kafka's documentation)"),
        Setting("-XX:", "+ExitOnOutOfMemoryError", "a broker without memory ends and is restarted, not half alive"),
    )  # fmt: skip


def kernel(facts: Facts) -> tuple[Setting, ...]:
    """Return what sysctl sets."""
    maps = max(_LEAST_MAPS, math.ceil(_AREAS * segments(facts) / _SHARE))
    return (
        Setting("vm.max_map_count", str(maps), f"{_AREAS} areas for each of up to {segments(facts)} segments, a fifth "
                "free: a broker that runs out of areas crashes"),
        Setting("vm.swappiness", "1", "a broker that is swapped out misses its session"),
        Setting("vm.dirty_background_ratio", "5", "writing back begins early and in small parts"),
        Setting("vm.dirty_ratio", "60", "producers are not stopped by one large flush"),
        Setting("net.core.rmem_max", "2097152", "receive buffers for connections between zones"),
        Setting("net.core.wmem_max", "2097152", "send buffers for connections between zones"),
    )  # fmt: skip


def limits(facts: Facts) -> tuple[Setting, ...]:
    """Return the limits of the broker's service unit."""
    files = max(_LEAST_FILES, 4 * segments(facts) + _LEAST_FILES // 2)
    return (
        Setting("LimitNOFILE", str(files), f"files of up to {segments(facts)} segments, and connections"),
        Setting("LimitMEMLOCK", "infinity", "the heap may be locked"),
    )
