"""Strimzi's `Kafka`, `KafkaNodePool` and `KafkaTopic` resources (kafka.strimzi.io/v1)."""

from __future__ import annotations

import json

from loadkit.sizing.recommend.words import about, alike, commented, header, joined, omitted, slug, slugs
from loadkit.sizing.settings import platforms
from loadkit.sizing.settings.model import Recommended, Topic
from loadkit.sizing.settings.topic import partitions_to_write

TITLE = "Strimzi"
_CONTROLLERS = 3


def files(plan: Recommended) -> dict[str, str]:
    """Return the cluster with its node pools, and the topics."""
    topics = commented(header(plan.facts, "Strimzi topics"))
    names = slugs(topic.facts.name for topic in plan.topics)
    for topic in plan.topics:
        topics += ["---", *commented(alike(topic.facts)), *_topic(plan, topic, names[topic.facts.name])]
    return {"strimzi/kafka.yaml": _cluster(plan), "strimzi/topics.yaml": joined(topics)}


def _cluster(plan: Recommended) -> str:
    lines = commented([*header(plan.facts, "Strimzi cluster"),
                       "Security of the listeners is yours to add; metricsConfig names the ConfigMap of Strimzi's own "
                       "examples/metrics/kafka-metrics.yaml."])  # fmt: skip
    return joined([*lines, *_controllers(plan), *_brokers(plan), *_kafka(plan)])


def _pool(plan: Recommended, role: str, replicas: int) -> list[str]:
    return [
        "---",
        "apiVersion: kafka.strimzi.io/v1",
        "kind: KafkaNodePool",
        "metadata:",
        f"  name: {role}",
        "  labels:",
        f"    strimzi.io/cluster: {_text(slug(plan.facts.name))}",
        "spec:",
        f"  replicas: {replicas}",
        "  roles:",
        f"    - {role}",
    ]


def _storage(gibibytes: int) -> list[str]:
    return [
        "  storage:",
        "    type: jbod",
        "    volumes:",
        "      - id: 0",
        "        type: persistent-claim",
        f"        size: {gibibytes}Gi",
        "        kraftMetadata: shared",
    ]


def _controllers(plan: Recommended) -> list[str]:
    pool = _pool(plan, "controller", _CONTROLLERS)
    return [*pool, *commented(["three controllers keep the metadata when one is lost"], "  "), *_storage(100)]


def _brokers(plan: Recommended) -> list[str]:
    broker = plan.facts.broker
    size = [f"      cpu: {_text(f'{broker.cpu_cores:g}')}", f"      memory: {_text(f'{broker.ram_bytes // 2**20}Mi')}"]
    lines = [*_pool(plan, "broker", plan.facts.brokers), *_storage(broker.disk_bytes // 2**30), "  resources:"]
    lines += ["    requests:", *size, "    limits:", size[1], "  jvmOptions:"]
    for option in plan.jvm:
        if option.name == "-XX:":
            continue
        lines += [*commented(about(option, ""), "    "), f"    {_text(option.name)}: {_text(option.value)}"]
    lines.append('    "-XX":')
    for option in plan.jvm:
        if option.name == "-XX:":
            name, _, value = option.value.removeprefix("+").partition("=")
            lines += [*commented(about(option, ""), "      "), f"      {_text(name)}: {_text(value or 'true')}"]
    return lines


def _kafka(plan: Recommended) -> list[str]:
    facts = plan.facts
    lines = [
        "---",
        "apiVersion: kafka.strimzi.io/v1",
        "kind: Kafka",
        "metadata:",
        f"  name: {_text(slug(facts.name))}",
        "spec:",
        "  kafka:",
        f"    version: {_text(facts.kafka_version)}",
        "    listeners:",
        "      - name: tls",
        "        port: 9093",
        "        type: internal",
        "        tls: true",
        *_rack(facts.zones),
        "    config:",
    ]
    for setting in plan.broker:
        lines += [*commented(about(setting, ""), "      "), f"      {_text(setting.name)}: {_scalar(setting.value)}"]
    return [
        *lines,
        "    metricsConfig:",
        "      type: jmxPrometheusExporter",
        "      valueFrom:",
        "        configMapKeyRef:",
        "          name: kafka-metrics",
        "          key: kafka-metrics-config.yml",
        "  entityOperator:",
        "    topicOperator: {}",
        "    userOperator: {}",
        *commented(["tells consumers' lag, which the alerts need"], "  "),
        "  kafkaExporter:",
        '    topicRegex: ".*"',
        '    groupRegex: ".*"',
    ]


def _rack(zones: int) -> list[str]:
    if zones == 1:
        return []
    why = commented([f"the copies of a partition stand in different ones of {zones} zones"], "    ")
    return [*why, "    rack:", "      topologyKey: topology.kubernetes.io/zone"]


def _topic(plan: Recommended, topic: Topic, name: str) -> list[str]:
    lines = [
        "apiVersion: kafka.strimzi.io/v1",
        "kind: KafkaTopic",
        "metadata:",
        f"  name: {_text(name)}",
        "  labels:",
        f"    strimzi.io/cluster: {_text(slug(plan.facts.name))}",
        "spec:",
        f"  topicName: {_text(topic.facts.name)}",
        *_partitions(topic),
        f"  replicas: {topic.replication_factor}",
        "  config:",
    ]
    for setting in topic.settings:
        if why := platforms.omitted(plan.facts.platform, "topic", setting.name):
            lines += commented(omitted(setting.name, setting.value, why), "    ")
            continue
        lines += [*commented(about(setting, ""), "    "), f"    {_text(setting.name)}: {_scalar(setting.value)}"]
    return lines


def _partitions(topic: Topic) -> list[str]:
    number, why = partitions_to_write(topic.facts)
    return [*(commented([why], "  ") if why else []), f"  partitions: {number}"]


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _scalar(value: str) -> str:
    """Return a whole number or truth as YAML has it, all else as text."""
    return value if value in ("true", "false") or value.lstrip("-").isdigit() else _text(value)
