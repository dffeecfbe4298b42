"""Long: 100,000 messages a second of 100 bytes, produced and read back."""
# ruff: noqa: RUF012 (declarations, not state)

from loadkit import ConsumerUser, ProducerUser, Topic, payloads

events = Topic("events", partitions=6)


class Source(ProducerUser):
    topic = events
    rate = "100k/s"
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 5, "batch.size": 65536}


class Reader(ConsumerUser):
    topic = events
