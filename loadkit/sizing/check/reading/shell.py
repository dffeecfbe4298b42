"""Shell scripts: commands of Kafka's tools that make or change topics, and the JVM's options for a broker."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace

from loadkit.sizing.check.model import Finding, Piece, Read, Value
from loadkit.sizing.check.reading.properties import left_out
from loadkit.sizing.check.reading.values import judge

_TOOL = re.compile(r"kafka-(topics|configs)(\.sh|\.bat)?\b|\brpk topic create\b")
_OPTION = re.compile(r"\bKAFKA_(HEAP_OPTS|JVM_PERFORMANCE_OPTS)=")
_SPLIT = re.compile(r",(?![^\[]*\])")


def read(file: str, text: str) -> Read | None:
    """Return a piece for each topic that is made or changed, and one for the JVM; None where there is neither."""
    if not (_TOOL.search(text) or _OPTION.search(text)):
        return None
    pieces, findings = list[Piece](), list[Finding]()
    jvm: dict[str, Value] = {}
    missing = left_out(text)
    for number, line in _commands(text):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            findings.append(Finding("unreadable", "unsafe", file, number, "", f"the shell cannot read this: {error}",
                                    "close the quotes"))  # fmt: skip
            continue
        jvm |= _jvm(words, number)
        if _TOOL.search(line):
            made, said = _topic(file, number, words, missing)
            pieces += made
            findings += said
    if jvm:
        pieces.append(Piece("jvm", file, "jvm", values=jvm, line=1))
    pieces = _together(pieces)
    for piece in pieces:
        if piece.kind == "topic":
            own = ("partitions", "replication.factor", "action")
            plain = Piece(
                "topic",
                file,
                "topics",
                "",
                piece.name,
                {name: value for name, value in piece.values.items() if name not in own},
                piece.line,
            )
            findings += judge(plain)
    return Read(tuple(pieces), tuple(findings)) if pieces or findings else None


def _together(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces, all that alters one topic in one: the tool takes settings one by one, and they add up."""
    found: dict[object, Piece] = {}
    for at, piece in enumerate(pieces):
        action = piece.values.get("action")
        alters = piece.kind == "topic" and action is not None and action.text == "alter"
        key = ("alter", piece.name) if alters else at
        before = found.get(key)
        found[key] = replace(before, values={**before.values, **piece.values}) if before else piece
    return list(found.values())


def _commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield each command with the number of its first line, continued lines joined, comments left out."""
    pending, begun = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not pending and line.lstrip().startswith("#"):
            continue
        begun = begun if pending else number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        yield begun, pending + line
        pending = ""
    if pending:
        yield begun, pending


def _jvm(words: list[str], line: int) -> dict[str, Value]:
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name in ("KAFKA_HEAP_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS"):
            for option in value.split():
                heap = re.match(r"(-Xm[sx])(.+)", option)
                key, text = (heap[1], heap[2]) if heap else _option(option)
                found[key] = Value(text, line)
    return found


def _option(option: str) -> tuple[str, str]:
    key, _, value = option.partition("=")
    return key, value or "true"


def _topic(file: str, line: int, words: list[str], missing: frozenset[str]) -> tuple[list[Piece], list[Finding]]:
    given = _flags(words)
    name = (given.get("--topic") or given.get("--entity-name") or [""])[-1]
    if "--create" not in given and "--alter" not in given and "rpk" not in words:
        return [], []
    if "--alter" in given and "topics" not in given.get("--entity-type", ["topics"]):
        return [], []
    values = {"action": Value("alter" if "--alter" in given else "create", line)}
    for flag, key in (("--partitions", "partitions"), ("--replication-factor", "replication.factor")):
        if flag in given:
            values[key] = Value(given[flag][-1], line)
    for text in [*given.get("--config", []), *given.get("--topic-config", [])]:
        key, _, value = text.partition("=")
        values[key.strip()] = Value(value.strip(), line)
    for text in given.get("--add-config", []):
        for part in _SPLIT.split(text):
            key, _, value = part.partition("=")
            values[key.strip()] = Value(value.strip().strip("[]"), line)
    removed = [name for text in given.get("--delete-config", []) for name in text.split(",")]
    findings = [
        Finding(
            "removed",
            "advice",
            file,
            line,
            key,
            f"{key} of {name or 'the topic'} goes back to the brokers' default",
            "see that the brokers' own value is safe",
        )
        for key in removed
    ]
    return [Piece("topic", file, "topics", "", name, values, line, missing)], findings


def _flags(words: list[str]) -> dict[str, list[str]]:
    """Return each flag with its values: `--flag value` and `--flag=value`."""
    found: dict[str, list[str]] = {}
    flag = ""
    for word in words:
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            found.setdefault(flag, [])
            if equals:
                found[flag].append(value)
                flag = ""
        elif flag:
            found[flag].append(word)
            flag = ""
    return found
