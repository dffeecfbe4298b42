"""The commands that make the topics, and change those that exist."""

from __future__ import annotations

from loadkit.sizing.facts import TopicFacts
from loadkit.sizing.recommend.words import about, alike, commented, header, joined, omitted, wrapped
from loadkit.sizing.settings import platforms
from loadkit.sizing.settings.model import Recommended, Setting, Topic

TITLE = "topic commands"
_HEAD = """\
set -eu
: "${BOOTSTRAP_SERVERS:?set it to your brokers, like b1:9092,b2:9092}"
KAFKA_BIN="${KAFKA_BIN:+$KAFKA_BIN/}"  # the folder of kafka-topics.sh, unless it is on the PATH
"""
_CLI = (
    '"${KAFKA_BIN}%s" --bootstrap-server "$BOOTSTRAP_SERVERS" ${COMMAND_CONFIG:+--command-config "$COMMAND_CONFIG"} \\'
)


def files(plan: Recommended) -> dict[str, str]:
    """Return one shell script."""
    head = header(plan.facts, "Topics") + wrapped(
        ["It stops at the first topic that exists already; COMMAND_CONFIG may name a file with your admin's security."]
    )
    lines = ["#!/bin/sh", *commented(head), *_HEAD.splitlines()]
    for topic in plan.topics:
        lines += ["", *_topic(plan, topic)]
    return {"topics/create-topics.sh": joined(lines)}


def _topic(plan: Recommended, topic: Topic) -> list[str]:
    taken, comments = [], []
    for setting in topic.settings:
        if why := platforms.omitted(plan.facts.platform, "topic", setting.name):
            comments += omitted(setting.name, setting.value, why)
        else:
            taken.append(setting)
            comments += about(setting, "")
    lines = commented([*alike(topic.facts), *_partitions(topic.facts), *comments])
    if topic.facts.existing_partitions is None:
        return lines + _created(topic, taken)
    return lines + _changed(topic.facts, taken)


def _partitions(topic: TopicFacts) -> list[str]:
    peak = f"{topic.peak_bytes_per_s / 1e6:.3g} MB/s at peak"
    return wrapped(
        [
            f"{topic.name}: {topic.partitions} partitions for {peak}"
            + (
                ", keyed: adding partitions later moves keys to other partitions and breaks their order"
                if topic.keyed
                else ""
            )
        ]
    )


def _created(topic: Topic, settings: list[Setting]) -> list[str]:
    words = [f"--create --topic {quoted(topic.facts.name)}", f"--partitions {topic.facts.partitions}",
             f"--replication-factor {topic.replication_factor}",
             *(f"--config {quoted(f'{one.name}={one.value}')}" for one in settings)]  # fmt: skip
    return [_CLI % "kafka-topics.sh", *_continued(words)]


def _changed(topic: TopicFacts, settings: list[Setting]) -> list[str]:
    """Return what changes a topic that exists; partitions of a keyed one are never added in place."""
    lines = []  # a command a setting: kafka-configs takes one --add-config
    for one in settings:
        added = f"--add-config {quoted(f'{one.name}={_bracketed(one.value)}')}"
        words = [f"--alter --entity-type topics --entity-name {quoted(topic.name)}", added]
        lines += [_CLI % "kafka-configs.sh", *_continued(words)]
    had = topic.existing_partitions or 0
    if topic.partitions <= had:
        return lines
    if topic.keyed:
        return [*commented(wrapped([
            f"{topic.name} has {had} partitions and is to have {topic.partitions}. It is keyed: do not alter it. Make "
            f"a new topic with {topic.partitions} partitions, let producers write to it, let consumers finish the old "
            "one, then move them: so each key stays in order."])), *lines]  # fmt: skip
    grown = [f"--alter --topic {quoted(topic.name)}", f"--partitions {topic.partitions}"]
    return [*lines, _CLI % "kafka-topics.sh", *_continued(grown)]


def _continued(words: list[str]) -> list[str]:
    return [f"  {word} \\" for word in words[:-1]] + [f"  {words[-1]}"]


def _bracketed(value: str) -> str:
    """Return a value for kafka-configs, which splits at commas outside of brackets."""
    return f"[{value}]" if "," in value else value


def quoted(text: str) -> str:
    """Return text as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"
