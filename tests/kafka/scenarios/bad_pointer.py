"""A steady load one of whose processes follows a pointer to nowhere: that which finds the file named by CRASH."""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from loadkit import ConsumerUser, ProducerUser, Topic, payloads
from loadkit.targets import librdkafka
from loadkit.targets.fast import FastProducer

ticks = Topic("ticks", partitions=6)


class Clock(ProducerUser):
    fixed_count = 2
    topic = ticks
    rate = "500/s"
    payload = payloads.constant(size="100B")
    lane = "fast"


class Listener(ConsumerUser):
    fixed_count = 2
    topic = ticks
    lane = "fast"
    config = {"session.timeout.ms": 6000}


_honest = FastProducer.take_acks
_ORDER = Path(os.environ.get("CRASH", "/nowhere"))


def _crashing(self):
    if _ORDER.exists():
        with suppress(FileNotFoundError):  # the other process was first
            _ORDER.unlink()
            librdkafka.heads(np.array([1 << 46], np.uint64), 24)  # in user space, and nothing is there
    return _honest(self)


FastProducer.take_acks = _crashing
