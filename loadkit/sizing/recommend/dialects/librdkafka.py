"""Settings for librdkafka and what stands on it (kcat, confluent-kafka-go, node-rdkafka): `name=value` lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loadkit.sizing.recommend.words import about, commented, header, joined, omitted, slugs
from loadkit.sizing.settings import platforms
from loadkit.sizing.settings.model import Recommended, Setting
from loadkit.sizing.settings.translation import Role, only_librdkafka, to_librdkafka

TITLE = "librdkafka"
_ELSE = ["bootstrap.servers and security: your application's own, add them."]


def files(plan: Recommended) -> dict[str, str]:
    """Return one file for each kind of producer and one for each group."""
    found = {}
    for producer in plan.producers:
        folder = "librdkafka/transactional" if producer.transactional else "librdkafka"
        title = header(plan.facts, f"librdkafka producer of {', '.join(producer.topics)}")
        found[f"{folder}/producer.conf"] = _file(plan, title, "producer", producer.settings)
    folders = slugs(consumer.group for consumer in plan.consumers)
    for consumer in plan.consumers:
        title = header(plan.facts, f"librdkafka consumer of {', '.join(consumer.topics)}")
        found[f"librdkafka/{folders[consumer.group]}/consumer.conf"] = _file(plan, title, "consumer", consumer.settings)
    return found


def _file(plan: Recommended, title: list[str], role: Role, settings: Iterable[Setting]) -> str:
    lines = commented([*title, *_ELSE])
    for comment, name, value in rows(plan, role, settings):
        lines += ["", *commented(comment), *([f"{name}={value}"] if name else [])]
    return joined(lines)


def rows(plan: Recommended, role: Role, settings: Iterable[Setting]) -> Iterator[tuple[list[str], str, str]]:
    """Yield comment, name and value of each setting in librdkafka's words; no name: the comment says why."""
    for setting in settings:
        if why := platforms.omitted(plan.facts.platform, "client", setting.name):
            yield omitted(setting.name, setting.value, why), "", ""
            continue
        found = to_librdkafka(role, setting.name, setting.value)
        if found.name is None:
            yield omitted(setting.name, setting.value, f"no equivalent in librdkafka; {found.note}"), "", ""
            continue
        yield about(setting, "librdkafka", found.note), found.name, found.value
    for name, value, why in only_librdkafka(role):
        yield about(Setting(name, value, why), "librdkafka"), name, value
