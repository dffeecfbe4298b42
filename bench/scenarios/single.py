"""Single: a thousand 100-byte messages a second, each sent at once."""
# ruff: noqa: RUF012 (declarations, not state)

from loadkit import ProducerUser, Topic, payloads

pings = Topic("pings", partitions=6)


class Ping(ProducerUser):
    topic = pings
    rate = "1k/s"
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 0, "batch.size": 65536}
