"""Sink: what the generator itself can make, with nothing behind it that could be slow."""

from loadkit import ProducerUser, Topic, payloads

flood = Topic("flood", partitions=6)


class Flood(ProducerUser):
    fixed_count = 4
    topic = flood
    rate = "20M/s"
    payload = payloads.constant(size="100B")
