"""What must hold of a plan's own files: that they are whole, agree with one another, and say what the plan says."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from loadkit.sizing.check.model import Finding, Kind, Piece, Value
from loadkit.sizing.check.rules import broker as brokers
from loadkit.sizing.check.rules import together
from loadkit.sizing.check.rules import topic as topics
from loadkit.sizing.check.rules.say import found, how
from loadkit.sizing.facts import Facts, TopicFacts
from loadkit.sizing.settings import platforms
from loadkit.sizing.settings.model import groups_of
from loadkit.sizing.settings.topic import partitions_to_write
from loadkit.sizing.settings.translation import Role, only_librdkafka, to_librdkafka

_CLIENTS = ("java", "librdkafka", "python")
_PRODUCER = (
    "acks", "enable.idempotence", "max.in.flight.requests.per.connection", "retries", "request.timeout.ms",
    "delivery.timeout.ms", "linger.ms", "batch.size", "compression.type", "buffer.memory", "max.block.ms",
    "max.request.size",
)  # fmt: skip
_TRANSACTIONS = ("transactional.id", "transaction.timeout.ms")
_CONSUMER = (
    "group.id", "group.instance.id", "enable.auto.commit", "auto.offset.reset", "isolation.level",
    "allow.auto.create.topics", "partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms",
    "max.poll.records", "max.poll.interval.ms", "max.partition.fetch.bytes", "fetch.max.bytes",
)  # fmt: skip
_TOPIC = ("min.insync.replicas", "unclean.leader.election.enable", "cleanup.policy", "retention.ms", "retention.bytes",
          "max.message.bytes", "compression.type")  # fmt: skip
_BROKER = (
    "auto.create.topics.enable", "default.replication.factor", "min.insync.replicas", "unclean.leader.election.enable",
    "compression.type", "replica.lag.time.max.ms", "offsets.topic.replication.factor", "offsets.retention.minutes",
    "transaction.state.log.replication.factor", "transaction.state.log.min.isr", "transaction.max.timeout.ms",
    "message.max.bytes", "replica.fetch.max.bytes", "num.network.threads", "num.io.threads", "num.replica.fetchers",
)  # fmt: skip


def plan(facts: Facts, pieces: Sequence[Piece]) -> Iterator[Finding]:
    """Yield where the files of a plan are not whole, disagree, or do not say what the plan says."""
    yield from _copies(facts)
    yield from _clients(facts, pieces)
    yield from _topics(facts, pieces)
    yield from _brokers(facts, pieces)
    yield from _agreement(pieces)


def lost(what: str, file: str = "configs") -> Finding:
    """Return the finding for something that the files do not have."""
    return Finding(
        "whole", "unsafe", file, 0, "", f"{what} is missing", "write it, or a comment that says why it is left out"
    )


_SHARE = ("share.coordinator.state.topic.replication.factor", "share.coordinator.state.topic.min.isr")


def _copies(facts: Facts) -> Iterator[Finding]:
    factor, in_sync = platforms.copies(facts.platform)
    if factor is not None and facts.replication_factor != factor:
        yield _planned(f"the platform keeps {factor} copies, and the plan counts on {facts.replication_factor}")
    if in_sync is not None and facts.min_insync_replicas != in_sync:
        yield _planned(f"the platform's min.insync.replicas is {in_sync}, and the plan counts on "
                       f"{facts.min_insync_replicas}")  # fmt: skip
    if facts.unit == "broker" and facts.replication_factor > facts.brokers:
        yield _planned(f"{facts.replication_factor} copies on {facts.brokers} brokers")


def _planned(text: str) -> Finding:
    return Finding("plan", "unsafe", "configs", 0, "", text, "change the plan")


def _explicit(facts: Facts, piece: Piece, names: Sequence[str]) -> Iterator[Finding]:
    for name in names:
        if name not in piece.values and not (name in piece.missing and _may_be_left_out(facts, piece, name)):
            yield found(piece, "explicit", name, f"{name} is not written, so a default is in force",
                        "write it, or a comment that says why it is left out")  # fmt: skip


def _may_be_left_out(facts: Facts, piece: Piece, name: str) -> bool:
    if piece.kind in ("topic", "broker"):
        return bool(platforms.omitted(facts.platform, "topic" if piece.kind == "topic" else "broker", name))
    if platforms.omitted(facts.platform, "client", name):
        return True
    role: Role = "producer" if piece.kind == "producer" else "consumer"
    return piece.client == "librdkafka" and to_librdkafka(role, name, "").name is None


def _clients(facts: Facts, pieces: Sequence[Piece]) -> Iterator[Finding]:
    groups = groups_of(facts)
    for dialect in _CLIENTS:
        own = [piece for piece in pieces if piece.dialect == dialect]
        producers = [piece for piece in own if piece.kind == "producer"]
        for transactional in sorted({topic.transactional for topic in facts.topics}):
            theirs = [one for one in producers if ("transactional.id" in one.values) == transactional]
            if len(theirs) != 1:
                yield lost(f"the {dialect} producer of topics with{'' if transactional else 'out'} transactions")
        for piece in producers:
            yield from _producer(facts, piece)
        for group, reads in groups.items():
            theirs = [one for one in own if one.kind == "consumer" and one.name == group]
            if len(theirs) != 1:
                yield lost(f"the {dialect} consumer of group {group}")
            for piece in theirs:
                worst = max(facts_of.process_time_s for _, facts_of in reads)
                yield from _consumer(facts, piece, worst)
                yield from _certain(together.smaller(piece, [_sized(topic) for topic, _ in reads]))


def _sized(topic: TopicFacts) -> Piece:
    return Piece("topic", "", "", "", topic.name, {"max.message.bytes": Value(str(topic.max_message_bytes), 0)})


def _certain(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield findings on topics that a client is known to use: what one of them refuses is unsafe."""
    return (replace(one, level="unsafe") for one in findings)


def _producer(facts: Facts, piece: Piece) -> Iterator[Finding]:
    transactional = "transactional.id" in piece.values
    topics_of = [topic for topic in facts.topics if topic.transactional == transactional]
    keyed = any(topic.keyed for topic in topics_of)
    names = (*_PRODUCER, *(("partitioner.ignore.keys",) if keyed else ()), *(_TRANSACTIONS if transactional else ()))
    yield from _explicit(facts, piece, (*names, *_only(piece, "producer"), *_chosen(facts, "producer", names)))
    yield from _certain(together.larger(piece, [_sized(topic) for topic in topics_of]))
    request, lag = piece.number("request.timeout.ms"), 30_000
    if request is not None and request <= lag:
        yield found(
            piece, "request-timeout", "request.timeout.ms", f"no more than replica.lag.time.max.ms={lag}", "raise it"
        )
    memory, batch = piece.number("buffer.memory"), piece.number("batch.size")
    partitions = max((topic.partitions for topic in topics_of), default=0)
    if memory is not None and batch is not None and memory < 2 * batch * partitions:
        yield found(piece, "memory", "buffer.memory", f"no room for two batches of {partitions} partitions", "raise it")
    if (piece.number("retries") or 0) < 2**31 - 1:
        yield found(piece, "retries", "retries", "a count bounds what time should", f"write {2**31 - 1}")


def _consumer(facts: Facts, piece: Piece, worst_s: float) -> Iterator[Finding]:
    yield from _explicit(facts, piece, (*_CONSUMER, *_only(piece, "consumer")))
    records, interval = piece.number("max.poll.records") or 1, piece.number("max.poll.interval.ms")
    if interval is not None and interval < 2 * records * worst_s * 1000 * (1 - 1e-9):
        yield found(piece, "poll-interval", "max.poll.interval.ms", f"{interval:g} ms is less than twice what "
                    f"{records:g} messages of {worst_s:g} s take", "raise it, or lower max.poll.records")  # fmt: skip


def _only(piece: Piece, role: Role) -> list[str]:
    return [name for name, _, _ in only_librdkafka(role)] if piece.client == "librdkafka" else []


def _chosen(facts: Facts, role: Role, names: Sequence[str]) -> list[str]:
    from loadkit.sizing.settings.tables import java

    return [one.setting for one in facts.clients if one.setting in java()[role] and one.setting not in names]


def _topics(facts: Facts, pieces: Sequence[Piece]) -> Iterator[Finding]:
    dialects = [name for name in ("topics", "strimzi", "tfvars") if not platforms.without(facts.platform, name)]
    for dialect in dialects:
        own = merged([piece for piece in pieces if piece.kind == "topic" and piece.dialect == dialect])
        planned = {topic.name: topic for topic in facts.topics}
        for name in planned.keys() - own.keys():
            yield lost(f"topic {name} in {dialect}")
        for name in own.keys() - planned.keys():
            yield found(own[name], "plan", "", f"topic {name!r} is none of the plan's", "take it out")
        for name in planned.keys() & own.keys():
            yield from _topic(facts, planned[name], own[name])


def merged(pieces: Sequence[Piece]) -> dict[str, Piece]:
    """Return topics by name, what several commands say of one put together."""
    made: dict[str, Piece] = {}
    for piece in pieces:
        before = made.get(piece.name)
        values = {**(before.values if before else {}), **piece.values}
        made[piece.name] = Piece("topic", piece.file, piece.dialect, "", piece.name, values, piece.line, piece.missing)
    return made


def _topic(facts: Facts, planned: TopicFacts, piece: Piece) -> Iterator[Finding]:
    yield from _explicit(facts, piece, (*_TOPIC, *(("delete.retention.ms",) if "compact" in planned.cleanup else ()),
                                        *(name for name, _, _ in platforms.extra_topic(facts.platform))))  # fmt: skip
    if planned.local_retention_ms is not None:
        yield from _explicit(facts, piece, ("remote.storage.enable", "local.retention.ms"))
    wanted = {
        "partitions": str(partitions_to_write(planned)[0]), "replication.factor": str(facts.replication_factor),
        "min.insync.replicas": str(facts.min_insync_replicas), "cleanup.policy": planned.cleanup,
        "retention.ms": str(planned.retention_ms), "max.message.bytes": str(planned.max_message_bytes),
        "retention.bytes": str(-1 if planned.retention_bytes is None else planned.retention_bytes),
        "compression.type": "producer", "write.caching": "false", "remote.storage.enable": "true",
        "local.retention.ms": str(planned.local_retention_ms),
    }  # fmt: skip
    altered = piece.text("action") == "alter"
    for name, text in wanted.items():
        needed = name in ("partitions", "replication.factor") and not altered
        if piece.text(name, text if not needed else "") != text:
            yield found(piece, "plan", name, f"{how(piece, name)}, and the plan says {text}", f"write {name}={text}")
    yield from topics.outlives(piece, facts.outage_s + facts.catch_up_s, planned.peak_bytes_per_s)


def _brokers(facts: Facts, pieces: Sequence[Piece]) -> Iterator[Finding]:
    own = [piece for piece in pieces if piece.kind == "broker"]
    dialects: list[str] = [] if platforms.without(facts.platform, "server") else ["server", "tfvars"]
    for dialect in [*dialects, *(["strimzi", "tfvars"] if facts.platform == "strimzi" else [])]:
        if not any(piece.dialect == dialect for piece in own):
            yield lost(f"the brokers' settings in {dialect}")
    for piece in own:
        yield from _explicit(facts, piece, (*_BROKER, *(_SHARE if facts.kafka_version[:2] >= "4." else ())))
        yield from brokers.outlives(piece, facts.outage_s + facts.catch_up_s)
        for name, text in (("default.replication.factor", facts.replication_factor),
                           ("min.insync.replicas", facts.min_insync_replicas),
                           ("message.max.bytes", max(topic.max_message_bytes for topic in facts.topics))):  # fmt: skip
            if piece.text(name, str(text)) != str(text):
                yield found(
                    piece, "plan", name, f"{how(piece, name)}, and the plan says {text}", f"write {name}={text}"
                )
        lag = piece.number("replica.lag.time.max.ms")
        if lag is not None and lag != 30_000:
            yield found(
                piece,
                "replica-lag",
                "replica.lag.time.max.ms",
                f"{how(piece, 'replica.lag.time.max.ms')}: clients' request.timeout.ms was chosen for 30000",
                "write 30000",
            )
    racks = Counter(piece.text("broker.rack") for piece in own if piece.dialect == "server")
    if racks and facts.zones > 1 and not platforms.rack(facts.platform) and (len(racks) != facts.zones or "" in racks):
        yield lost(f"a file for each of {facts.zones} zones, each with a broker.rack of its own,")


def _agreement(pieces: Sequence[Piece]) -> Iterator[Finding]:
    """Yield settings that one dialect has otherwise than the rest."""
    alike: dict[tuple[Kind, str], list[Piece]] = {}
    for piece in pieces:
        if piece.kind in ("producer", "consumer", "topic", "broker"):
            what = str("transactional.id" in piece.values) if piece.kind == "producer" else piece.name
            alike.setdefault((piece.kind, "" if piece.kind == "broker" else what), []).append(piece)
    for group in alike.values():
        for name in sorted({name for piece in group for name in piece.values}):
            if not (name.startswith("spec.") or name in ("api", "broker.rack", "action", "partitions")):
                yield from _same(name, {piece: piece.values[name] for piece in group if name in piece.values})


def _same(name: str, values: Mapping[Piece, Value] | dict[Piece, Value]) -> Iterator[Finding]:
    texts = {id(piece): _alike(name, value.text) for piece, value in values.items()}
    usual = Counter(texts.values()).most_common(1)[0][0]
    for piece in values:
        if texts[id(piece)] != usual:
            yield found(piece, "agreement", name, f"{how(piece, name)}, and other files of the plan say {usual}",
                        "write the same everywhere")  # fmt: skip


def _alike(name: str, text: str) -> str:
    """Return a value such that the same in two dialects is the same text: librdkafka counts its buffer in KiB."""
    if name == "buffer.memory" and text.isdigit():
        return str(math.ceil(int(text) / 1024) * 1024)
    return text
