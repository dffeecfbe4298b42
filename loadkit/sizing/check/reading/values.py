"""Whether names are known and values are what they have to be: what a client would refuse, or ignore in silence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from loadkit.secrets import is_secret
from loadkit.sizing.check.model import Finding, Level, Piece, Value, is_reference
from loadkit.sizing.settings import platforms
from loadkit.sizing.settings.tables import java, librdkafka

_OWN_NAMES = re.compile(
    r"^(listener\.name\.|ssl\.|sasl\.|security\.|schema\.registry\.|key\.|value\.|basic\.auth|interceptor|metrics?\.|"
    r"confluent\.|config\.providers|auto\.register|use\.latest|specific\.avro|specific\.protobuf|json\.|avro\.|"
    r"authorizer\.|principal\.|super\.|zookeeper\.|inter\.broker\.|remote\.log\.|rlmm\.|rsm\.|controller\.|"
    r"cruise\.control\.|default\.api|client\.|apicurio\.|aws\.|spring\.|partition\.assignor|allow\.everyone)"
)
"""Settings of plugins, serializers and security, which the tables need not have."""
_GONE = re.compile(r"^(broker\.id|log\.message\.format\.version|inter\.broker\.protocol\.version|port|host\.name)")
"""Broker settings of releases before 4.0."""
_CLOSE = 0.84
_BOUND = re.compile(r"^\[(-?\d+),\.\.\.(?:,(-?\d+))?\]$")
_CHOICE = re.compile(r"^(?:\(case insensitive\) )?\[([A-Za-z_, 0-9-]+)\]$")
_LARGEST = {"int": 2**31 - 1, "long": 2**63 - 1, "short": 2**15 - 1}


def judge(piece: Piece, written: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield what is wrong with names and values of a piece; `written` are librdkafka's names with their values."""
    if piece.client == "librdkafka":
        yield from _librdkafka(piece, written or {})
        return
    table = java()[piece.kind]
    for name, value in piece.values.items():
        if name not in table:
            yield from _unknown(piece, name, value, table)
        elif said := _java_fault(table[name], value.text):
            yield _bad(piece, name, value, said)


def _unknown(piece: Piece, name: str, value: Value, table: Mapping[str, Any]) -> Iterator[Finding]:
    if _OWN_NAMES.match(name) or _GONE.match(name) or (piece.kind == "topic" and name in platforms.extra_topic_names()):
        return
    close = difflib.get_close_matches(name, list(table), 1, _CLOSE)
    who = {"producer": "a producer", "consumer": "a consumer", "topic": "a topic", "broker": "a broker"}[piece.kind]
    level: Level = "unsafe" if close else "advice"
    fix = f"write {close[0]}" if close else "take it out, unless a plugin of yours reads it"
    yield Finding(
        "unknown",
        level,
        piece.file,
        value.line,
        value.name or name,
        f"{value.name or name} is no setting of {who}: it is ignored, and the default is in force",
        fix,
    )


def _java_fault(facts: Mapping[str, str], text: str) -> str:
    """Return why Java's parser refuses a value, or an empty string."""
    if is_reference(text):
        return ""
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        return "must stand without quotes"
    kind, allowed = facts["type"], facts.get("range", "")
    if kind == "boolean":
        return "" if text.lower() in ("true", "false") else "must be true or false"
    return _whole_fault(kind, allowed, text) if kind in _LARGEST else _word_fault(kind, allowed, text)


def _whole_fault(kind: str, allowed: str, text: str) -> str:
    if not re.fullmatch(r"[+-]?\d{1,20}", text):
        return "must be a whole number without a unit"
    bound = _BOUND.match(allowed)
    low, high = (int(bound[1]), int(bound[2] or _LARGEST[kind])) if bound else (-_LARGEST[kind], _LARGEST[kind])
    return "" if low <= int(text) <= high else f"must lie between {low} and {high}"


def _word_fault(kind: str, allowed: str, text: str) -> str:
    choice = _CHOICE.match(allowed)
    words = [word.strip().lower() for word in choice[1].split(",")] if choice else []
    given = text.split(",") if kind == "list" else [text]
    fits = not choice or not text or all(word.strip().lower() in words or ":" in word for word in given)
    return "" if fits else f"must be one of {', '.join(words)}"


def _librdkafka(piece: Piece, written: Mapping[str, str]) -> Iterator[Finding]:
    table = librdkafka()["properties"]
    lines = {value.name: value for value in piece.values.values()}
    for name, text in written.items():
        value = lines.get(name, Value(text, piece.line, name))
        facts = table.get(name)
        if facts is None:
            yield from _unknown_to_librdkafka(piece, name, value, table)
        elif facts["role"] not in ("*", "P" if piece.kind == "producer" else "C"):
            yield Finding("misplaced", "advice", piece.file, value.line, name,
                          f"{name} is not a {piece.kind}'s: librdkafka ignores it there", "take it out")  # fmt: skip
        elif said := _librdkafka_fault(facts, name, text):
            yield _bad(piece, name, value, said)


def _unknown_to_librdkafka(piece: Piece, name: str, value: Value, table: Mapping[str, Any]) -> Iterator[Finding]:
    close = difflib.get_close_matches(name, list(table), 1, 0.7)
    known = name in java()[piece.kind]
    why = "is Java's alone" if known else "is unknown"
    yield Finding("unknown", "unsafe", piece.file, value.line, name,
                  f"{name} {why}: librdkafka refuses it, and the client does not start",
                  f"write {close[0]}" if close else "take it out")  # fmt: skip


def _librdkafka_fault(facts: Mapping[str, Any], name: str, text: str) -> str:
    if is_reference(text) or (name in ("acks", "request.required.acks") and text in ("all", "-1", "0", "1")):
        return ""
    if facts["type"] == "bool":
        return "" if text.lower() in ("true", "false", "1", "0", "t", "f") else "must be true or false"
    if facts["type"] in ("int", "float"):
        low, high = facts["min"], facts["max"]
        plain = re.fullmatch(r"-?\d+(\.\d+)?", text) is not None
        fits = plain and low <= float(text) <= high
        return "" if fits else f"must be a number between {low} and {high}, without a unit"
    if facts["type"] == "enum" and facts.get("values") and text.lower() not in facts["values"]:
        return f"must be one of {', '.join(facts['values'])}"
    return ""


def _bad(piece: Piece, name: str, value: Value, said: str) -> Finding:
    shown = value.name or name
    written = "" if is_secret(shown) else f" = {value.text!r}"
    text = f"{shown}{written} is refused: it {said}"
    if "quotes" in said:
        text = f"{shown}{written}: the quotes are part of the value here"
    return Finding("value", "unsafe", piece.file, value.line, shown, text, f"{shown} {said}")
