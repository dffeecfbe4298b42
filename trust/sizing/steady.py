"""A steady load whose settings `trust.sizing.prediction` varies: keys in turn, so that partitions are even."""

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

steady = Topic("steady", partitions=6)


class Sender(ProducerUser):
    fixed_count = 2
    topic = steady
    rate = "2k/s"
    key = keys.round_robin(100_000)
    payload = payloads.random(size="500B")
    config = {"linger.ms": 5, "batch.size": 65536, "compression.type": "none"}


class Reader(ConsumerUser):
    fixed_count = 1
    topic = steady
    group_id = "reader"
