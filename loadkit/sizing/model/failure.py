"""What is left of a cluster, and the headroom that asks for."""

from __future__ import annotations

import math


def left(n: int, zones: int, *, broker: bool = False, zone: bool = False) -> int:
    """Return the brokers that carry the load after the larger of the failures: n - ceil(n / Z), n - 1, or n."""
    return n - (math.ceil(n / zones) if zone else 1 if broker else 0)


def steady(most: float, n: int, lost: int) -> float:
    """Return the use at which n brokers may run so that those left stay below `most`: u (n - f) / n.

    3 brokers at 0.8 run at 0.53, 6 at 0.67; a zone of three is 0.53 whatever n (why MSK says 60 %, and Redpanda to
    size for full throughput degraded). Every copy is taken to live on those left, as Cruise Control re-creates them:
    an upper bound where copies are not re-created.
    """
    return most * (n - lost) / n


def restart_catch_up(written: float, restart: float, spare: float) -> float:
    """Return the seconds until a restarted broker has its replicas in sync: what it missed over its spare bytes/s."""
    return math.inf if spare <= 0 else written * restart / spare
