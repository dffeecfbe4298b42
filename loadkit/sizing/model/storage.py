"""Bytes at rest."""

from __future__ import annotations

INDEX = 0.02
"""Of the data, for offset and time indexes (duckkit.dev; an entry of 8 + 12 bytes for each 4 KiB: 0.5 % and more)."""
SEGMENT = 2**30
"""log.segment.bytes of Kafka: retention deletes whole closed segments, so one more is held of each replica."""
DIRTY = 0.5
"""min.cleanable.dirty.ratio of Kafka: a compacted log is cleaned when half of it is superseded."""


def kept(write_average: float, retention: float, partitions: int, per_partition: float | None = None) -> float:
    """Return the bytes of one copy of a topic that deletes by age or size: W_avg T, at most limit x partitions."""
    by_time = write_average * retention
    return by_time if per_partition is None else min(by_time, per_partition * partitions)


def compacted(keys: float, size: float) -> float:
    """Return the bytes of one copy of a compacted topic: live keys x size / (1 - dirty ratio).

    Kafka documentation, "Log compaction": up to min.cleanable.dirty.ratio of a log is superseded records.
    """
    return keys * size / (1 - DIRTY)


def with_overhead(kept_bytes: float, partitions: int, copies: int, segment: float = SEGMENT) -> float:
    """Return the bytes of all copies of a topic: RF (data (1 + indexes) + one open segment a partition).

    The open segment counts no more than the data itself: a topic that holds little has small segments.
    """
    return copies * (kept_bytes * (1 + INDEX) + min(partitions * segment, kept_bytes))
