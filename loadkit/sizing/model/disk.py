"""Bytes a second that a broker's disks write and read."""

from __future__ import annotations


def written(write: float, copies: float, n: float) -> float:
    """Return bytes/s written by each of n brokers: W RF / n; every copy is stored once (AWS, equation 1: t_storage)."""
    return write * copies / n


def read_cold(replay: float, catch_up: float, n: float) -> float:
    """Return bytes/s read from each of n brokers' disks: what replays and what catches up, n ways.

    Reading the tail costs no disk while it fits the page cache (Kafka documentation, "Disks and Filesystem").
    """
    return (replay + catch_up) / n
