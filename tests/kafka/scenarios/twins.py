"""Twins: the same seeded messages whichever lane carries them; keyed JSON of mixed sizes, lz4, two groups' protocols."""

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads
from loadkit.payloads import sizes

twins = Topic("twins", partitions=5)


class Sender(ProducerUser):
    fixed_count = 2
    topic = twins
    rate = "2k/s"
    key = keys.zipf(500, exponent=1.1)
    payload = payloads.json_like(size=sizes.uniform("200B", "2KiB"), compressibility=0.5)
    config = {"linger.ms": 5, "compression.type": "lz4"}


class Classic(ConsumerUser):
    fixed_count = 2
    topic = twins
    commit = "poll"


class Modern(ConsumerUser):
    topic = twins
    protocol = "consumer"
