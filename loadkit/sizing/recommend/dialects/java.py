"""`producer.properties` and `consumer.properties` of Java's clients."""

from __future__ import annotations

from collections.abc import Iterable

from loadkit.sizing.recommend.words import about, commented, header, joined, omitted, slugs
from loadkit.sizing.settings import platforms
from loadkit.sizing.settings.model import Recommended, Setting

TITLE = "Java clients"
_ELSE = ["bootstrap.servers, security, serializers: your application's own, add them."]


def files(plan: Recommended) -> dict[str, str]:
    """Return one file for each kind of producer and one for each group."""
    found = {}
    for producer in plan.producers:
        folder = "java/transactional" if producer.transactional else "java"
        title = header(plan.facts, f"Java producer of {', '.join(producer.topics)}")
        found[f"{folder}/producer.properties"] = _file(plan, title, producer.settings)
    folders = slugs(consumer.group for consumer in plan.consumers)
    for consumer in plan.consumers:
        title = header(plan.facts, f"Java consumer of {', '.join(consumer.topics)}")
        found[f"java/{folders[consumer.group]}/consumer.properties"] = _file(plan, title, consumer.settings)
    return found


def _file(plan: Recommended, title: list[str], settings: Iterable[Setting]) -> str:
    lines = commented([*title, *_ELSE])
    for setting in settings:
        lines.append("")
        if why := platforms.omitted(plan.facts.platform, "client", setting.name):
            lines += commented(omitted(setting.name, setting.value, why))
            continue
        lines += [*commented(about(setting, "java")), f"{setting.name}={escaped(setting.value)}"]
    return joined(lines)


def escaped(value: str) -> str:
    """Return a value as a Java properties file has it: ISO 8859-1 with escapes."""
    text = value.replace("\\", "\\\\")
    text = "\\" + text if text[:1] in (" ", "\t", "\f") else text
    return "".join(sign if " " <= sign <= "~" else _unicode(sign) for sign in text)


def _unicode(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
