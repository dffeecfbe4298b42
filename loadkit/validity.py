"""Whether a combination of settings can work at all, and whether it is safe for data that matters.

`fault` says what would make every trial of a point fail or measure something else than its settings say. `risk` says
why a point may lose, double or reorder messages: it is measured all the same, and never recommended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from loadkit.clusters import forms, layer_of, role_of
from loadkit.errors import ScenarioError, UsageError
from loadkit.scenario import ProducerWorkload, Scenario, Topic
from loadkit.target import Target
from loadkit.targets.embedded_spec import EmbeddedSpec
from loadkit.targets.properties import effective
from loadkit.targets.property_rules import CAPS, capped, unsafe

LARGEST_BATCH = 1_048_588
"""Kafka's own `max.message.bytes` of a topic."""
_WHOLE = (".ms", ".bytes", ".replicas", ".messages")
"""How names of topic properties end that take whole numbers, without a unit."""


def configs_of(scenario: Scenario, target: Target) -> dict[str, dict[str, str]]:
    """Return the client settings in force by class, references to secrets unread; ScenarioError where they clash."""
    return {
        w.name: effective(role_of(w), [*target.layers(role_of(w)), layer_of(w)], ScenarioError)
        for w in scenario.workloads
    }


def fault(scenario: Scenario, target: Target, varied: Collection[str]) -> str | None:
    """Return why a scenario cannot work on a target; None when it can. `varied` are the paths that a sweep moves."""
    try:
        forms(scenario)
        configs = configs_of(scenario, target)
    except UsageError as error:
        return str(error)
    for workload in scenario.producers:
        if said := _of_producer(workload, configs[workload.name], target, varied):
            return f"{workload.name}: {said}"
    return None


def _of_producer(
    workload: ProducerWorkload, config: Mapping[str, str], target: Target, varied: Collection[str]
) -> str | None:
    message = workload.mean_size
    caps = capped(config, message) if any(path.endswith((*CAPS, ".payload", ".size")) for path in varied) else []
    topic = workload.topic
    return next(filter(None, [
        *caps, _too_large(topic, config, message, target),
        _never_in_sync(topic, config, target), _broken(workload, config),
    ]), None)  # fmt: skip


def _too_large(topic: Topic, config: Mapping[str, str], message: int, target: Target) -> str | None:
    """Return what is refused for its size: a message by the client, or what is not compressed by the topic."""
    largest, allowed = int(config.get("message.max.bytes", "1000000")), _largest_batch(topic, target)
    if message > largest:
        return f"messages of {message} bytes are above message.max.bytes={largest}: raise it, or send smaller ones"
    batch = max(message, min(int(config.get("batch.size", "1000000")), largest))
    if allowed is not None and batch > allowed and config.get("compression.type", "none") == "none":
        return (
            f"a full batch of {batch} bytes is above max.message.bytes={allowed} of topic {topic.name}, which refuses "
            "it: lower batch.size or raise max.message.bytes"
        )
    return None


def _largest_batch(topic: Topic, target: Target) -> int | None:
    """Return the bytes of the largest batch that a topic takes; None: not known before it is made."""
    params = EmbeddedSpec.parse(target.text).params if target.kind == "embedded" else {}
    default = int(params.get("message.max.bytes", LARGEST_BATCH)) if target.built_in else None
    return _number(topic, "max.message.bytes", default)


def _never_in_sync(topic: Topic, config: Mapping[str, str], target: Target) -> str | None:
    copies, needed = replication(topic, target)
    if copies is None or needed is None or needed <= copies or config.get("acks") != "all":
        return None
    return (
        f"min.insync.replicas={needed} of topic {topic.name} is above its replication factor {copies}: "
        "nothing can be written with acks=all"
    )


def _broken(workload: ProducerWorkload, config: Mapping[str, str]) -> str | None:
    if workload.transactions and config.get("enable.idempotence") != "true":
        return "transactions need enable.idempotence=true, acks=all and at most 5 requests in flight"
    return None


def replication(topic: Topic, target: Target) -> tuple[int | None, int | None]:
    """Return replication factor and min.insync.replicas that a topic will have; None: not known before it is made."""
    copies, needed = target.topics.replication_factor, target.topics.min_insync_replicas
    if target.kind == "embedded":
        nodes = EmbeddedSpec.parse(target.text).nodes
        copies, needed = copies or min(3, nodes), needed or (2 if nodes >= 3 else 1)
    return copies, _number(topic, "min.insync.replicas", needed)


def _number(topic: Topic, name: str, otherwise: int | None) -> int | None:
    text = topic.config.get(name, "")
    return int(text) if text.isdigit() else otherwise


def check_topic(topic: Topic) -> None:
    """Raise ScenarioError where a topic property that is a whole number was written with a unit or as a word."""
    for name, text in topic.config.items():
        if name.endswith(_WHOLE) and not text.lstrip("-").isdigit():
            raise ScenarioError(f"{topic.name}.config.{name}: {text!r} is not a whole number, which Kafka wants here")


def risk(scenario: Scenario, target: Target) -> str | None:
    """Return why a scenario's messages may be lost, doubled or reordered on a target; None when it is safe.

    A target of one broker cannot keep a second copy whatever its settings: there, only the client's are judged.
    """
    configs = configs_of(scenario, target)
    for workload in scenario.producers:
        if said := unsafe(configs[workload.name]):
            return f"{workload.name}: {said}"
    alone = target.kind == "embedded" and EmbeddedSpec.parse(target.text).nodes == 1
    return None if alone else next(filter(None, (_copies(topic, target) for topic in scenario.topics.values())), None)


def _copies(topic: Topic, target: Target) -> str | None:
    copies, needed = replication(topic, target)
    if copies is not None and copies < 3:
        return f"topic {topic.name} has replication factor {copies}: three copies survive the loss of one and a repair"
    if needed is not None and needed < 2:
        return f"min.insync.replicas={needed} of topic {topic.name}: an acknowledged message may be on one broker alone"
    if topic.config.get("unclean.leader.election.enable") == "true":
        return f"topic {topic.name} elects leaders that lack messages (unclean.leader.election.enable=true)"
    return None
