"""One producer, one partition, one reader: what stalls is plain to see."""

from loadkit import ConsumerUser, ProducerUser, Topic, payloads

ticks = Topic("ticks", partitions=1)


class Clock(ProducerUser):
    topic = ticks
    rate = "1k/s"
    payload = payloads.constant(size="100B")


class Listener(ConsumerUser):
    topic = ticks
