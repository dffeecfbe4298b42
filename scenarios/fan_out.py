"""Fan-out: one topic read by three groups, one of them in need of time for each message."""

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

prices = Topic("prices", partitions=6)


class Exchange(ProducerUser):
    fixed_count = 2
    topic = prices
    rate = "2k/s"
    arrivals = "poisson"
    key = keys.uniform(5_000)
    payload = payloads.json_like(size="256B")
    config = {"linger.ms": 2}


class Dashboard(ConsumerUser):
    fixed_count = 2
    topic = prices


class Alerts(ConsumerUser):
    topic = prices
    commit = "poll"


class Ledger(ConsumerUser):
    fixed_count = 3
    topic = prices
    process_time = "200us"
