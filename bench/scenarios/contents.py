"""Contents: like producing, the same mean size by other keys and payloads."""
# ruff: noqa: RUF012 (declarations, not state)

from loadkit import ProducerUser, Topic, payloads

flood = Topic("flood", partitions=6)


class Flood(ProducerUser):
    topic = flood
    rate = "5M/s"
    payload = payloads.constant(size="256B")
    config = {"linger.ms": 5, "batch.size": 65536}
