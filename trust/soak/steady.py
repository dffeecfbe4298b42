"""A steady load that is soaked: 100,000 messages a second of 100 bytes, produced and read back.

A partition keeps 640 MiB in segments of 64 MiB, so that the topic stays well below 10 GB however long it runs.
"""
# ruff: noqa: RUF012 (declarations, not state)

from loadkit import ConsumerUser, ProducerUser, Topic, payloads

events = Topic(
    "events", partitions=6,
    config={"retention.bytes": 640 << 20, "segment.bytes": 64 << 20, "file.delete.delay.ms": 10_000},
)  # fmt: skip


class Source(ProducerUser):
    topic = events
    rate = "100k/s"
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 5, "batch.size": 65536}


class Reader(ConsumerUser):
    topic = events
