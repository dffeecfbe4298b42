"""The comments that stand above each value: why, its effect and who measured it, what it gives up. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Literal

from loadkit.sizing.facts import Effect, Facts, TopicFacts
from loadkit.sizing.settings.model import Setting

Client = Literal["java", "librdkafka", ""]
"""Whose dialect a file is in; empty for what no client reads."""
_WIDTH = 116


def clean(text: str) -> str:
    """Return text as one line of printable characters, fit for a comment of any dialect."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def header(facts: Facts, what: str) -> list[str]:
    """Return the lines that every file begins with."""
    lines = [
        f"{what} for {clean(facts.name)} ({facts.platform}), as planned on {facts.made_on.isoformat()} by loadkit."
    ]
    if facts.demo:
        lines.append("DEMONSTRATION: the figures come from a co-located or simulated target. They show the method, not "
                     "your cluster.")  # fmt: skip
    return wrapped(lines)


def about(setting: Setting, client: Client, note: str = "") -> list[str]:
    """Return the lines of comment of a value in a dialect; `note` is what translating it changes."""
    lines = [f"{setting.name}: {clean(setting.why)}"]
    if setting.effect is not None:
        lines.append(f"  effect: {effect(setting.effect, client)}")
    if setting.gives_up:
        lines.append(f"  gives up: {clean(setting.gives_up)}")
    if note:
        lines.append(f"  note: {clean(note)}")
    return wrapped(lines)


def effect(found: Effect, client: Client) -> str:
    """Return what a choice did: measured by this client, translated from another's measurement, or assumed."""
    if not found.measured:
        said = f"; {clean(found.text)}" if found.text else ""
        return f"assumed: {clean(found.source) or 'no source'}{said}"
    figures = f"{percent(found.mid)} ({percent(found.low)} to {percent(found.high)}) {clean(found.text)}"
    by = f"by {clean(found.client)}" + (f", {clean(found.source)}" if found.source else "")
    if client and not found.client.lower().startswith(client):
        return f"translated, not measured: {figures}, measured {by}"
    return f"measured {by}: {figures}"


def percent(change: float | None) -> str:
    """Return a relative change as `-24 %`."""
    return "?" if change is None else f"{change * 100:+.3g} %"


def omitted(name: str, value: str, why: str) -> list[str]:
    """Return the comment that stands for a value that this dialect or platform does not take."""
    return wrapped([f"{name}={clean(value)} is left out: {clean(why)}"])


def wrapped(lines: Iterable[str]) -> list[str]:
    """Return lines of at most 116 characters, those that go on indented."""
    return [
        part
        for line in lines
        for part in textwrap.wrap(line, _WIDTH, subsequent_indent="    ", break_long_words=False,
                                  break_on_hyphens=False, drop_whitespace=True) or [""]
    ]  # fmt: skip


def alike(topic: TopicFacts) -> list[str]:
    """Return the line that says how many topics one stands for; none where it stands for itself."""
    if topic.count == 1:
        return []
    return wrapped(
        [f"{topic.name} stands for {topic.count} topics alike: repeat what follows with each of their names"]
    )


def commented(lines: Iterable[str], indent: str = "", mark: str = "#") -> list[str]:
    """Return lines as comments."""
    return [f"{indent}{mark} {line}".rstrip() for line in lines]


def joined(lines: Iterable[str]) -> str:
    """Return lines as a file's text."""
    return "\n".join(lines) + "\n"


def slug(name: str) -> str:
    """Return a name as a Kubernetes object or folder may have it: lower case letters, digits and dashes."""
    plain = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name.lower()).strip("-")
    return "-".join(filter(None, plain.split("-")))[:50].strip("-") or "kafka"


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Return each name's slug, numbered where two would be the same."""
    found: dict[str, str] = {}
    for name in names:
        base, count = slug(name), 1
        while (made := base if count == 1 else f"{base}-{count}") in found.values():
            count += 1
        found[name] = made
    return found
