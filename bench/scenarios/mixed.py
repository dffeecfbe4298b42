"""Mixed: 50,000 messages a second by two producers, all of them read by two consumers in groups of their own."""
# ruff: noqa: RUF012 (declarations, not state)

from loadkit import ConsumerUser, ProducerUser, Topic, payloads

events = Topic("events", partitions=6)


class Source(ProducerUser):
    fixed_count = 2
    topic = events
    rate = "50k/s"
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 5, "batch.size": 65536}


class Billing(ConsumerUser):
    topic = events


class Audit(ConsumerUser):
    topic = events
