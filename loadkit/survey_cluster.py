"""What a running cluster says of its own workload, read-only, as requirements to start a plan from.

It lists topics, properties, offsets (twice, some seconds apart) and committed offsets of groups, and reads a few of the
newest messages of each topic by a consumer that joins no group and commits nothing. Nothing is written anywhere.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from loadkit.errors import LoadkitError, TargetError
from loadkit.target import Target
from loadkit.targets import admin, look
from loadkit.units import format_duration

INTERNAL = ("__", "_schemas", "_confluent", "loadkit.")
"""Topics that are none of the workload's."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One topic as it was seen."""

    name: str
    partitions: int
    copies: int
    config: Mapping[str, str]
    rate: float
    """Messages a second."""
    hottest: float
    """Share of the busiest partition."""
    size: float | None
    """Mean bytes of a message as stored, uncompressed; None where none could be read."""
    keyed: bool
    hottest_key: float | None
    """Share of the most frequent key among the messages read."""
    groups: Mapping[str, float] = field(default_factory=dict)
    """Group to lag in messages."""


def survey(target: Target, seconds: float, say: Callable[[str], None]) -> tuple[list[Seen], int, str]:
    """Return the topics, the number of brokers and the Kafka version; rates are of so many seconds. TargetError."""
    connection = admin.connect(target.client_config("admin"))
    names = [name for name in look.topic_names(connection) if not name.startswith(INTERNAL)]
    if not names:
        raise TargetError(f"{target.name} has no topics but internal ones: there is no workload to plan from")
    say(f"reading {len(names)} topics twice, {format_duration(seconds)} apart; nothing is written")
    first, began = {name: admin.end_offsets(connection, name) for name in names}, time.monotonic()
    groups = look.group_names(connection)
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))
    ends = {name: admin.end_offsets(connection, name) for name in names}
    passed = time.monotonic() - began
    config = target.client_config("consumer")
    found = []
    for name in names:
        grown = {part: end - first[name].get(part, end) for part, end in ends[name].items()}
        found.append(_seen(connection, config, name, ends[name], grown, passed, groups))
    return found, len(connection.cluster.brokers), connection.cluster.version


def _seen(
    connection: admin.Connection, config: Mapping[str, str], name: str, ends: Mapping[int, int],
    grown: Mapping[int, int], seconds: float, groups: Sequence[str],
) -> Seen:  # fmt: skip
    parts = admin.describe_topics(connection, [name])[name]
    begin = admin.beginning_offsets(connection, name)
    total = sum(grown.values())
    weights = grown if total else {part: end - begin.get(part, 0) for part, end in ends.items()}
    whole = sum(weights.values())
    messages = look.newest(config, name, begin, ends)
    keys = _keys(messages, weights)
    size = sum(message.size for message in messages) / len(messages) if messages else None
    return Seen(
        name, len(parts), max(len(part.replicas) for part in parts), admin.topic_configs(connection, name),
        total / seconds, max(weights.values()) / whole if whole else 1 / len(parts), size, bool(keys) or not messages,
        max(keys.values()) if len(messages) >= look.ENOUGH and keys else None,
        dict(_lags(connection, name, ends, groups)),
    )  # fmt: skip


def _keys(messages: Sequence[look.Message], weights: Mapping[int, int]) -> dict[bytes, float]:
    """Return each key's share of the topic: as many messages were read of a busy partition as of a quiet one."""
    read, whole = Counter(message.partition for message in messages), sum(weights.values())
    found: dict[bytes, float] = {}
    for message in messages:
        if message.key is not None:
            part = weights.get(message.partition, 0) / max(whole, 1) / read[message.partition]
            found[message.key] = found.get(message.key, 0.0) + part
    return found


def _lags(
    connection: admin.Connection, name: str, ends: Mapping[int, int], groups: Sequence[str]
) -> Iterator[tuple[str, float]]:
    for group in groups:
        try:
            at = admin.committed(connection, group, name)
        except LoadkitError:  # of a group that we may not describe, or of another protocol
            continue
        if at:
            yield group, float(sum(max(0, ends.get(part, 0) - offset) for part, offset in at.items()))


def requirements_text(target: Target, found: Sequence[Seen], brokers: int, version: str, seconds: float) -> str:
    """Return a requirements file of what was seen; what cannot be seen is marked for the planner to fill in."""
    facts = target.cluster
    zones = facts.zones or 3
    kind, marked = (facts.platform, "") if facts.platform else ("self-managed", "   # CHECK")
    lines = [
        f"# Proposed from {target.name}, read-only; rates are of {format_duration(seconds)}: a busy hour tells more.",
        "# Lines with CHECK were not to be seen on the cluster: state them before you rely on the plan.",
        "", f"name = {_text(target.name)}", "", "[platform]", f"kind = {_text(kind)}{marked}", f"zones = {zones}",
        f"kafka_version = {_text(_version(version))}",
    ]  # fmt: skip
    if kind in ("self-managed", "strimzi", "redpanda"):
        lines += [
            "", "[[platform.shapes]]   # CHECK: what machine a broker is, sustained rates",
            f"name = {_text(facts.shape or 'broker')}", "cores = 8", 'memory = "32GiB"', 'network = "600MB/s"',
            'disk = "4TB"', 'disk_write = "400MB/s"',
        ]  # fmt: skip
    if facts.shape:
        lines += ["", "[existing]", f"brokers = {brokers}", f"shape = {_text(facts.shape)}"]
    for one in found:
        lines += ["", *_topic(one)]
    return "\n".join(lines) + "\n"


def _topic(one: Seen) -> Iterator[str]:
    yield "[[topics]]"
    yield f"name = {_text(one.name)}"
    yield f"rate = {one.rate:.6g}         # messages a second, as measured"
    yield f"peak = {2 * one.rate:.6g}         # CHECK: the highest minute; twice the rate is assumed"
    size = 1024 if one.size is None else max(1, round(one.size))
    yield f"size = {size}" + ("   # CHECK: no message could be read" if one.size is None else "")
    yield f"keyed = {str(one.keyed).lower()}"
    if one.keyed:
        spread = max(0.0, (one.hottest - 1 / one.partitions) / (1 - 1 / one.partitions)) if one.partitions > 1 else 0.0
        share = max(spread, one.hottest_key or 0.0) if one.rate else one.hottest_key
        told = f"its busiest partition has {one.hottest:.1%}"
        yield f"hottest_key = {share or 0.0:.4f}   # {told}"
    yield f"partitions = {one.partitions}"
    retention = int(one.config.get("retention.ms", "604800000"))
    yield 'retention = "forever"' if retention < 0 else f'retention = "{retention / 1000:g}s"'
    if int(one.config.get("retention.bytes", "-1")) > 0:
        yield f"retention_bytes = {one.config['retention.bytes']}"
    cleanup = one.config.get("cleanup.policy", "delete").replace("delete,compact", "compact,delete")
    yield f"cleanup = {_text(cleanup)}"
    if "compact" in cleanup:
        yield "live_keys = 1_000_000   # CHECK: distinct keys"
    for group, lag in one.groups.items():
        yield ""
        yield "[[topics.groups]]"
        yield f"name = {_text(group)}   # lag {lag:,.0f} messages"
        yield 'process_time = "1ms"   # CHECK: of one message'


def _version(version: str) -> str:
    return version if version.count(".") == 2 else f"{version or '4.1'}.0"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
