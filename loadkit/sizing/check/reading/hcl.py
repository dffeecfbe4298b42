"""Terraform variables (`*.tfvars`): assignments of text, numbers, truths, lists and maps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loadkit.sizing.check.model import Finding, Piece, Read, Value
from loadkit.sizing.check.reading.mapped import Mapped, flat
from loadkit.sizing.check.reading.properties import left_out
from loadkit.sizing.check.reading.values import judge

_TOKEN = re.compile(
    r"""(?P<skip>[ \t\r]+|\#[^\n]*|//[^\n]*|/\*.*?\*/)|(?P<newline>\n)|(?P<text>"(?:[^"\\\n]|\\.)*")"""
    r"""|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w.-]*)|(?P<sign>[=:{}\[\],])""",
    re.DOTALL,
)
_VARIABLES = set(
    "kafka_version broker_count count_unit zone_count broker_shape broker_volume_gib broker_heap_mib".split()
)
"""Plain variables that rules judge."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_SIGNS = {"n": "\n", "t": "\t", "r": "\r"}


class _Syntax(ValueError):
    """The text is no such file."""


@dataclass(slots=True)
class _Tokens:
    """What is still to be read: kind, text and line of each token."""

    rest: list[tuple[str, str, int]]

    def skip(self) -> None:
        while self.rest and (self.rest[0][0] == "newline" or self.rest[0][1] == ","):
            self.rest.pop(0)

    def take(self, *wanted: str) -> tuple[str, str, int]:
        if not self.rest or (wanted and self.rest[0][1] not in wanted):
            raise _Syntax
        return self.rest.pop(0)


def read(file: str, text: str) -> Read | None:
    """Return pieces of topics, broker properties and the plain variables; None where the text is none."""
    try:
        made = _mapping(_Tokens(list(_tokens(text))), "")
    except (_Syntax, RecursionError):
        return None
    if not made:
        return None
    pieces, findings = list[Piece](), list[Finding]()
    missing = left_out(text)
    for name, value in made.items():
        if isinstance(value, Mapped) and name.endswith("topics"):
            pieces += [
                _topic(file, topic, inner, missing) for topic, inner in value.items() if isinstance(inner, Mapped)
            ]
        elif isinstance(value, Mapped) and any("." in key for key in value):
            properties = {key: one for key, one in flat(value) if not key.endswith("]")}
            pieces.append(Piece("broker", file, "tfvars", "", name, properties, made.lines[name], missing))
    for piece in pieces:
        own = ("partitions", "replication.factor")
        values = {name: value for name, value in piece.values.items() if name not in own}
        findings += judge(Piece(piece.kind, file, "tfvars", "", piece.name, values, piece.line))
    plain = {path: value for path, value in flat(made) if path in made}
    if not pieces and not _VARIABLES & plain.keys():
        return None
    return Read((*pieces, Piece("variables", file, "tfvars", values=plain, line=1)), tuple(findings))


def _topic(file: str, name: str, topic: Mapped, missing: frozenset[str]) -> Piece:
    values: dict[str, Value] = {}
    for path, value in flat(topic):
        key = path.removeprefix("config.")
        values["replication.factor" if key in ("replication_factor", "replicas") else key] = value
    return Piece("topic", file, "tfvars", "", name, values, topic.line, missing)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _Syntax
        kind = str(match.lastgroup)
        if kind != "skip":
            yield kind, match[0], line
        line += match[0].count("\n")
        at = match.end()


def _mapping(tokens: _Tokens, end: str) -> Mapped:
    made = Mapped()
    made.lines, made.line = {}, tokens.rest[0][2] if tokens.rest else 0
    while True:
        tokens.skip()
        if not tokens.rest if not end else tokens.rest[:1] and tokens.rest[0][1] == end:
            return made
        kind, name, line = tokens.take()
        if kind not in ("word", "text"):
            raise _Syntax
        key = _plain(name) if kind == "text" else name
        if key in made:
            raise _Syntax
        tokens.take("=", ":")
        made[key] = _value(tokens)
        made.lines[key] = line


def _value(tokens: _Tokens) -> Any:
    kind, text, _ = tokens.take()
    if kind == "text":
        return _plain(text)
    if kind == "number":
        return float(text) if "." in text else int(text)
    if text in ("true", "false"):
        return text == "true"
    if text == "{":
        made = _mapping(tokens, "}")
        tokens.take("}")
        return made
    if text == "[":
        return _list(tokens)
    raise _Syntax


def _list(tokens: _Tokens) -> list[Any]:
    made: list[Any] = []
    while True:
        tokens.skip()
        if tokens.rest and tokens.rest[0][1] == "]":
            tokens.take("]")
            return made
        made.append(_value(tokens))


def _plain(text: str) -> str:
    plain = _ESCAPE.sub(
        lambda match: chr(int(match[1], 16)) if match[1] else _SIGNS.get(match[2], match[2]), text[1:-1]
    )
    return plain.replace("$${", "${").replace("%%{", "%{")
