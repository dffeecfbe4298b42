"""What each topic is made with."""

from __future__ import annotations

import math

from loadkit.sizing.facts import Facts, TopicFacts
from loadkit.sizing.settings import platforms
from loadkit.sizing.settings.model import Setting, Topic

_DAY_MS = 86_400_000


def topics(facts: Facts) -> tuple[Topic, ...]:
    """Return the topics as they are to be made."""
    return tuple(Topic(topic, facts.replication_factor, _settings(facts, topic)) for topic in facts.topics)


def away_ms(facts: Facts) -> int:
    """Return the longest time that a message may wait to be read: consumers away, then catching up (ms)."""
    return math.ceil((facts.outage_s + facts.catch_up_s) * 1000)


def partitions_to_write(topic: TopicFacts) -> tuple[int, str]:
    """Return the partitions that a declarative file may state, and why they are not the planned ones, if so.

    What declares a topic alters it in place: of a keyed topic that exists it states those that it has.
    """
    had = topic.existing_partitions
    if had is None or topic.partitions == had:
        return topic.partitions, ""
    if topic.partitions < had:
        return had, f"{topic.partitions} would do, and partitions cannot be taken away"
    if topic.keyed:
        return had, (f"to be {topic.partitions}: it is keyed, so make a new topic and move producers, then consumers; "
                     "never alter this one")  # fmt: skip
    return topic.partitions, ""


def _settings(facts: Facts, topic: TopicFacts) -> tuple[Setting, ...]:
    rows = [
        Setting("min.insync.replicas", str(facts.min_insync_replicas), f"acks=all means at least "
                f"{facts.min_insync_replicas} copies", "writes stop while fewer brokers are in sync"),
        Setting("unclean.leader.election.enable", "false", "a replica that lacks messages never becomes leader",
                "a partition stays offline until an in-sync replica is back"),
        Setting("cleanup.policy", topic.cleanup, _CLEANUP[topic.cleanup]),
        Setting("retention.ms", str(topic.retention_ms), "required, and longer than consumers may be away"),
        *_by_size(topic),
        Setting("max.message.bytes", str(topic.max_message_bytes), "the largest batch, as planned"),
        Setting("compression.type", "producer", "kept as the producer compressed it: the broker spends no CPU on it"),
    ]  # fmt: skip
    if "compact" in topic.cleanup:
        rows.append(Setting("delete.retention.ms", str(max(_DAY_MS, 2 * away_ms(facts))), "tombstones outlive the "
                            "longest absence of a consumer, which would else keep what was deleted"))  # fmt: skip
    if topic.local_retention_ms is not None:
        rows += [
            Setting("remote.storage.enable", "true", "old segments move to remote storage"),
            Setting("local.retention.ms", str(topic.local_retention_ms), "kept on the brokers' own disks"),
        ]
    return (*rows, *(Setting(name, value, why) for name, value, why in platforms.extra_topic(facts.platform)))


def _by_size(topic: TopicFacts) -> tuple[Setting, ...]:
    if topic.retention_bytes is None:
        return (Setting("retention.bytes", "-1", "no limit by size: time alone decides, as required"),)
    return (Setting("retention.bytes", str(topic.retention_bytes), "of each partition, as required"),)


_CLEANUP = {
    "delete": "old segments are deleted",
    "compact": "the last value of each key is kept: every message needs a key",
    "compact,delete": "the last value of each key is kept until retention ends: every message needs a key",
}
