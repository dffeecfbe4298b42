"""Both: 100-byte messages, far more due than anything can take, read back by a process of its own."""
# ruff: noqa: RUF012 (declarations, not state)

from loadkit import ConsumerUser, ProducerUser, Topic, payloads

flood = Topic("flood", partitions=6)


class Flood(ProducerUser):
    topic = flood
    rate = "5M/s"
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 5, "batch.size": 65536}


class Drainer(ConsumerUser):
    topic = flood
