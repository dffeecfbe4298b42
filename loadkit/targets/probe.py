"""A few messages through a topic of our own, to learn whether a cluster lets us, and what its clock says."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import confluent_kafka as ck

from loadkit.targets.connection import LOG
from loadkit.targets.properties import Role
from loadkit.targets.refusals import denies, explain
from loadkit.targets.tokens import signing

_NOWHERE = "127.0.0.1:9"
_SLICE = 0.05
_RIGHTS = frozenset({"TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"})


@dataclass(frozen=True, slots=True)
class Stored:
    """One message sent and confirmed, in seconds of the wall clock."""

    sent: float
    stored: float
    """The broker's clock when it was appended, cut to whole milliseconds; of a topic with LogAppendTime."""
    acked: float


def judge(role: Role, config: Mapping[str, str]) -> str:
    """Return librdkafka's own objection to a client's config, or an empty string; nothing is reached."""
    settings: dict[str, Any] = {**config, "bootstrap.servers": _NOWHERE, "logger": LOG}
    try:
        if role == "producer":
            ck.Producer(settings)
        elif role == "consumer":
            ck.Consumer({**settings, "group.id": "loadkit"}).close()
        else:
            ck.admin.AdminClient({**settings, "client.id": "loadkit"})
    except ck.KafkaException as refused:
        return str(refused.args[0].str())
    return ""


def produce(config: Mapping[str, str], topic: str, partitions: int, rounds: int, timeout: float) -> list[list[Stored]]:
    """Return what each partition stored: `rounds` small messages, one at a time.

    Raises `TopicError` or `TargetError` for a refusal, or where one is not confirmed within `timeout` seconds.
    """
    errors: list[Any] = []
    producer = ck.Producer({**signing(config), "linger.ms": "0", "error_cb": errors.append, "logger": LOG})
    return [
        [_one(producer, topic, partition, timeout, errors) for _ in range(rounds)] for partition in range(partitions)
    ]


def _denied(error: Any) -> bool:
    return error.name() in _RIGHTS or denies(error.name(), error.str())


def _one(producer: Any, topic: str, partition: int, timeout: float, errors: list[Any]) -> Stored:
    doing, reports = f"producing to {topic}", list[Any]()

    def delivered(error: Any, message: Any) -> None:
        reports.append((error, message, time.time()))

    sent, limit = time.time(), time.monotonic() + timeout
    producer.produce(topic, b"loadkit probe", partition=partition, on_delivery=delivered)
    while not reports:
        producer.poll(_SLICE)
        denied = next(filter(_denied, errors), None)
        if denied is not None:
            raise explain(denied.name(), denied.str(), doing, topic, operation="Write and Describe")
        if time.monotonic() > limit:
            raise explain("_TIMED_OUT", f"{timeout:.0f} s", doing, topic)
    error, message, acked = reports[0]
    if error is not None:
        raise explain(error.name(), error.str(), doing, topic, operation="Write and Describe")
    return Stored(sent, message.timestamp()[1] / 1000, acked)


def consume(config: Mapping[str, str], topic: str, group: str, count: int, timeout: float) -> int:
    """Return how many messages a new member of a new group read, `count` at most, within `timeout` seconds.

    Raises `TopicError` or `TargetError` for a refusal.
    """
    doing, errors, read = f"consuming {topic} as group {group}", list[Any](), 0
    settings = {
        **signing(config),
        "group.id": group,
        "auto.offset.reset": "earliest",
        "error_cb": errors.append,
        "logger": LOG,
    }
    consumer = ck.Consumer(settings)
    limit = time.monotonic() + timeout
    try:
        consumer.subscribe([topic])
        while read < count and time.monotonic() < limit:
            message = consumer.poll(_SLICE)
            problem = message.error() if message is not None else None
            errors += [problem] if problem is not None else []
            denied = next(filter(_denied, errors), None)
            if denied is not None:
                subject = group if denied.name().startswith("GROUP") else topic
                raise explain(denied.name(), denied.str(), doing, subject, operation="Read and Describe")
            read += message is not None and problem is None
        if read:
            consumer.commit(asynchronous=False)
    except ck.KafkaException as refused:
        raise explain(refused.args[0].name(), refused.args[0].str(), doing, group) from None
    finally:
        consumer.close()
    return read
