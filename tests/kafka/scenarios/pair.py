"""Two producing classes of unequal rates on one topic, one of them Poisson."""

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

events = Topic("events", partitions=4)


class Left(ProducerUser):
    fixed_count = 3
    topic = events
    rate = "900/s"
    arrivals = "poisson"
    key = keys.uniform(100)
    payload = payloads.json_like(size="200B")


class Right(ProducerUser):
    fixed_count = 2
    topic = events
    rate = "350/s"
    payload = payloads.json_like(size="200B")


class Reader(ConsumerUser):
    fixed_count = 2
    topic = events
