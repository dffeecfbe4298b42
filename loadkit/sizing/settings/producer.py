"""What producers are recommended: nothing lost, doubled or reordered first, then the plan's tuned values."""

from __future__ import annotations

from dataclasses import replace

from loadkit.sizing.facts import Effect, Facts, TopicFacts
from loadkit.sizing.settings.model import Producer, Setting, chosen, number
from loadkit.sizing.settings.tables import java

REQUEST_TIMEOUT_MS = 45_000
"""Above the brokers' `replica.lag.time.max.ms` of 30 s, as ProducerConfig asks: else requests repeat needlessly."""
_MEMORY = 33_554_432
_DELIVERY_MS = 120_000
_LARGEST = 2**31 - 1
_OVERHEAD = 88
"""Bytes that a record batch adds to one message of the largest size (61), with room for its varints."""


def producers(facts: Facts) -> tuple[Producer, ...]:
    """Return one producer for the topics without transactions and one for those with, where there are such."""
    found = []
    for transactional in (False, True):
        topics = [topic for topic in facts.topics if topic.transactional == transactional]
        if topics:
            rows = (*_safety(topics), *_tuning(facts, topics), *(_transactions(topics) if transactional else ()))
            found.append(Producer(transactional, tuple(topic.name for topic in topics), _with_choices(facts, rows)))
    return tuple(found)


def _with_choices(facts: Facts, rows: tuple[Setting, ...]) -> tuple[Setting, ...]:
    """Return the rows with the plan's choices over them and those behind them that only the plan names."""
    named = {row.name for row in rows}
    extra = [one for one in facts.clients if one.setting not in named and _for_producer(one.setting)]
    more = [Setting(one.setting, one.value, "chosen by the plan", effect=one) for one in extra]
    return _timed(tuple(chosen(facts, row) for row in (*rows, *more)))


def _for_producer(name: str) -> bool:
    """Return whether a choice is a producer's; one that no client knows is, so that the checker sees it."""
    return name in java()["producer"] or name not in java()["consumer"]


def _safety(topics: list[TopicFacts]) -> tuple[Setting, ...]:
    rows = [
        Setting("acks", "all", "acknowledged only once every in-sync replica has it; with min.insync.replicas that is "
                "at least two brokers", "the latency of one more hop within the cluster"),
        Setting("enable.idempotence", "true", "retries neither double nor reorder; written out, since a client that "
                "is left to its default drops it in silence when another setting conflicts"),
        Setting("max.in.flight.requests.per.connection", "5", "the most that keeps order with idempotence",
                "more requests in the air, which long round trips could use"),
        Setting("retries", str(_LARGEST), "time bounds a delivery, not a count: see delivery.timeout.ms"),
        Setting("request.timeout.ms", str(REQUEST_TIMEOUT_MS), "longer than a follower may lag (30 s) before it "
                "leaves the in-sync replicas, so that a slow follower causes no needless retries",
                "15 s until a dead broker's requests are tried again"),
        Setting("delivery.timeout.ms", str(_DELIVERY_MS), "how long a message is tried before the application hears "
                "that it failed and must handle it: longer than one request and its linger"),
    ]  # fmt: skip
    if any(topic.keyed for topic in topics):
        rows.append(Setting("partitioner.ignore.keys", "false", "messages of one key stay in one partition, in order",
                            "even partitions where a few keys are hot"))  # fmt: skip
    return tuple(rows)


def _tuning(facts: Facts, topics: list[TopicFacts]) -> tuple[Setting, ...]:
    largest = min(topic.max_message_bytes for topic in topics)
    usual = str(max(1, min(65_536, largest)))
    linger = chosen(facts, Setting("linger.ms", "5", "lets batches fill; Java's default since 4.0 (KIP-1030)",
                                   "up to this long at low load", _assumed("linger.ms", "5", "Java 4.x")))  # fmt: skip
    batch = chosen(facts, Setting("batch.size", usual, "fewer, fuller requests", "memory for each partition",
                                  _assumed("batch.size", usual, "engineering judgement, sweep it")))  # fmt: skip
    partitions = max(topic.partitions for topic in topics)
    settings = {row.name: row for row in (linger, batch)}
    memory = max(_MEMORY, number(settings, "batch.size", 0) * partitions * 2)
    return (
        linger,
        batch,
        Setting("compression.type", "lz4", "less network and disk for little CPU", "CPU of producers and consumers",
                _assumed("compression.type", "lz4", "engineering judgement, sweep it on your payload")),
        Setting("buffer.memory", str(memory), f"two batches for each of {partitions} partitions, at least 32 MiB",
                "memory of the application"),
        Setting("max.block.ms", "60000", "how long send() waits on a full buffer: back-pressure instead of loss"),
        Setting("max.request.size", str(max(1, largest - _OVERHEAD)),
                f"no message above the smallest max.message.bytes of its topics ({largest}), which would be refused"),
    )  # fmt: skip


def _transactions(topics: list[TopicFacts]) -> tuple[Setting, ...]:
    return (
        Setting("transactional.id", f"{topics[0].name}-1", "stable over restarts and one for each instance, so that a "
                "restarted one fences its own past: change the number at the end in each instance"),
        Setting("transaction.timeout.ms", str(_DELIVERY_MS), "an open transaction holds up read_committed consumers "
                "this long at most; no less than delivery.timeout.ms, no more than the brokers allow (15 min)",
                "transactions that take longer are aborted"),
    )  # fmt: skip


def _timed(rows: tuple[Setting, ...]) -> tuple[Setting, ...]:
    """Return the rows with timeouts of delivery and transaction that have room for linger and one request."""
    named = {row.name: row for row in rows}
    needed = number(named, "linger.ms", 0) + number(named, "request.timeout.ms", REQUEST_TIMEOUT_MS)
    delivery = named["delivery.timeout.ms"]
    if delivery.effect is not None or number(named, "delivery.timeout.ms", 0) >= 2 * needed:
        return rows
    names = ("delivery.timeout.ms", "transaction.timeout.ms")
    return tuple(replace(row, value=str(2 * needed)) if row.name in names else row for row in rows)


def _assumed(setting: str, value: str, source: str) -> Effect:
    return Effect(setting, value, "", source=source)
