"""Echo: a hundred messages a second, each sent at once and awaited by a consumer."""
# ruff: noqa: RUF012 (declarations, not state)

from loadkit import ConsumerUser, ProducerUser, Topic, payloads

calls = Topic("calls", partitions=1)


class Caller(ProducerUser):
    topic = calls
    rate = "100/s"
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 0}


class Listener(ConsumerUser):
    topic = calls
