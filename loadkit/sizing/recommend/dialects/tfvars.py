"""Variables for Terraform, with their declarations: the plan's figures for your own modules."""

from __future__ import annotations

import json
import re

from loadkit.sizing.recommend.words import about, alike, commented, header, joined, omitted
from loadkit.sizing.settings import platforms
from loadkit.sizing.settings.model import Recommended, Topic
from loadkit.sizing.settings.topic import partitions_to_write

TITLE = "Terraform variables"
_TYPES = {
    "kafka_version": ("string", "Version of Kafka"),
    "broker_count": ("number", "Brokers, or units of a platform that sells units"),
    "count_unit": ("string", "What they are: broker, or what the platform sells"),
    "zone_count": ("number", "Availability zones that they stand in"),
    "broker_shape": ("string", "Machine of a broker, or name of a unit"),
    "broker_volume_gib": ("number", "Data volume of a broker, GiB"),
    "broker_heap_mib": ("number", "Java heap of a broker, MiB"),
    "broker_properties": ("map(string)", "What every broker's server.properties says"),
    "topics": ("map(object({ partitions = number, replication_factor = number, config = map(string) }))", "Topics"),
}


def files(plan: Recommended) -> dict[str, str]:
    """Return the variables' values and their declarations."""
    return {"terraform/kafka.auto.tfvars": _values(plan), "terraform/variables.tf": _declared(plan)}


def _declared(plan: Recommended) -> str:
    lines = commented(header(plan.facts, "Terraform variables"))
    for name, (kind, text) in _TYPES.items():
        lines += ["", f'variable "{name}" {{', f"  type        = {kind}", f"  description = {_text(text)}", "}"]
    return joined(lines)


def _values(plan: Recommended) -> str:
    facts = plan.facts
    lines = [
        *commented(header(plan.facts, "Terraform variables")),
        f"kafka_version = {_text(facts.kafka_version)}",
        f"broker_count = {facts.brokers}",
        f"count_unit = {_text(facts.unit)}",
        f"zone_count = {facts.zones}",
        f"broker_shape = {_text(facts.broker.shape)}",
        f"broker_volume_gib = {facts.broker.disk_bytes // 2**30}",
        f"broker_heap_mib = {facts.broker.heap_bytes // 2**20}",
        "",
        *_broker(plan),
        "",
        "topics = {",
    ]
    for topic in plan.topics:
        lines += _topic(plan, topic)
    return joined([*lines, "}"])


def _broker(plan: Recommended) -> list[str]:
    why = platforms.without(plan.facts.platform, "server")
    if why and plan.facts.platform != "strimzi":  # whose Kafka resource has them
        return [*commented(omitted("broker_properties", "all", why)), "broker_properties = {}"]
    lines = ["broker_properties = {"]
    for setting in plan.broker:
        if why := platforms.omitted(plan.facts.platform, "broker", setting.name):
            lines += commented(omitted(setting.name, setting.value, why), "  ")
            continue
        lines += [*commented(about(setting, ""), "  "), f"  {_text(setting.name)} = {_text(setting.value)}"]
    return [*lines, "}"]


def _topic(plan: Recommended, topic: Topic) -> list[str]:
    number, said = partitions_to_write(topic.facts)
    lines = [
        *commented(alike(topic.facts), "  "),
        f"  {_text(topic.facts.name)} = {{",
        *(commented([said], "    ") if said else []),
        f"    partitions = {number}",
        f"    replication_factor = {topic.replication_factor}",
        "    config = {",
    ]
    for setting in topic.settings:
        if why := platforms.omitted(plan.facts.platform, "topic", setting.name):
            lines += commented(omitted(setting.name, setting.value, why), "      ")
            continue
        lines += [*commented(about(setting, ""), "      "), f"      {_text(setting.name)} = {_text(setting.value)}"]
    return [*lines, "    }", "  }"]


def _text(value: str) -> str:
    """Return text as HCL has it, its templates switched off."""
    return re.sub(r"([$%])\{", r"\1\1{", json.dumps(value, ensure_ascii=False))
