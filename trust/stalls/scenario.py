"""What `trust.stalls` runs: stamped messages at a low rate through one partition, and who reads them."""

from loadkit import ConsumerUser, ProducerUser, Topic, payloads
from trust.stalls.cases import RATE, SIZE

ticks = Topic("ticks", partitions=1)


class Clock(ProducerUser):
    topic = ticks
    rate = f"{RATE}/s"
    payload = payloads.constant(size=f"{SIZE}B")


class Listener(ConsumerUser):
    topic = ticks
