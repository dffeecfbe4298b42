"""Heavy: a payload of the user's own that takes LIMITS_BURN microseconds of Python for each message."""
# ruff: noqa: RUF012 (declarations, not state)

import os
from time import perf_counter

from loadkit import ProducerUser, Topic
from loadkit.payloads.constant import Constant, ConstantPayload

BURN = float(os.environ.get("LIMITS_BURN", "100")) * 1e-6

flow = Topic("flow", partitions=6)


class Burning(ConstantPayload):
    """Constant values that are dear."""

    def values(self, numbers, stamps):
        until = perf_counter() + BURN * len(numbers)
        while perf_counter() < until:
            pass
        return super().values(numbers, stamps)


class Dear(Constant):
    """A constant payload, built to burn."""

    def build(self, seed):
        return Burning(self, seed)


class Flow(ProducerUser):
    topic = flow
    payload = Dear(size="100B")
    config = {"linger.ms": 5, "batch.size": 65536}
