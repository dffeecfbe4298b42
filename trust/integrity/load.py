"""The load of every case, whose settings the cases vary: keys in turn, so that a message's partition is known."""
# ruff: noqa: RUF012 (declarations, not state)

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

ledger = Topic("ledger", partitions=6)


class Writer(ProducerUser):
    fixed_count = 2
    topic = ledger
    rate = "600/s"
    key = keys.round_robin(60)
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 5}


class Reader(ConsumerUser):
    fixed_count = 2
    topic = ledger
    config = {"session.timeout.ms": 10_000}
