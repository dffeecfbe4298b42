"""The safety checker: it reads config files as text, whoever wrote them, and says what is unsafe and the way out.

A plan's own files are held to more: they must be whole, agree, and say what the plan says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from loadkit.sizing.check.model import Finding, Kind, Piece, Value
from loadkit.sizing.check.reading import detect
from loadkit.sizing.check.rules import (
    broker,
    consumer,
    machine,
    plan,
    plan_machines,
    producer,
    together,
    topic,
    watching,
)
from loadkit.sizing.facts import PLATFORMS, Facts
from loadkit.sizing.settings import platforms

__all__ = ["Finding", "judge", "judge_plan"]

_RULES: Mapping[Kind, Callable[[Piece], Iterator[Finding]]] = {
    "producer": producer.producer, "consumer": consumer.consumer, "topic": topic.topic, "broker": broker.broker,
    "pool": broker.pool, "jvm": machine.jvm, "kernel": machine.kernel, "limits": machine.limits,
    "alerts": watching.alert, "capacity": watching.capacity,
}  # fmt: skip
_ORDER = {"unsafe": 0, "advice": 1, "unjudged": 2}


def judge(texts: Mapping[str, str], away_s: float | None = None, platform: str | None = None) -> list[Finding]:
    """Return what is found in files (path to text), the unsafe first; `away_s`: how long consumers may be away (s).

    `platform` is what the cluster runs on, where it sets copies and the like itself; files that loadkit wrote name
    theirs. Raises `detect.Unknown` for a file that is nothing the checker knows.
    """
    pieces, findings = _read(texts)
    for piece in pieces:
        named = platform or _platform(texts[piece.file])
        if piece.kind in _RULES:
            found = _RULES[piece.kind](_completed(named, piece) if named else piece)
            findings += [one for one in found if not (one.rule == "rack" and named and platforms.rack(named))]
        if away_s is not None and piece.kind in ("topic", "broker"):
            findings += topic.outlives(piece, away_s) if piece.kind == "topic" else broker.outlives(piece, away_s)
    findings += watching.alerts([piece for piece in pieces if piece.kind == "alerts"])
    findings += together.together(pieces)
    findings += together.untold(pieces, away_s is not None)
    return _sorted(findings)


def judge_plan(texts: Mapping[str, str], facts: Facts) -> list[Finding]:
    """Return what is unsafe in the files of a plan; what is there only for the reader is not among them."""
    try:
        pieces, findings = _read(texts)
    except detect.Unknown as error:
        return [Finding("unreadable", "unsafe", "configs", 0, "", str(error), "write it as its format has it")]
    unkeyed = {one.name for one in facts.topics if not one.keyed}
    for piece in pieces:
        if piece.kind in _RULES:
            findings += [one for one in _RULES[piece.kind](_completed(facts.platform, piece))
                         if not (one.rule == "partitions-altered" and piece.name in unkeyed)]  # fmt: skip
    findings += together.together(pieces)
    findings += plan.plan(facts, pieces)
    findings += plan_machines.machines(facts, pieces)
    findings += [replace(one, level="unsafe") for one in findings if one.rule in ("unknown", "unseen", "misplaced")]
    if facts.demo:
        findings += [plan.lost("the word that this is a demonstration", file) for file, text in texts.items()
                     if "DEMONSTRATION" not in text]  # fmt: skip
    return _sorted(one for one in findings if one.level == "unsafe")


def _platform(text: str) -> str | None:
    """Return the platform that a file of loadkit's names in its first lines."""
    match = re.search(r"^# .*\((\S+)\), as planned on \S+ by loadkit\.", text[:1000], re.MULTILINE)
    return match[1] if match and match[1] in PLATFORMS else None


def _completed(platform: str, piece: Piece) -> Piece:
    """Return a topic's or broker's piece with what the platform itself sets."""
    if piece.kind not in ("topic", "broker"):
        return piece
    fixed = dict(platforms.fixed(platform))
    if piece.kind == "broker":
        fixed["default.replication.factor"] = str(platforms.copies(platform)[0] or "")
    given = {name: Value(text, piece.line) for name, text in fixed.items() if text and name not in piece.values}
    return replace(piece, values={**piece.values, **given})


def _read(texts: Mapping[str, str]) -> tuple[list[Piece], list[Finding]]:
    pieces, findings = list[Piece](), list[Finding]()
    for file, text in texts.items():
        found = detect.read(file, text)
        pieces += found.pieces
        findings += found.findings
    return pieces, findings


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(dict.fromkeys(findings), key=lambda one: (_ORDER[one.level], one.file, one.line))
