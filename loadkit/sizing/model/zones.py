"""Traffic between zones, and what losing one leaves."""

from __future__ import annotations

import math


def replication(write: float, copies: int, zones: int) -> float:
    """Return bytes/s that replication sends to other zones: W (RF - 1) where each copy has a zone of its own.

    With fewer zones than copies, copies beyond the first of a zone come at no price: W (min(RF, Z) - 1).
    """
    return write * (min(copies, zones) - 1)


def producers(write: float, zones: int) -> float:
    """Return bytes/s of producers to leaders elsewhere: W (Z - 1) / Z, producers being spread as leaders are."""
    return write * (zones - 1) / zones


def consumers(read: float, zones: int, own_zone: bool) -> float:
    """Return bytes/s to consumers elsewhere: R (Z - 1) / Z, none with client.rack (KIP-392: fetch from followers)."""
    return 0.0 if own_zone else read * (zones - 1) / zones


def copies_left(copies: int, zones: int) -> int:
    """Return how many copies of a partition at worst are left when a zone is lost: RF - ceil(RF / Z)."""
    return copies - math.ceil(copies / zones)
