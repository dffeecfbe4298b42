"""Spike: a steady rate that is five times as high for a few seconds; how long until latency and lag are back?"""

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads, shapes

clicks = Topic("clicks", partitions=6)


class Web(ProducerUser):
    fixed_count = 2
    topic = clicks
    rate = "2k/s"
    shape = shapes.spike(factor=5, at="5s", duration="3s")
    arrivals = "poisson"
    key = keys.uniform(100_000)
    payload = payloads.json_like(size="300B")
    config = {"linger.ms": 5}


class Sessions(ConsumerUser):
    fixed_count = 2
    topic = clicks
