"""Ticks: five hundred messages of 1 KiB a second to one partition, so that there is one connection to watch."""

from loadkit import ProducerUser, Topic, keys, payloads

ticks = Topic("ticks", partitions=1)


class Clock(ProducerUser):
    topic = ticks
    rate = "500/s"
    key = keys.round_robin(64)
    payload = payloads.random(size="1KiB")
