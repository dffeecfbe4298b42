"""Firehose: 100-byte events without keys; how much can this cluster (or this generator) take?"""

from loadkit import ProducerUser, Topic, payloads

events = Topic("events", partitions=6)


class Sensor(ProducerUser):
    topic = events
    rate = "200k/s"
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 5, "batch.size": 131072}
