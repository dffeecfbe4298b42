"""What `trust.stalls` runs: a thousand stamped messages of 100 B a second through one partition, and who reads them."""

from loadkit import ConsumerUser, ProducerUser, Topic, payloads

ticks = Topic("ticks", partitions=1)


class Clock(ProducerUser):
    topic = ticks
    rate = "1k/s"
    payload = payloads.constant(size="100B")


class Listener(ConsumerUser):
    topic = ticks
