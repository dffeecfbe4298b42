"""How full batches are, and how many requests that makes."""

from __future__ import annotations

import math


def batch(batch_size: float, rate: float, linger: float, partitions: float, record: float) -> float:
    """Return the mean bytes of a producer's batch: min(batch.size, record + rate linger / partitions), or one record.

    The first record of a batch starts the linger, those that follow within it go along. `rate` is one producer's
    bytes/s over its active partitions (KIP-480's sticky partitioner fills better without keys: this is the keyed
    case). ProducerConfig, batch.size and linger.ms.
    """
    return max(record, min(batch_size, record + rate * linger / max(partitions, 1.0)))


TURN = 0.66e-3
"""Seconds from the answer to a fetch until the next one waits at the broker: a round trip and the reading of it.

Median of trials on one machine (those that `trust.sizing.prediction` fits); a network's round trip comes on top.
"""


def fetches(appends: float, turn: float = TURN) -> float:
    """Return fetch requests a second of one reader at one broker that keeps up with so many appends a second.

    A fetch is answered by the next append (fetch.min.bytes=1), at once if one came within the turn since the last
    answer. Appends that come by chance (Poisson) leave a turn empty with exp(-appends turn), so that an answer comes
    every turn + exp(-appends turn) / appends.
    """
    return 1 / (turn + math.exp(-appends * turn) / appends) if appends > 0 else 0.0


def a_second(write: float, batch_bytes: float, brokers: float, producers: float, linger: float) -> float:
    """Return produce requests a second of the cluster: a request carries a producer's batches for one broker.

    Between write / batch (one batch a request) and producers x brokers / linger (one request a linger): the lower.
    """
    most = write / max(batch_bytes, 1.0)
    return most if linger <= 0 else min(most, producers * brokers / linger)


def in_flight_ceiling(in_flight: int, request_bytes: float, round_trip: float) -> float:
    """Return the bytes/s of one connection: X <= max.in.flight x bytes a request / RTT (Little's law)."""
    return in_flight * request_bytes / round_trip
