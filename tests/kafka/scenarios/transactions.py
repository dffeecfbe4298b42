"""Transactions, a third of them aborted, read by a group that sees committed messages only."""

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

ledger = Topic("ledger", partitions=3)


class Bank(ProducerUser):
    fixed_count = 2
    topic = ledger
    rate = "200/s"
    key = keys.uniform(50)
    payload = payloads.constant(size="100B")
    transactions = {"messages": 50, "interval": "300ms", "abort": 0.33}


class Auditor(ConsumerUser):
    fixed_count = 2
    topic = ledger
