"""From a schedule that holds for a class to the leg of one user, and from one leg to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadkit.drivers import ProducerDriver
from loadkit.leg import Leg
from loadkit.pacer import NEVER, pacer
from loadkit.scenario import ProducerWorkload

WARMUP_NUMBERS = 1 << 40
"""Where the message numbers of the warm-up begin, so that the measured messages are the same whatever it took."""


def leg_of(workload: ProducerWorkload, order: Mapping[str, Any], slot: Sequence[int], seed: int) -> Leg:
    """Return what an order of the trial means for the user with a slot: (k, users of the class, limit or -1).

    User k of n has every n-th message of the class from the k-th on. Messages due before the order holds are skipped:
    whoever had them has sent them.
    """
    k, stride, limit = slot
    warm, begin = order["phase"] == "warmup", order["from_ns"]
    rate, shape = (order["rates"][workload.name], None) if warm else (workload.rate, workload.shape)
    # an even class goes on with the next of its numbers; a Poisson user has a stream of its own, anew for each order
    made, twin = (pacer(rate, shape, workload.arrivals, k, stride, seed + order["epoch"] * 1_000_003) for _ in range(2))
    first = made.due(begin - 1) if begin else 0
    return Leg(
        order["phase"], made, order["origin_ns"], order["until_ns"], number=(WARMUP_NUMBERS if warm else 0) + k,
        stride=stride, limit=limit if limit >= 0 else NEVER, sent=first, skipped=first, twin=twin,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Switch:
    """Run in the loop's thread: end a driver's open legs at an instant and append the next.

    The instant lies ahead; should this run late all the same, what a leg has sent beyond it counts as the next one's.
    """

    driver: ProducerDriver
    leg: Leg | None
    at_ns: int

    def __call__(self) -> None:
        """Switch."""
        beyond = 0
        for leg in self.driver.legs:
            leg.until_ns = min(leg.until_ns, max(0, self.at_ns - leg.origin_ns))
            beyond += max(0, leg.sent - max(leg.skipped, leg.due(self.at_ns)))
            if self.leg and leg.phase == "warmup" and self.leg.phase == "measure":
                leg.settle_ns = 0  # the measured schedule does not wait for the warm-up's debt
        if self.leg:
            self.leg.sent += beyond
            self.driver.add(self.leg)
