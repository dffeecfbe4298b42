"""Large messages: documents from 10 KiB to 900 KiB, most of them small, compressed by zstd."""

from loadkit import ConsumerUser, ProducerUser, Topic, payloads, sizes

documents = Topic("documents", partitions=6, config={"max.message.bytes": 1_048_576})


class Scanner(ProducerUser):
    fixed_count = 2
    topic = documents
    rate = "50/s"
    payload = payloads.random(size=sizes.lognormal(median="40KiB", sigma=1.2, max="900KiB"), compressibility=0.3)
    config = {"linger.ms": 10, "batch.size": 1_000_000, "compression.type": "zstd"}


class Archive(ConsumerUser):
    fixed_count = 2
    topic = documents
    config = {"fetch.max.bytes": 52_428_800}
