"""The independent witness: every message of a topic, read by a plain consumer that shares no code with loadkit."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from typing import NamedTuple

import confluent_kafka as ck

_STAMP = struct.Struct("<IIQq")
"""The stamp as documented: run, producer, sequence, intended instant; little-endian, in front of a constant value."""
_PATIENCE = 60.0


class Message(NamedTuple):
    """One message as it lies in the log."""

    offset: int
    producer: int
    seq: int


Log = Mapping[int, list[Message]]
"""The messages of each partition, by offset."""


def stamp_of(value: bytes) -> tuple[int, int]:
    """Return producer and sequence that a value carries."""
    _, producer, seq, _ = _STAMP.unpack_from(value)
    return producer, seq


def read(bootstrap: str, topic: str, isolation: str) -> Log:
    """Return every message of a topic; `isolation` is `read_committed` or `read_uncommitted`.

    RuntimeError where a partition's end is not reached.
    """
    consumer = ck.Consumer({
        "bootstrap.servers": bootstrap, "group.id": "witness", "enable.auto.commit": False, "check.crcs": True,
        "enable.partition.eof": True, "auto.offset.reset": "error", "isolation.level": isolation,
    })  # fmt: skip
    try:
        numbers = list(consumer.list_topics(topic, timeout=_PATIENCE).topics[topic].partitions)
        found: dict[int, list[Message]] = {number: [] for number in numbers}
        consumer.assign([ck.TopicPartition(topic, number, ck.OFFSET_BEGINNING) for number in numbers])
        _fill(consumer, found)
    finally:
        consumer.close()
    return found


def _fill(consumer: ck.Consumer, found: dict[int, list[Message]]) -> None:
    waiting, until = set(found), time.monotonic() + _PATIENCE
    while waiting:
        messages = consumer.consume(10_000, 1.0)
        if messages:
            until = time.monotonic() + _PATIENCE
        elif time.monotonic() > until:
            raise RuntimeError(f"partitions {sorted(waiting)} gave neither a message nor their end")
        for message in messages:
            error = message.error()
            if error is None:
                found[message.partition()].append(Message(message.offset(), *stamp_of(message.value())))
            elif error.code() == ck.KafkaError._PARTITION_EOF:
                waiting.discard(message.partition())
            else:
                raise RuntimeError(f"reading partition {message.partition()}: {error}")
