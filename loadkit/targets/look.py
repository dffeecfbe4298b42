"""What a cluster holds: names of topics and groups, and a few of the newest messages; nothing is joined or written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import confluent_kafka as ck

from loadkit.errors import TargetError
from loadkit.targets.connection import LOG, Connection
from loadkit.targets.refusals import explain
from loadkit.targets.tokens import signing

WANTED, ENOUGH = 200, 50
"""Messages read of a topic, and those with which a share of keys is worth telling."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its key, and the bytes of key, value and headers."""

    partition: int
    key: bytes | None
    size: int


def topic_names(connection: Connection) -> list[str]:
    """Return the names of all topics that may be seen, in order. Raises `TargetError`."""
    try:
        return sorted(connection.client.list_topics(timeout=connection.timeout).topics)
    except ck.KafkaException as refused:
        raise _refused(refused, "listing topics", connection) from None


def group_names(connection: Connection) -> list[str]:
    """Return the names of all consumer groups that may be seen, in order. Raises `TargetError`."""
    try:
        future = connection.client.list_consumer_groups(request_timeout=connection.timeout)
        return sorted(group.group_id for group in future.result(timeout=connection.timeout + 1).valid)
    except ck.KafkaException as refused:
        raise _refused(refused, "listing groups", connection) from None


def _refused(refused: Any, doing: str, connection: Connection) -> TargetError:
    error = refused.args[0]
    return explain(error.name(), error.str(), doing, connection.address)


def newest(
    config: Mapping[str, str], topic: str, begin: Mapping[int, int], ends: Mapping[int, int], timeout: float = 5.0
) -> list[Message]:
    """Return up to `WANTED` of the newest messages, an even part from each partition; fewer where there are fewer.

    Raises `TargetError` where reading is refused.
    """
    each = max(1, WANTED // max(len(ends), 1))
    places = [
        ck.TopicPartition(topic, part, max(begin.get(part, 0), end - each))
        for part, end in ends.items() if end > begin.get(part, 0)
    ]  # fmt: skip
    wanted = sum(ends[place.partition] - place.offset for place in places)
    if not places:
        return []
    settings: dict[str, Any] = {**signing(config), "group.id": "loadkit-survey", "enable.auto.commit": "false",
                                "enable.auto.offset.store": "false", "auto.offset.reset": "error",
                                "logger": LOG}  # fmt: skip
    consumer, found = ck.Consumer(settings), list[Message]()
    try:
        consumer.assign(places)
        limit = time.monotonic() + timeout
        while len(found) < wanted and time.monotonic() < limit:
            for message in consumer.consume(wanted - len(found), 0.2):
                if error := message.error():
                    raise TargetError(f"reading {topic}: {error.str()}; the plan needs to see a few messages")
                key, value = message.key(), message.value()
                size = len(key or b"") + len(value or b"") + sum(
                    len(name) + len(held or b"") for name, held in message.headers() or ()
                )  # fmt: skip
                found.append(Message(message.partition(), key, size))
    finally:
        consumer.close()
    return found
