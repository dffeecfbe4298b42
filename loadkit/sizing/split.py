"""How many partitions and consumers each topic gets, with every reason that asked for some."""

from __future__ import annotations

from dataclasses import dataclass

from loadkit.sizing.model import consumers, partitions
from loadkit.sizing.model.partitions import Need
from loadkit.sizing.shapes import Candidate
from loadkit.sizing.workload import Flow

CONSUMER = 50_000.0
"""Messages a second that a consumer takes whose work is nothing, where none was measured to take more."""


@dataclass(frozen=True, slots=True)
class Split:
    """The partitions of a topic, and why so many."""

    flow: Flow
    partitions: int
    needs: tuple[Need, ...]
    consumers: tuple[tuple[str, int], ...]
    """Of each group that reads the tail."""
    impossible: str = ""
    """Why no number is enough; its path in the requirements first."""

    @property
    def share(self) -> float:
        """Share of the topic that its hottest partition gets."""
        return partitions.even_excess(self.flow.share, self.partitions)


def split(flow: Flow, candidate: Candidate, n: int, zones: int, consumer: float, part: float = 0.0) -> Split:
    """Return the partitions of a topic whose flow is that of the horizon, on n brokers.

    `consumer` is what one was measured to take (messages/s), `part` the topic's share of all bytes or messages.
    """
    assert candidate.partition_in is not None
    write = flow.peak * flow.record
    found = [Need(1, "at least one")]
    impossible = ""
    ceilings = [("written", candidate.partition_in.value.mid)]
    if candidate.partition_out and flow.tails:
        ceilings.append(("read", candidate.partition_out.value.mid / flow.tails))
    for word, ceiling in ceilings:
        count = partitions.for_rate(write, flow.share, ceiling)
        if count is None:
            impossible = _too_hot(flow, write, ceiling)
        else:
            found.append(Need(count, f"{write / 1e6:.3g} MB/s {word}, {ceiling / 1e6:.3g} MB/s a partition"))
    members = []
    for place, group in enumerate(flow.topic.groups):
        if not group.tail:
            continue
        each = consumers.capacity(group.process_time, max(consumer, CONSUMER))
        wanted = consumers.needed(flow.peak, flow.average, each, flow.outage, flow.catch_up)
        members.append((group.name, wanted))
        hottest = partitions.for_rate(flow.peak, flow.share, each)
        if hottest is None:
            impossible = impossible or _too_slow(flow, place, each)
        else:
            found.append(Need(max(wanted, hottest), f"{wanted} consumers of {group.name}"))
    if not candidate.managed:
        found.append(Need(partitions.for_spread(part, n), f"{part:.0%} of all load, spread evenly over {n} brokers"))
    most = max(need.partitions for need in found)
    there = flow.topic.partitions or 0
    count = there if there >= most else partitions.rounded(most, 3 if candidate.managed else n, zones)
    if there:
        found.append(Need(there, "there already"))
    return Split(flow, count, tuple(sorted(found, key=lambda need: -need.partitions)), tuple(members), impossible)


def _too_hot(flow: Flow, write: float, ceiling: float) -> str:
    return (
        f"topics[{flow.at}].hottest_key: the hottest key of {flow.topic.name} alone has {flow.share:.1%} of "
        f"{write / 1e6:.3g} MB/s, more than the {partitions.FULL:.0%} that is planned of one partition's "
        f"{ceiling / 1e6:.3g} MB/s: no number of partitions helps"
    )


def _too_slow(flow: Flow, place: int, each: float) -> str:
    group = flow.topic.groups[place]
    return (
        f"topics[{flow.at}].groups[{place}].process_time: the hottest key of {flow.topic.name} alone has "
        f"{flow.share:.1%} of {flow.peak:,.0f} msg/s, and one consumer of {group.name} takes {each:,.0f} msg/s: "
        "in order by key, no number of partitions helps"
    )
