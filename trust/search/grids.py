"""Scenarios and grids on simulated clusters in which what is wanted pulls apart: rate, latency, CPU and bytes.

A cluster here is slow, so that a trial needs few messages. CPU is no part of the model: where a case has it, a message
costs its client 2 us, a request 30 us and compression 6 us a message, which are of the size that librdkafka needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadkit import payloads
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Scenario, Topic

BASE, REQUEST, COMPRESSION = 2e-6, 30e-6, 6e-6
"""Seconds of CPU a message, a request, and a compressed message."""


@dataclass(frozen=True, slots=True)
class Case:
    """One grid over one scenario on one cluster."""

    name: str
    about: str
    target: str
    vary: tuple[str, ...]
    scenario: Scenario
    tells: tuple[str, ...]
    """Goals besides the rate and the latency: cpu, wire."""
    objective: str = "latency.p99"
    seconds: float = 4.0


def _scenario(rate: float, producers: int = 2, partitions: int = 6, consumers: int = 0) -> Scenario:
    topic = Topic("orders", partitions=partitions)
    made = ProducerWorkload(
        name="Checkout", topic=topic, rate=rate, arrivals="poisson", fixed_count=producers,
        payload=payloads.random(size="1KiB", compressibility=0.5),
        config={"linger.ms": "5", "batch.size": "16384", "acks": "all", "compression.type": "none"},
    )  # fmt: skip
    reading = ConsumerWorkload(name="Billing", topic=topic, fixed_count=max(1, consumers), process_time=1e-3)
    return Scenario(name="trust", producers=(made,), consumers=(reading,) if consumers else ())


CASES = (
    Case(
        "batching",
        "requests cost 1 ms, so that batches pay; more rate, or more latency",
        "simulated?service_rate=6k/s&request_overhead=1ms&byte_rate=4MB/s",
        ("Checkout.rate=500,750,1000,1500,2000,3000", "linger.ms=0,2,5,10,30", "batch.size=2048,8192,32768",
         "orders.partitions=3,12", "compression.type=none,lz4"),
        _scenario(1000.0),
        (),
    ),
    Case(
        "consumers",
        "consumers work 1 ms on a message: partitions and consumers carry the rate, and thin the batches",
        "simulated?service_rate=20k/s&request_overhead=0.5ms&fetch=1ms",
        ("Checkout.rate=500,1000,1500,2000,3000,4000", "linger.ms=0,5,20", "batch.size=4096,16384",
         "orders.partitions=2,4,8,16", "Billing.fixed_count=2,4,8"),
        _scenario(1000.0, partitions=8, consumers=4),
        (),
        "end_to_end.p99",
    ),
    Case(
        "clients",
        "the clients' CPU counts too: compression and small batches cost it",
        "simulated?service_rate=5k/s&request_overhead=1ms&byte_rate=3MB/s&servers=2",
        ("Checkout.rate=1000,2000,3000", "linger.ms=0,2,5,20", "batch.size=4096,16384,65536",
         "Checkout.fixed_count=1,4", "compression.type=none,lz4", "acks=1,all"),
        _scenario(1000.0, producers=1),
        ("cpu",),
    ),
    Case(
        "fixed rate",
        "2,000 msg/s whatever the settings: latency against CPU against bytes on the wire",
        "simulated?service_rate=6k/s&request_overhead=0.5ms&byte_rate=5MB/s&replication=3ms",
        ("linger.ms=0,1,2,5,10,20,50", "batch.size=2048,8192,32768", "Checkout.fixed_count=1,2,4",
         "compression.type=none,lz4", "acks=1,all", "orders.partitions=3,12"),
        _scenario(2000.0, producers=1, partitions=3),
        ("cpu", "wire"),
    ),
)  # fmt: skip
