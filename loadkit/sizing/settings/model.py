"""What is recommended, before any dialect spells it. Names and values are Java's; sizes in bytes, times in ms."""

from __future__ import annotations

from dataclasses import dataclass

from loadkit.sizing.facts import Effect, Facts, GroupFacts, TopicFacts


@dataclass(frozen=True, slots=True)
class Setting:
    """One recommended value with its reasons."""

    name: str
    value: str
    why: str
    gives_up: str = ""
    effect: Effect | None = None
    """What a client measured, or what is assumed and by which source."""


@dataclass(frozen=True, slots=True)
class Producer:
    """The settings of what sends to some topics."""

    transactional: bool
    topics: tuple[str, ...]
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Consumer:
    """The settings of one group."""

    group: str
    topics: tuple[str, ...]
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: how it is made, and its properties."""

    facts: TopicFacts
    replication_factor: int
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Recommended:
    """Everything that files are written from."""

    facts: Facts
    producers: tuple[Producer, ...]
    consumers: tuple[Consumer, ...]
    topics: tuple[Topic, ...]
    broker: tuple[Setting, ...]
    """Of every broker; its rack is added by zone."""
    jvm: tuple[Setting, ...]
    kernel: tuple[Setting, ...]
    """Of sysctl."""
    limits: tuple[Setting, ...]
    """Of the service unit."""


def groups_of(facts: Facts) -> dict[str, list[tuple[TopicFacts, GroupFacts]]]:
    """Return each group's name to the topics it reads, each with its facts there; in the order of the topics."""
    found: dict[str, list[tuple[TopicFacts, GroupFacts]]] = {}
    for topic in facts.topics:
        for group in topic.groups:
            found.setdefault(group.name, []).append((topic, group))
    return found


def chosen(facts: Facts, setting: Setting) -> Setting:
    """Return a setting with the plan's own choice over it, where the plan made one (the last one counts)."""
    for effect in reversed(facts.clients):
        if effect.setting == setting.name:
            return Setting(setting.name, effect.value, setting.why, setting.gives_up, effect)
    return setting


def number(settings: dict[str, Setting], name: str, otherwise: int) -> int:
    """Return a setting's whole number; `otherwise` where it is none, which the checker then refuses."""
    text = settings[name].value if name in settings else ""
    return int(text) if text.isdigit() else otherwise
