"""Orders: 1 KiB JSON orders keyed by customer, read by one consumer group."""

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

orders = Topic("orders", partitions=12)


class Checkout(ProducerUser):
    fixed_count = 4  # four producers share the rate
    topic = orders
    rate = "20k/s"  # for the class as a whole, however many workers run it
    key = keys.zipf(1_000_000, exponent=1.1)
    payload = payloads.json_like(size="1KiB", compressibility=0.5)
    config = {"linger.ms": 5, "batch.size": 65536, "compression.type": "lz4"}


class Billing(ConsumerUser):
    fixed_count = 3
    topic = orders
    group_id = "billing"
