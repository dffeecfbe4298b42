"""Whether facts are such that files can be written of them at all; whether those are safe, the checker says."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from loadkit.errors import PlanError
from loadkit.sizing.facts import PLATFORMS, BrokerFacts, Ceiling, Facts, TopicFacts
from loadkit.sizing.settings.broker import release

_TOPIC = re.compile(r"[a-zA-Z0-9._][a-zA-Z0-9._-]{0,248}")
"""Without a dash in front, which commands would take for an option."""
_LEAST_MESSAGE = 2_048
"""Below it librdkafka's smallest message.max.bytes (1,000) with the batch's overhead does not fit."""
_LARGEST = 2**31 - 1
_LONG = 2**63 - 1


def check(facts: Facts) -> None:
    """Raise PlanError naming every fact that is impossible."""
    release(facts.kafka_version)
    wrong = [*_cluster(facts), *_broker(facts.broker), *_ceilings(facts), *_names(facts), *_choices(facts)]
    for topic in facts.topics:
        wrong += [f"topic {topic.name}: {said}" for said in _topic(topic)]
    if wrong:
        raise PlanError("the plan has facts that no config can hold: " + "; ".join(wrong))


def _cluster(facts: Facts) -> Iterator[str]:
    if facts.platform not in PLATFORMS:
        yield f"platform {facts.platform!r} is none of {', '.join(PLATFORMS)}"
    if not facts.topics:
        yield "there is no topic"
    for name, value in (("brokers", facts.brokers), ("zones", facts.zones)):
        if not 1 <= value <= 100_000:
            yield f"{name} is {value}"
    if not 0 <= facts.brokers_lost < facts.brokers:
        yield f"brokers_lost is {facts.brokers_lost} of {facts.brokers}"
    for name, seconds in (("outage_s", facts.outage_s), ("catch_up_s", facts.catch_up_s)):
        if not (math.isfinite(seconds) and 0 <= seconds <= 1e9):
            yield f"{name} is {seconds}"


def _broker(broker: BrokerFacts) -> Iterator[str]:
    for name, size in (("ram_bytes", broker.ram_bytes), ("heap_bytes", broker.heap_bytes)):
        if not 2**20 <= size < _LONG:
            yield f"{name} of a broker is {size}"
    if not 2**30 <= broker.disk_bytes < _LONG:
        yield f"disk_bytes of a broker is {broker.disk_bytes}"
    if not (math.isfinite(broker.cpu_cores) and 0 < broker.cpu_cores <= 4_096):
        yield f"cpu_cores of a broker is {broker.cpu_cores}"
    if not _printable(broker.shape) and broker.shape:
        yield "the shape of a broker is not one line of text"


def _ceilings(facts: Facts) -> Iterator[str]:
    made = facts.ceilings
    named: dict[str, Ceiling | None] = {
        "network_in": made.network_in, "network_out": made.network_out, "disk": made.disk, "cpu": made.cpu,
        "partition": made.partition,
    }  # fmt: skip
    for name, ceiling in named.items():
        if ceiling is not None and not 0 < ceiling.low <= ceiling.mid <= ceiling.high < 1e18:
            yield f"ceiling {name} is not 0 < low <= mid <= high"


def _names(facts: Facts) -> Iterator[str]:
    seen: set[str] = set()
    for topic in facts.topics:
        alike = topic.name.replace(".", "_")
        if alike in seen:
            yield f"two topics are called {topic.name}, or differ from one another in '.' and '_' only"
        seen.add(alike)
        if not _TOPIC.fullmatch(topic.name) or topic.name in (".", ".."):
            yield f"{topic.name!r} is no name of a topic: letters, digits, '.', '_', '-' (not in front), up to 249"
        groups = [group.name for group in topic.groups]
        if len(set(groups)) < len(groups):
            yield f"a group of {topic.name} is named twice"
        for name in groups:
            if not _printable(name) or "\\" in name or len(name) > 249:
                yield f"{name!r} is no name of a group that every format holds: one line, printable, without backslash"


def _choices(facts: Facts) -> Iterator[str]:
    for effect in facts.clients:
        if not re.fullmatch(r"[a-z0-9_.]{1,100}", effect.setting):
            yield f"{effect.setting!r} is no name of a setting"
        if not _printable(effect.value):
            yield f"{effect.setting} = {effect.value!r} is not one line of text"


def _topic(topic: TopicFacts) -> Iterator[str]:
    for name, value, low, high in (
        ("partitions", topic.partitions, 1, 1_000_000),
        ("max_message_bytes", topic.max_message_bytes, _LEAST_MESSAGE, _LARGEST),
        ("retention_ms", topic.retention_ms, -1, _LONG),
        ("retention_bytes", topic.retention_bytes, -1, _LONG),
        ("local_retention_ms", topic.local_retention_ms, -2, _LONG),
        ("existing_partitions", topic.existing_partitions, 1, 1_000_000),
    ):
        if value is not None and not low <= value <= high:
            yield f"{name} is {value}, not between {low} and {high}"
    if topic.cleanup not in ("delete", "compact", "compact,delete"):
        yield f"cleanup is {topic.cleanup!r}"
    if "compact" in topic.cleanup and not topic.keyed:
        yield "it is compacted, and its messages have no keys"
    if not (math.isfinite(topic.peak_bytes_per_s) and 0 <= topic.peak_bytes_per_s < 1e15):
        yield f"peak_bytes_per_s is {topic.peak_bytes_per_s}"
    for objective in (topic.latency_slo_s, topic.end_to_end_slo_s):
        if objective is not None and not (math.isfinite(objective) and 1e-6 <= objective <= 1e6):
            yield f"an objective is {objective} s"
    for group in topic.groups:
        if not (math.isfinite(group.process_time_s) and 0 <= group.process_time_s <= 1e6):
            yield f"process_time_s of group {group.name} is {group.process_time_s}"


def _printable(text: str) -> bool:
    return bool(text) and text.isprintable() and text.strip() == text
