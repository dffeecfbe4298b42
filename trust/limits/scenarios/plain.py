"""Plain: one producing class at a rate that the case sets."""
# ruff: noqa: RUF012 (declarations, not state)

from loadkit import ProducerUser, Topic, payloads

flow = Topic("flow", partitions=6)


class Flow(ProducerUser):
    topic = flow
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 5, "batch.size": 65536}
