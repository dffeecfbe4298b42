"""A worked example of what a plan hands to its config files: an order stream on six brokers in three zones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from loadkit.sizing.facts import BrokerFacts, Ceiling, Ceilings, Effect, Facts, GroupFacts, TopicFacts

DAY_MS = 86_400_000
MEASURED = "reports/orders-sweep"

ORDERS = TopicFacts(
    name="orders", partitions=24, retention_ms=3 * DAY_MS, retention_bytes=None, cleanup="delete",
    max_message_bytes=1_048_588, keyed=True, transactional=False, peak_bytes_per_s=60e6,
    groups=(GroupFacts("billing", 6, 0.002), GroupFacts("search-index", 12, 0.004)),
    latency_slo_s=0.02, end_to_end_slo_s=0.5, hottest_share=0.07,
)  # fmt: skip
LEDGER = TopicFacts(
    name="ledger", partitions=12, retention_ms=30 * DAY_MS, retention_bytes=None, cleanup="delete",
    max_message_bytes=1_048_588, keyed=True, transactional=True, peak_bytes_per_s=4e6,
    groups=(GroupFacts("settlement", 3, 0.01),), latency_slo_s=0.1,
)  # fmt: skip
CUSTOMERS = TopicFacts(
    name="customers", partitions=12, retention_ms=-1, retention_bytes=None, cleanup="compact",
    max_message_bytes=1_048_588, keyed=True, transactional=False, peak_bytes_per_s=1e6,
    groups=(GroupFacts("billing", 6, 0.001),),
)  # fmt: skip

CHOSEN = (
    Effect("linger.ms", "10", "latency.p99 against linger.ms=0", -0.31, -0.24, -0.17, "librdkafka 2.16.0", MEASURED),
    Effect("batch.size", "131072", "bytes against batch.size=16384", 0.41, 0.52, 0.66, "librdkafka 2.16.0", MEASURED),
    Effect("compression.type", "lz4", "bytes on the wire; the payload was not measured", source="README of lz4: 2:1"),
)

CEILINGS = Ceilings(
    network_in=Ceiling(140e6, 150e6, 158e6, True, MEASURED),
    network_out=Ceiling(280e6, 300e6, 312e6, True, MEASURED),
    disk=Ceiling(200e6, 250e6, 250e6, False, "gp3 volume as ordered: 250 MB/s"),
    cpu=Ceiling(4.5, 4.8, 5.0, True, MEASURED),
    partition=Ceiling(9e6, 10e6, 11e6, True, MEASURED),
)

FACTS = Facts(
    name="order stream", made_on=date(2026, 11, 26), platform="self-managed", brokers=6, zones=3,
    kafka_version="4.3.1", replication_factor=3, min_insync_replicas=2, topics=(ORDERS, LEDGER, CUSTOMERS),
    clients=CHOSEN,
    broker=BrokerFacts("m7g.2xlarge", 8, 32 * 2**30, 6 * 2**30, 16_000 * 2**30, 400e6),
    ceilings=CEILINGS, outage_s=4 * 3600, catch_up_s=2 * 3600, brokers_lost=2,
)  # fmt: skip


def facts(**changes: Any) -> Facts:
    """Return the worked example with some fields changed."""
    return replace(FACTS, **changes)
