"""What each consumer group is recommended: nothing skipped, nothing counted as done before it is."""

from __future__ import annotations

import math

from loadkit.sizing.facts import Facts, GroupFacts, TopicFacts
from loadkit.sizing.settings.model import Consumer, Setting, chosen, groups_of
from loadkit.sizing.settings.tables import java

COOPERATIVE = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
_POLL_MS = 300_000
_RECORDS = 500
_LONGEST_POLL_MS = 1_800_000
_FETCH = 52_428_800
_PARTITION_FETCH = 1_048_576
_MARGIN = 2
"""How many times the worst time of a full poll max.poll.interval.ms allows."""


def consumers(facts: Facts) -> tuple[Consumer, ...]:
    """Return one consumer for each group."""
    return tuple(_consumer(facts, name, reads) for name, reads in groups_of(facts).items())


def _consumer(facts: Facts, name: str, reads: list[tuple[TopicFacts, GroupFacts]]) -> Consumer:
    rows = (*_identity(name), *_safety(), *_polling(reads), *_sizes(reads))
    named = {row.name for row in rows}
    extra = [one for one in facts.clients if one.setting not in named and one.setting in java()["consumer"]
             and one.setting not in java()["producer"]]  # fmt: skip
    more = [Setting(one.setting, one.value, "chosen by the plan", effect=one) for one in extra]
    topics = tuple(topic.name for topic, _ in reads)
    return Consumer(name, topics, tuple(chosen(facts, row) for row in (*rows, *more)))


def _identity(name: str) -> tuple[Setting, ...]:
    return (
        Setting("group.id", name, "the group"),
        Setting("group.instance.id", f"{name}-1", "a restart within session.timeout.ms moves no partitions; one for "
                "each instance: change the number at the end in each"),
    )  # fmt: skip


def _safety() -> tuple[Setting, ...]:
    return (
        Setting("enable.auto.commit", "false", "offsets are committed by the application once it has processed the "
                "messages: a crash repeats some, never skips any", "you call commit yourself"),
        Setting("auto.offset.reset", "earliest", "where there is no offset (a new partition, an expired one) reading "
                "begins at the oldest message instead of skipping to the newest",
                "a group that starts anew reads all that is retained"),
        Setting("isolation.level", "read_committed", "aborted transactions are never seen; written out, since the "
                "clients' defaults differ", "messages wait until their transaction has ended"),
        Setting("allow.auto.create.topics", "false", "a misspelt topic is an error, not a new topic with defaults"),
        Setting("partition.assignment.strategy", COOPERATIVE, "a rebalance stops only the partitions that move",
                "to move a running group from another strategy takes two rolling restarts (KIP-429)"),
        Setting("session.timeout.ms", "45000", "how long a dead member keeps its partitions"),
        Setting("heartbeat.interval.ms", "3000", "at most a third of the session timeout: two may get lost"),
    )  # fmt: skip


def _polling(reads: list[tuple[TopicFacts, GroupFacts]]) -> tuple[Setting, ...]:
    worst = max(group.process_time_s for _, group in reads)
    records = _RECORDS
    if worst > 0:
        records = max(1, math.floor(min(_RECORDS, _LONGEST_POLL_MS / 1000 / _MARGIN / worst)))
    interval = max(_POLL_MS, math.ceil(_MARGIN * records * worst * 1000))
    return (
        Setting("max.poll.records", str(records), f"what one poll hands over, at up to {worst:g} s a message"),
        Setting("max.poll.interval.ms", str(interval), f"twice what {records} messages take at worst, at least 5 min: "
                "a member that is only slow is not thrown out", "a member that hangs is noticed later"),
    )  # fmt: skip


def _sizes(reads: list[tuple[TopicFacts, GroupFacts]]) -> tuple[Setting, ...]:
    largest = max(topic.max_message_bytes for topic, _ in reads)
    why = f"no less than the largest batch of its topics ({largest})"
    return (
        Setting("max.partition.fetch.bytes", str(max(_PARTITION_FETCH, largest)), why, "memory for each partition"),
        Setting("fetch.max.bytes", str(max(_FETCH, largest)), why, "memory of the application"),
    )  # fmt: skip
