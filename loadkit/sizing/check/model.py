"""What the checker reads from files, and what it says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "producer", "consumer", "topic", "broker", "pool", "jvm", "kernel", "limits", "variables", "capacity", "alerts",
    "dashboard", "other",
]  # fmt: skip
Client = Literal["java", "librdkafka", ""]
Level = Literal["unsafe", "advice", "unjudged"]


@dataclass(frozen=True, slots=True)
class Value:
    """A value as a file has it."""

    text: str
    line: int
    name: str = ""
    """The setting's name as written there, where Java calls it otherwise."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the checker says: what is wrong and why it matters, and the way out."""

    rule: str
    level: Level
    """`unsafe`: messages can be lost, doubled, reordered or skipped, or a client or broker does not start;
    `advice`: it works, and there is better; `unjudged`: the files do not say enough."""
    file: str
    line: int
    """0: the file as a whole."""
    setting: str
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class Piece:
    """The settings of one thing (a producer, a topic, a broker, ...) under Java's names."""

    kind: Kind
    file: str
    dialect: str
    """The format it was read from: `java`, `librdkafka`, `python`, `server`, `strimzi`, `topics`, `tfvars`, ..."""
    client: Client = ""
    name: str = ""
    """Of the topic or group, or of what else it is; may be empty."""
    values: Mapping[str, Value] = field(default_factory=dict, hash=False)
    line: int = 0
    missing: frozenset[str] = frozenset()
    """Settings that a comment says are left out."""

    def text(self, name: str, otherwise: str = "") -> str:
        """Return a value's text; `otherwise` where it is not written."""
        return self.values[name].text if name in self.values else otherwise

    def number(self, name: str) -> float | None:
        """Return a value as a number; None where it is not written or none."""
        try:
            return float(self.values[name].text)
        except (KeyError, ValueError):
            return None

    def at(self, name: str) -> int:
        """Return the line of a value, or of the piece where it is not written."""
        return self.values[name].line if name in self.values else self.line


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of one file."""

    pieces: tuple[Piece, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What the reading itself found: a value that is no such value, a key twice."""


def is_reference(text: str) -> bool:
    """Return whether a value stands for another, which the checker cannot see: `${...}`, `{{ ... }}`, `<...>`."""
    return "${" in text or "{{" in text or "$(" in text or (text.startswith("<") and text.endswith(">"))
