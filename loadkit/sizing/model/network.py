"""Bytes a second through a broker's network interface."""

from __future__ import annotations

import math


def into_broker(write: float, copies: float, n: float) -> float:
    """Return bytes/s into each of n brokers: W RF / n, leaders' share and followers' together.

    Netflix service-capacity-modeling, kafka.py: `bw_in = write x copies`; Redpanda sizing: 75 MB/s of writes are
    150 MB/s of replication with three copies.
    """
    return write * copies / n


def out_of_broker(write: float, copies: float, read: float, n: float) -> float:
    """Return bytes/s out of each of n brokers: (W (RF - 1) + R) / n, with R bytes/s to all consumers.

    AWS, "Best practices for right-sizing your Apache Kafka clusters", equation 1: consumer groups + RF - 1 copies of
    every byte leave; Netflix: `BW_out = X consumers + X (RF - 1)`.
    """
    return (write * (copies - 1) + read) / n


def aws_ceiling(storage: float, storage_network: float, network: float, n: int, copies: int, groups: int) -> float:
    """Return the bytes/s of writes that n brokers can carry, from what one of them sustains (equation 1 of the same).

    min(storage n / RF, storage network n / RF, network n / (C + RF - 1)); perfect balance and all reads from memory.
    """
    return min(storage * n / copies, storage_network * n / copies, network * n / (groups + copies - 1))


def hot_excess(write: float, hottest_key: float, partitions: int, n: int) -> float:
    """Return the bytes/s that the fullest broker gets of a topic beyond an even share of it.

    It leads ceil(P / n) of the partitions, that of the hottest key among them: W (s + (1 - s) ceil(P / n) / P - 1/n).
    """
    leads = math.ceil(partitions / n) / partitions
    return write * max(0.0, hottest_key + (1 - hottest_key) * leads - 1 / n)
