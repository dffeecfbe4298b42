"""Settings for confluent-kafka-python, as dictionaries to import."""

from __future__ import annotations

import re
from collections.abc import Iterable

from loadkit.sizing.recommend.dialects.librdkafka import rows
from loadkit.sizing.recommend.words import commented, header, joined, slugs
from loadkit.sizing.settings.model import Recommended, Setting
from loadkit.sizing.settings.translation import Role

TITLE = "confluent-kafka-python"
_DOC = '"""Settings of producers and consumers: `Producer({**PRODUCER, "bootstrap.servers": ...})`."""'


def files(plan: Recommended) -> dict[str, str]:
    """Return one module with a dictionary for each kind of producer and each group."""
    lines = [_DOC, "", *commented(header(plan.facts, "confluent-kafka-python"))]
    for producer in plan.producers:
        name = "TRANSACTIONAL_PRODUCER" if producer.transactional else "PRODUCER"
        lines += _dictionary(plan, name, "producer", producer.topics, producer.settings)
    folders = slugs(consumer.group for consumer in plan.consumers)
    for consumer in plan.consumers:
        name = "CONSUMER_" + folders[consumer.group].replace("-", "_").upper()
        lines += _dictionary(plan, name, "consumer", consumer.topics, consumer.settings)
    return {"python/kafka_settings.py": joined(lines)}


def _dictionary(
    plan: Recommended, name: str, role: Role, topics: Iterable[str], settings: Iterable[Setting]
) -> list[str]:
    lines = ["", "", *commented([f"{role} of {', '.join(topics)}"]), f"{name} = {{"]
    for comment, key, value in rows(plan, role, settings):
        lines += commented(comment, "    ")
        if key:
            lines.append(f"    {key!r}: {_literal(value)},".replace("'", '"', 2))
    return [*lines, "}"]


def _literal(value: str) -> str:
    """Return a value as Python has it: numbers and truths as such, all else as text."""
    if value in ("true", "false"):
        return value.capitalize()
    return value if re.fullmatch(r"-?(0|[1-9]\d*)", value) else repr(value)
