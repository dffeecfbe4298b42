"""Delayed: a hundred messages a second through a proxy that holds responses back; a request for each message."""
# ruff: noqa: RUF012 (declarations, not state)

from loadkit import ProducerUser, Topic, payloads

pings = Topic("pings", partitions=6)


class Ping(ProducerUser):
    topic = pings
    rate = "100/s"
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 0}
