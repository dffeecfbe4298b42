"""Hot key: one customer sends a third of all messages; one partition and one consumer carry them."""

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

usage = Topic("usage", partitions=6)


class Collector(ProducerUser):
    fixed_count = 2
    topic = usage
    rate = "3k/s"
    key = keys.hot(1_000, share=0.33)
    payload = payloads.json_like(size="400B")
    config = {"linger.ms": 5}


class Billing(ConsumerUser):
    fixed_count = 3
    topic = usage
    process_time = "100us"
