"""What is asked of a cluster besides sending and reading: topics, groups, offsets, settings.

Plain functions over one connection. Each has a time limit, and each refusal becomes a `TargetError` or `TopicError`
that says what to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import confluent_kafka as ck
import confluent_kafka.admin

from loadkit.errors import TargetError, TopicError
from loadkit.targets.connection import LOG, Broker, Cluster, Connection, awaited, connect, explained

__all__ = [
    "Broker", "Cluster", "Connection", "Partition", "TopicPlan", "beginning_offsets", "broker_configs", "committed",
    "connect", "create_topics", "delete_groups", "delete_topics", "describe_topics", "end_offsets", "set_group_config",
    "topic_configs", "under_replicated",
]  # fmt: skip

_PAUSE = 0.1
_NO_COORDINATOR = ("NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS", "_WAIT_COORD")
_NO_LEADER = (
    "LEADER_NOT_AVAILABLE", "NOT_LEADER_FOR_PARTITION", "FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH",
    "OFFSET_NOT_AVAILABLE", "_NOENT",
)  # fmt: skip
"""What is said while a partition's leader moves; _NOENT is librdkafka's "No leaders found"."""
_ABSENT = ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC")
ck_admin: Any = confluent_kafka.admin
"""Any: the package re-exports its names without telling type checkers."""
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic to make."""

    name: str
    partitions: int
    replication_factor: int | None = None
    """None: the cluster's default."""
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Partition:
    """Where one partition lies; a leader of None is none."""

    id: int
    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


def create_topics(connection: Connection, plans: Iterable[TopicPlan]) -> None:
    """Make topics and return when every partition has a leader. Note them in the ledger first.

    Raises `TopicError` where one exists already, is refused by name, or gets no leaders in time.
    """
    wanted = {plan.name: plan for plan in plans}
    if not wanted:
        return
    new = [
        ck_admin.NewTopic(plan.name, plan.partitions, plan.replication_factor or -1, config=dict(plan.config))
        for plan in wanted.values()
    ]
    patience = connection.timeout
    futures = connection.client.create_topics(new, operation_timeout=patience, request_timeout=patience)
    for name, future in futures.items():
        plan = wanted[name]
        facts = {"partitions": plan.partitions, "replication_factor": plan.replication_factor or "by default"}
        _result(connection, future, f"creating topic {name}", name, brokers=len(connection.cluster.brokers), **facts)
    connection.made.update(wanted)
    _await_leaders(connection, wanted)


def _await_leaders(connection: Connection, plans: Mapping[str, TopicPlan]) -> None:
    limit, missing = time.monotonic() + connection.timeout, list(plans)
    while missing:
        if time.monotonic() > limit:
            raise TopicError(
                f"topic {missing[0]} has partitions without a leader after {connection.timeout:.0f} s: "
                "look at the brokers' logs"
            )
        found = describe_topics(connection, missing, absent_is_error=False)
        missing = [name for name in missing if not _ready(found.get(name), plans[name].partitions)]
        if missing:
            time.sleep(_PAUSE)


def _ready(partitions: Sequence[Partition] | None, count: int) -> bool:
    return partitions is not None and sum(partition.leader is not None for partition in partitions) == count


def describe_topics(
    connection: Connection, names: Iterable[str], absent_is_error: bool = True
) -> dict[str, tuple[Partition, ...]]:
    """Return the partitions of each topic, in order; creates none. A missing one is a `TopicError`, or left out."""
    names = list(names)

    def ask() -> dict[str, tuple[Partition, ...]]:
        futures = connection.client.describe_topics(ck.TopicCollection(names), request_timeout=connection.timeout)
        found = {}
        for name, future in futures.items():
            try:
                answer = _result(connection, future, f"looking at topic {name}", name)
            except TopicError as refused:
                if absent_is_error or refused.code not in _ABSENT:
                    raise
                continue
            found[name] = tuple(sorted((_partition(part) for part in answer.partitions), key=lambda part: part.id))
        return found

    return _once_settled(ask, _unheard(connection, names), connection)


def _unheard(connection: Connection, names: Collection[str]) -> tuple[str, ...]:
    """Return the codes of absence if all these topics were made here, so that they will be heard of."""
    return _ABSENT if connection.made.issuperset(names) else ()


def _partition(part: Any) -> Partition:
    leader = part.leader.id if part.leader is not None and part.leader.id >= 0 else None
    return Partition(part.id, leader, tuple(node.id for node in part.replicas), tuple(node.id for node in part.isr))


def under_replicated(connection: Connection) -> list[str]:
    """Return `topic-partition` of each partition of the cluster with a replica out of sync or without a leader."""
    try:
        topics = connection.client.list_topics(timeout=connection.timeout).topics
    except ck.KafkaException as refused:
        raise explained(refused.args[0], "asking for partitions", connection.address) from None
    return sorted(
        f"{name}-{number}"
        for name, topic in topics.items()
        for number, part in topic.partitions.items()
        if len(part.isrs) < len(part.replicas) or part.leader < 0
    )


def topic_configs(connection: Connection, topic: str) -> dict[str, str]:
    """Return a topic's properties as they are in force; sensitive ones are left out."""
    return _configs(connection, ck_admin.ResourceType.TOPIC, topic, f"reading the properties of topic {topic}")


def broker_configs(connection: Connection, broker: int) -> dict[str, str]:
    """Return a broker's properties as they are in force; sensitive ones are left out."""
    return _configs(connection, ck_admin.ResourceType.BROKER, str(broker), f"reading the properties of broker {broker}")


def _configs(connection: Connection, kind: Any, name: str, doing: str) -> dict[str, str]:
    asked = ck_admin.ConfigResource(kind, name)

    def ask() -> Any:
        future = connection.client.describe_configs([asked], request_timeout=connection.timeout)[asked]
        return _result(connection, future, doing, name)

    entries = _once_settled(ask, _unheard(connection, [name]), connection)
    return {entry.name: entry.value for entry in entries.values() if entry.value is not None and not entry.is_sensitive}


def set_group_config(connection: Connection, group: str, config: Mapping[str, str]) -> None:
    """Set properties of a group, such as `share.auto.offset.reset` of a share group."""
    entries = [
        ck_admin.ConfigEntry(name, value, incremental_operation=ck_admin.AlterConfigOpType.SET)
        for name, value in config.items()
    ]
    asked = ck_admin.ConfigResource(ck_admin.ResourceType.GROUP, group, incremental_configs=entries)
    future = connection.client.incremental_alter_configs([asked], request_timeout=connection.timeout)[asked]
    _result(connection, future, f"setting properties of group {group}", group)


def delete_topics(connection: Connection, names: Iterable[str]) -> list[str]:
    """Delete topics; return those that were there. Only what the ledger names may be given here."""
    return _deleted(connection, list(names), connection.client.delete_topics, "topic", ("UNKNOWN_TOPIC_OR_PART",))


def delete_groups(connection: Connection, groups: Iterable[str]) -> list[str]:
    """Delete groups without members; return those that were there."""
    groups = list(groups)
    for group in groups:
        if reader := connection.readers.pop(group, None):
            reader.close()
    absent = ("GROUP_ID_NOT_FOUND", *_NO_COORDINATOR)
    return _deleted(connection, groups, connection.client.delete_consumer_groups, "group", absent)


def _deleted(
    connection: Connection,
    names: list[str],
    delete: Callable[..., dict[str, Future[Any]]],
    what: str,
    absent: tuple[str, ...],
) -> list[str]:
    gone = []
    for name in names:
        connection.partitions.pop(name, None)
        connection.made.discard(name)
    futures = delete(names, request_timeout=connection.timeout) if names else {}
    for name, future in futures.items():
        try:
            _result(connection, future, f"deleting {what} {name}", name)
        except TargetError as refused:
            if refused.code not in absent:
                raise
        else:
            gone.append(name)
    return gone


def beginning_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """Return the first offset of each partition."""
    return _offsets(connection, topic, ck_admin.OffsetSpec.earliest())


def end_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """Return the offset after the last replicated message of each partition, open transactions included."""
    return _offsets(connection, topic, ck_admin.OffsetSpec.latest())


def _offsets(connection: Connection, topic: str, spec: Any) -> dict[int, int]:
    asked = {ck.TopicPartition(topic, number): spec for number in _numbers(connection, topic)}
    doing = f"asking for offsets of {topic}"

    def ask() -> dict[int, int]:
        futures = connection.client.list_offsets(asked, request_timeout=connection.timeout)
        return {place.partition: _result(connection, future, doing, topic).offset for place, future in futures.items()}

    return _once_settled(ask, (*_NO_LEADER, *_unheard(connection, [topic])), connection, topic)


def _numbers(connection: Connection, topic: str) -> tuple[int, ...]:
    if topic not in connection.partitions:
        connection.partitions[topic] = tuple(part.id for part in describe_topics(connection, [topic])[topic])
    return connection.partitions[topic]


def committed(connection: Connection, group: str, topic: str) -> dict[int, int]:
    """Return the committed offset of each partition that has one; empty for a group that never committed.

    Asked by a consumer that never joins: the admin client's own call crashes the process (librdkafka 2.16, in
    rd_kafka_handle_OffsetFetch) where the group's coordinator is still being found, as on a new cluster.
    """
    doing = f"asking for offsets of group {group}"
    parts = [ck.TopicPartition(topic, number) for number in _numbers(connection, topic)]
    consumer = _reader(connection, group)

    def ask() -> list[Any]:
        try:
            return consumer.committed(parts, timeout=connection.timeout)  # type: ignore[no-any-return]
        except ck.KafkaException as refused:
            raise explained(refused.args[0], doing, group) from None

    found = _once_settled(ask, _NO_COORDINATOR, connection)
    for place in found:
        if place.error is not None:
            raise explained(place.error, doing, group)
    return {place.partition: place.offset for place in found if place.offset >= 0}


def _reader(connection: Connection, group: str) -> Any:
    if group not in connection.readers:
        settings = {**connection.config, "group.id": group, "error_cb": connection.errors.append, "logger": LOG}
        connection.readers[group] = ck.Consumer(settings)
    return connection.readers[group]


def _once_settled(ask: Callable[[], _Answer], passing: Collection[str], asked: Connection, topic: str = "") -> _Answer:
    """Return what `ask` returns once it is not refused by one of the codes that pass: a leader or coordinator moves."""
    limit = time.monotonic() + asked.timeout
    while True:
        try:
            return ask()
        except TargetError as refused:
            if refused.code not in passing or time.monotonic() > limit:
                raise
        time.sleep(_PAUSE)
        with suppress(ck.KafkaException):  # else librdkafka sends the leaders' old epochs, however often refused
            if topic:
                asked.client.list_topics(topic, timeout=asked.timeout)


def _result(connection: Connection, future: Future[_Answer], doing: str, subject: str, **facts: object) -> _Answer:
    return awaited(
        connection.client, future, connection.errors, connection.timeout, doing=doing, subject=subject, let_in=True,
        facts=facts,
    )  # fmt: skip
