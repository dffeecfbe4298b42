"""The stated workload as numbers a second, with every assumption that filled a gap.

Bytes are on the wire: after compression, before copies. A topic stands for `count` alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from loadkit.sizing.ceilings import Measured
from loadkit.sizing.model import growth
from loadkit.sizing.requirements import FOREVER_SECONDS, Group, Requirements, Topic
from loadkit.slo import Objective

PEAK = 2.0
"""Peak over average where no peak is stated."""

Origin = Literal["stated", "measured", "assumed", "vendor"]


@dataclass(frozen=True, slots=True)
class Assumption:
    """A value that nobody stated and nothing measured, or that a measurement gave in place of a statement."""

    path: str
    text: str
    source: str
    origin: Origin = "assumed"


@dataclass(frozen=True, slots=True)
class Flow:
    """One topic (or `count` alike) now; a second."""

    at: int
    """Its place in the file."""
    topic: Topic
    average: float
    """Messages of one topic."""
    peak: float
    ratio: float
    share: float
    """Of messages that the hottest key has; 0 without keys."""
    per_month: float
    outage: float
    catch_up: float

    @property
    def count(self) -> int:
        """How many topics are alike."""
        return self.topic.count

    @property
    def record(self) -> float:
        """Bytes of a message on the wire."""
        return self.topic.size / self.ratio

    def grown(self, months: float) -> Flow:
        """Return the flow as it is after so many months."""
        by = growth.factor(self.per_month, months)
        return replace(self, average=self.average * by, peak=self.peak * by)

    def scaled(self, factor: float) -> Flow:
        """Return the flow with its rates scaled."""
        return replace(self, average=self.average * factor, peak=self.peak * factor)

    @property
    def tails(self) -> int:
        """Groups that read what is new."""
        return sum(group.tail for group in self.topic.groups)

    @property
    def replay(self) -> float:
        """Bytes/s read from the past, by all groups of one topic."""
        return sum(group.replay for group in self.topic.groups)

    @property
    def readers(self) -> tuple[Group, ...]:
        """Groups that read the tail."""
        return tuple(group for group in self.topic.groups if group.tail)

    @property
    def kept(self) -> float:
        """Seconds kept on the brokers' disks."""
        return self.topic.local_retention or min(self.topic.retention, FOREVER_SECONDS)


def flows(needs: Requirements, measured: Measured | None) -> tuple[tuple[Flow, ...], tuple[Assumption, ...]]:
    """Return every topic's flow and what was assumed on the way."""
    found, said = [], []
    for at, topic in enumerate(needs.topics):
        flow, assumed = _flow(at, topic, needs, measured)
        found.append(flow)
        said += assumed
    return tuple(found), tuple(said)


def _flow(at: int, topic: Topic, needs: Requirements, measured: Measured | None) -> tuple[Flow, list[Assumption]]:
    path, said = f"topics[{at}]", []
    peak = topic.peak_messages
    if peak is None:
        peak = PEAK * topic.messages
        said.append(
            Assumption(f"{path}.peak", f"{topic.name}: the peak is {PEAK:g} times the average rate", "judgement")
        )
    ratio = topic.compression
    if ratio is None:
        seen = measured.ratios.get(topic.name) if measured else None
        ratio = max(seen or 1.0, 1.0)
        said.append(_compression(path, topic, seen))
    share, told = _share(path, topic, measured)
    said += told
    if math.isinf(topic.retention) and "delete" in topic.cleanup and not topic.local_retention:
        text = f"{topic.name}: kept for ever, and stored as ten years of it"
        said.append(Assumption(f"{path}.retention", text, "eventsizer.io plans infinite retention as ten years"))
    flow = Flow(
        at, topic, topic.messages, peak, ratio, share,
        needs.growth.per_month if topic.growth is None else topic.growth,
        needs.survive.outage if topic.outage is None else topic.outage,
        needs.survive.catch_up if topic.catch_up is None else topic.catch_up,
    )  # fmt: skip
    return flow, said


def _compression(path: str, topic: Topic, seen: float | None) -> Assumption:
    if seen:
        text = f"{topic.name}: compresses {seen:.2f} to 1, as the topic of that name did when it was measured"
        return Assumption(f"{path}.compression", text, "the results", "measured")
    return Assumption(
        f"{path}.compression", f"{topic.name}: does not compress", "the safe end: state the ratio to plan less"
    )


def _share(path: str, topic: Topic, measured: Measured | None) -> tuple[float, list[Assumption]]:
    """Return the share of the hottest key: stated, or such that the hottest partition has the share that was seen."""
    if not topic.keyed:
        return 0.0, []
    if topic.hottest_key is not None:
        return topic.hottest_key, []
    seen = measured.shares.get(topic.name) if measured else None
    if seen:
        share, partitions = seen
        key = max(0.0, (share - 1 / partitions) / (1 - 1 / partitions)) if partitions > 1 else 0.0
        text = f"{topic.name}: its hottest of {partitions} partitions had {share:.1%} of the messages in the results"
        return key, [Assumption(f"{path}.hottest_key", f"{text}, so a key with {key:.1%}", "the results", "measured")]
    return 0.0, [
        Assumption(f"{path}.hottest_key", f"{topic.name}: no key stands out", "judgement: state or measure it")
    ]


def objectives(needs: Requirements) -> list[str]:
    """Return every objective of every topic, once."""
    return list(dict.fromkeys(text for topic in needs.topics for text in topic.slo))


def slo_seconds(topic: Topic, series: str) -> float | None:
    """Return the tightest bound of a series' p99 (or a higher quantile) among a topic's objectives."""
    found = [one.bound for one in map(Objective.parse, topic.slo)
             if one.metric.endswith(f"{series}.p99") and one.compare in ("<", "<=")]  # fmt: skip
    return min(found, default=None)


@dataclass(frozen=True, slots=True)
class Total:
    """All topics together at one instant; bytes and messages a second of the cluster."""

    write: float
    average: float
    tail: float
    replay: float
    catch_up: float
    """What groups read beyond the tail after an outage."""
    messages: float


def total(found: Sequence[Flow], mirrors: int) -> Total:
    """Return the sum; each disaster recovery copy (`mirrors`) reads the tail like a group."""
    return Total(
        sum(f.count * f.peak * f.record for f in found), sum(f.count * f.average * f.record for f in found),
        sum(f.count * f.peak * f.record * (f.tails + mirrors) for f in found), sum(f.count * f.replay for f in found),
        sum(f.count * f.average * f.record * f.tails * f.outage / f.catch_up for f in found),
        sum(f.count * f.peak for f in found),
    )  # fmt: skip
