"""The scenario of this section's runs, a Locust file that also plants the truth into each process that loads it.

Every value that is to go into a histogram is written to a file of its process first (`LOADKIT_TRUST_VALUES` names the
folder), and the sink confirms each message at the instant due + delay, where the delay follows from the seed and the
message's number in its user alone: latencies are then the same in every run, however its users are spread.
"""

import os
from pathlib import Path

import numpy as np

from loadkit import ConsumerUser, ProducerUser, Topic, payloads, recorder
from loadkit.targets import sink
from loadkit.targets.lane import Acks

orders = Topic("orders", partitions=4)


class Checkout(ProducerUser):
    """Sixteen producers: one for each of as many processes."""

    fixed_count = 16
    topic = orders
    rate = "1600/s"
    payload = payloads.constant(size="100B")


class Billing(ConsumerUser):
    """A reader for each of sixteen processes."""

    fixed_count = 16
    topic = orders


def keep_values(folder: Path) -> None:
    """Write each value (ns, int64) that is to be recorded into the file of its process and series as well."""
    record = recorder._record

    def recorded(interval, phase, tag, values_ns):  # type: ignore[no-untyped-def]
        if len(values_ns):
            with (folder / f"{os.getpid()}-{phase}-{tag}").open("ab") as file:
                np.ascontiguousarray(values_ns, np.int64).tofile(file)
        record(interval, phase, tag, values_ns)

    recorder._record = recorded


def confirm_exactly() -> None:
    """Let the sink confirm at the instant that the message's number says, not at that of its poll."""
    confirm = sink.SinkProducer._confirm

    def confirmed(self, acks):  # type: ignore[no-untyped-def]
        at = acks.stamps["intended"] + self.topic.delays_ns(0, acks.stamps["seq"].astype(np.int64))
        confirm(self, Acks(acks.stamps, at, acks.partition, acks.offset, acks.size))

    sink.SinkProducer._confirm = confirmed  # type: ignore[method-assign]


if values := os.environ.get("LOADKIT_TRUST_VALUES"):
    keep_values(Path(values))
    confirm_exactly()
