"""What every broker is recommended; its rack and identity are its own."""

from __future__ import annotations

import math
import re

from loadkit.errors import PlanError
from loadkit.sizing.facts import Facts
from loadkit.sizing.settings.model import Setting
from loadkit.sizing.settings.topic import away_ms

LAG_MS = 30_000
_WEEK_MINUTES = 10_080
_FETCH = 1_048_576


def release(version: str) -> tuple[int, int]:
    """Return the first two numbers of a version of Kafka; PlanError for what is none."""
    match = re.fullmatch(r"(\d{1,4})\.(\d{1,4})(?:[.-].*)?", version)
    if match is None:
        raise PlanError(f"kafka_version {version!r} is not a version of Kafka: write it like 4.3.1")
    return int(match[1]), int(match[2])


def broker(facts: Facts) -> tuple[Setting, ...]:
    """Return what `server.properties` says on every broker."""
    return (*_topics(facts), *_internal(facts), *_sizes(facts), *_threads(facts), *_tiered(facts))


def _topics(facts: Facts) -> tuple[Setting, ...]:
    return (
        Setting("auto.create.topics.enable", "false", "a misspelt topic is an error, not a topic with defaults"),
        Setting("default.replication.factor", str(facts.replication_factor), "of topics made without one"),
        Setting("min.insync.replicas", str(facts.min_insync_replicas), f"acks=all means at least "
                f"{facts.min_insync_replicas} copies, also for topics that do not say so",
                "writes stop while fewer brokers are in sync"),
        Setting("unclean.leader.election.enable", "false", "a replica that lacks messages never becomes leader",
                "a partition stays offline until an in-sync replica is back"),
        Setting("compression.type", "producer", "batches are kept as the producer compressed them"),
        Setting("replica.lag.time.max.ms", str(LAG_MS), "how long a follower may lag and count as in sync; clients' "
                "request.timeout.ms is longer"),
    )  # fmt: skip


def _internal(facts: Facts) -> tuple[Setting, ...]:
    copies, in_sync = str(facts.replication_factor), str(facts.min_insync_replicas)
    minutes = max(_WEEK_MINUTES, 2 * math.ceil(away_ms(facts) / 60_000))
    rows = [
        Setting("offsets.topic.replication.factor", copies, "consumers' offsets are as safe as the data"),
        Setting("offsets.retention.minutes", str(minutes), "offsets of a group that is away outlive its absence"),
        Setting("transaction.state.log.replication.factor", copies, "transactions are as safe as the data"),
        Setting("transaction.state.log.min.isr", in_sync, "a committed transaction is on as many brokers as its data"),
        Setting("transaction.max.timeout.ms", "900000", "no transaction holds up readers for longer"),
    ]
    if release(facts.kafka_version) >= (4, 0):
        rows += [Setting("share.coordinator.state.topic.replication.factor", copies, "share groups' state likewise"),
                 Setting("share.coordinator.state.topic.min.isr", in_sync, "share groups' state likewise")]  # fmt: skip
    return tuple(rows)


def _sizes(facts: Facts) -> tuple[Setting, ...]:
    largest = max(topic.max_message_bytes for topic in facts.topics)
    return (
        Setting("message.max.bytes", str(largest), "the largest batch of any topic"),
        Setting("replica.fetch.max.bytes", str(max(_FETCH, largest)), "followers fetch no less than the largest batch"),
    )  # fmt: skip


def _threads(facts: Facts) -> tuple[Setting, ...]:
    cores = math.ceil(facts.broker.cpu_cores)
    return (
        Setting("num.network.threads", str(max(3, math.ceil(cores / 2))), f"half of {cores} cores, at least 3; "
                "watch NetworkProcessorAvgIdlePercent"),
        Setting("num.io.threads", str(max(8, cores)), f"one for each of {cores} cores, at least 8; watch "
                "RequestHandlerAvgIdlePercent"),
        Setting("num.replica.fetchers", str(max(1, min(8, cores // 4))), "followers keep up without one thread being "
                "the limit"),
    )  # fmt: skip


def _tiered(facts: Facts) -> tuple[Setting, ...]:
    if all(topic.local_retention_ms is None for topic in facts.topics):
        return ()
    why = "some topics are tiered; set your storage's remote.log.storage.manager.class.name and .class.path besides"
    return (Setting("remote.log.storage.system.enable", "true", why),)
