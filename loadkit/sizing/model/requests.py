"""How full batches are, and how many requests that makes."""

from __future__ import annotations


def batch(batch_size: float, rate: float, linger: float, partitions: float, record: float) -> float:
    """Return the mean bytes of a producer's batch: min(batch.size, rate linger / partitions), at least one record.

    `rate` is one producer's bytes/s over its active partitions (KIP-480's sticky partitioner fills better without
    keys: this is the keyed case). ProducerConfig, batch.size and linger.ms.
    """
    return max(record, min(batch_size, rate * linger / max(partitions, 1.0)))


def a_second(write: float, batch_bytes: float, brokers: float, producers: float, linger: float) -> float:
    """Return produce requests a second of the cluster: a request carries a producer's batches for one broker.

    Between write / batch (one batch a request) and producers x brokers / linger (one request a linger): the lower.
    """
    most = write / max(batch_bytes, 1.0)
    return most if linger <= 0 else min(most, producers * brokers / linger)


def in_flight_ceiling(in_flight: int, request_bytes: float, round_trip: float) -> float:
    """Return the bytes/s of one connection: X <= max.in.flight x bytes a request / RTT (Little's law)."""
    return in_flight * request_bytes / round_trip
