"""Whose settings a set of names are: a producer's, a consumer's or a broker's, in Java's words or librdkafka's."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

from loadkit.sizing.check.model import Client, Kind, Piece, Read, Value
from loadkit.sizing.check.reading.values import judge
from loadkit.sizing.settings.tables import java, librdkafka
from loadkit.sizing.settings.translation import Role, canonical, to_java

_BROKERS_OWN = re.compile(r"^(listener\.name\.|log\.|offsets\.|controller\.|transaction\.state\.|zookeeper\.)")
_HINTS: Mapping[Kind, str] = {
    "producer": "producer",
    "consumer": "consumer",
    "broker": r"server|broker|kafka\.properties|controller",
}
_LIBRDKAFKA_FILES = r"rdkafka|kcat|confluent|\.py$|\.conf$|\.json$|python|node"


@dataclass(frozen=True, slots=True)
class Entry:
    """A name with its value, as written, and its line."""

    name: str
    value: str
    line: int


def clients(
    file: str, entries: Mapping[str, Entry], missing: frozenset[str] = frozenset(), hint: str = "", dialect: str = ""
) -> Read | None:
    """Return the piece that the entries are, its values judged; None where they are nobody's settings.

    `hint` is what else tells whose they are (the name of a variable or call), before the file's name does.
    """
    kind = whose(entries, hint) or whose(entries, file) or _named(hint) or _named(file)
    if kind is None:
        return None
    if kind == "broker":
        values = {name: Value(entry.value, entry.line) for name, entry in entries.items()}
        piece = Piece("broker", file, dialect or "server", "", "", values, missing=missing)
        return Read((piece,), tuple(judge(piece)))
    client = spoken(kind, entries, f"{hint} {file}")
    return client_piece(file, kind, client, entries, missing, dialect or client)


def client_piece(
    file: str, kind: Kind, client: Client, entries: Mapping[str, Entry], missing: frozenset[str], dialect: str
) -> Read:
    """Return the piece of a client whose kind and language are known."""
    role: Role = "producer" if kind == "producer" else "consumer"
    values = {}
    for name, entry in entries.items():
        java_name, text = (name, entry.value) if client == "java" else to_java(role, name, entry.value)
        values[java_name] = Value(text, entry.line, name)
    group = values["group.id"].text if "group.id" in values else ""
    line = 0 if dialect in ("java", "librdkafka") else min((entry.line for entry in entries.values()), default=0)
    piece = Piece(kind, file, dialect, client, group, values, line, missing)
    return Read((piece,), tuple(judge(piece, {name: entry.value for name, entry in entries.items()})))


def whose(names: Collection[str], hint: str) -> Kind | None:
    """Return whose settings the names are by those that only one kind has; `hint` decides between equals."""
    counts: dict[Kind, int] = {
        kind: sum(name in _own()[kind] or (kind == "broker" and bool(_BROKERS_OWN.match(name))) for name in names)
        for kind in _own()
    }
    best = max(counts.values())
    leading = [kind for kind, count in counts.items() if count == best]
    if best == 0:
        return _named(hint) if any(name in _all() for name in names) else None
    return leading[0] if len(leading) == 1 else _named(hint)


def _named(text: str) -> Kind | None:
    for kind, pattern in _HINTS.items():
        if re.search(pattern, text, re.IGNORECASE):
            return kind
    return None


def spoken(kind: Kind, names: Collection[str], hint: str) -> Client:
    """Return which client's words a producer's or consumer's settings are in."""
    letter = "P" if kind == "producer" else "C"
    theirs = {name for name, facts in librdkafka()["properties"].items() if facts["role"] in ("*", letter)}
    ours = set(java()[kind])
    only_theirs, only_ours = len(set(names) & theirs - ours), len(set(names) & ours - theirs)
    if only_theirs != only_ours:
        return "librdkafka" if only_theirs > only_ours else "java"
    return "librdkafka" if re.search(_LIBRDKAFKA_FILES, hint, re.IGNORECASE) else "java"


@cache
def _own() -> Mapping[Kind, frozenset[str]]:
    """Return for each kind the names that only it has, in either client's words."""
    both = librdkafka()["properties"]
    names: dict[Kind, set[str]] = {
        "producer": set(java()["producer"]) | {name for name, facts in both.items() if facts["role"] == "P"},
        "consumer": set(java()["consumer"]) | {name for name, facts in both.items() if facts["role"] == "C"},
        "broker": set(java()["broker"]),
    }
    shared = {name for name, facts in both.items() if facts["role"] == "*"}
    return {
        kind: frozenset(own - shared - {canonical(name) for name in shared}
                        - set().union(*(others for other, others in names.items() if other != kind)))
        for kind, own in names.items()
    }  # fmt: skip


@cache
def _all() -> frozenset[str]:
    tables = [java()[kind] for kind in ("producer", "consumer", "topic", "broker")]
    return frozenset().union(*tables, librdkafka()["properties"])
