"""Backlog: consumers start late; how fast do they drain, and what does it cost the producers?"""

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

readings = Topic("readings", partitions=6)


class Meter(ProducerUser):
    fixed_count = 2
    topic = readings
    rate = "5k/s"
    key = keys.round_robin(10_000)
    payload = payloads.json_like(size="512B")
    config = {"linger.ms": 10, "compression.type": "lz4"}


class Loader(ConsumerUser):
    fixed_count = 2
    topic = readings
    start = "5s"  # joins five seconds into the measured phase
