"""One topic read by a classic group, a KIP-848 group and a share group."""

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

events = Topic("events", partitions=4)


class Source(ProducerUser):
    fixed_count = 2
    topic = events
    rate = "400/s"
    key = keys.uniform(50)
    payload = payloads.json_like(size="200B")


class Classic(ConsumerUser):
    fixed_count = 2
    topic = events


class Modern(ConsumerUser):
    fixed_count = 2
    topic = events
    protocol = "consumer"
    commit = "poll"


class Shared(ConsumerUser):
    fixed_count = 2
    topic = events
    protocol = "share"
