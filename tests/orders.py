"""What `scenarios/orders.py` declares, made without Locust, which would patch threads and sockets of the whole test run."""

from __future__ import annotations

from loadkit import Topic, keys, payloads
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Scenario, declare

CONFIG = {"linger.ms": 5, "batch.size": 65536, "compression.type": "lz4"}


def orders() -> Scenario:
    """Return the scenario."""
    topic = Topic("orders", partitions=12)
    checkout = {"name": "Checkout", "topic": topic, "fixed_count": 4, "rate": "20k/s", "config": CONFIG,
                "key": keys.zipf(1_000_000, exponent=1.1), "payload": payloads.json_like(size="1KiB", compressibility=0.5)}  # fmt: skip
    billing = {"name": "Billing", "topic": topic, "fixed_count": 3, "group_id": "billing"}
    return Scenario(
        name="orders", description="Orders: 1 KiB JSON orders keyed by customer, read by one consumer group.",
        producers=(declare(ProducerWorkload, "Checkout", checkout),),
        consumers=(declare(ConsumerWorkload, "Billing", billing),),
    )  # fmt: skip
