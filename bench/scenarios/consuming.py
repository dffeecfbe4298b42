"""Consuming: a topic is filled for ten seconds while its consumer is paused, which then drains it alone."""
# ruff: noqa: RUF012 (declarations, not state)

from loadkit import ConsumerUser, Pause, ProducerUser, Topic, payloads, shapes

backlog = Topic("backlog", partitions=6)


class Filler(ProducerUser):
    topic = backlog
    rate = "300k/s"
    shape = shapes.points([("0s", 1), ("10s", 1), ("10s", 0)])
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 5, "batch.size": 65536}


class Drainer(ConsumerUser):
    topic = backlog
    pause = Pause(at=0, length=14)
