"""Held: the scenario has threads of its own that compute in Python all the time, and so hold the interpreter."""
# ruff: noqa: RUF012 (declarations, not state)

from gevent import monkey

from loadkit import ProducerUser, Topic, payloads

THREADS = 3

flow = Topic("flow", partitions=6)


def compute():
    while True:
        sum(range(1000))


for _ in range(THREADS):
    monkey.get_original("_thread", "start_new_thread")(compute, ())


class Flow(ProducerUser):
    topic = flow
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 5, "batch.size": 65536}
