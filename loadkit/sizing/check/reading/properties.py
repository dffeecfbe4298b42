"""Java properties files (`=`, `:` or a space between, continued lines, escapes) and plain `name=value` lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadkit.sizing.check.model import Finding, Read
from loadkit.sizing.check.reading.roles import Entry, clients

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.*-]*")


def read(file: str, text: str) -> Read | None:
    """Return the one piece of a properties file; None where the text is none."""
    entries = list(lines(text))
    if not entries or not all(_NAME.fullmatch(entry.name) for entry in entries):
        return None
    if not any("." in entry.name or entry.name in ("acks", "retries", "listeners") for entry in entries):
        return None
    twice = [
        Finding("twice", "unsafe", file, entry.line, entry.name, f"{entry.name} is written twice: the last one counts",
                "keep one of them")
        for at, entry in enumerate(entries) if any(entry.name == later.name for later in entries[at + 1:])
    ]  # fmt: skip
    found = clients(file, {entry.name: entry for entry in entries}, left_out(text))
    return None if found is None else Read(found.pieces, (*found.findings, *twice))


def left_out(text: str) -> frozenset[str]:
    """Return the settings that comments say are left out."""
    return frozenset(re.findall(r"^\s*#\s*([A-Za-z][\w.-]*)=.* is left out:", text, re.MULTILINE))


def lines(text: str) -> Iterator[Entry]:
    """Yield name, value and line number of each property, as `java.util.Properties` reads them."""
    for number, line in _logical(text):
        match = re.match(r"((?:\\.|[^\\=:\s])*)\s*[=:]?\s*(.*)", line, re.DOTALL)
        if match:
            # Java keeps spaces at the end of a value, and Kafka's parser of most types trims them.
            yield Entry(_unescaped(match[1]), _unescaped(match[2]).strip(), number)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    pending, begun = "", 0
    for number, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = raw.lstrip(" \t\f")
        if not pending and (not line or line[0] in "#!"):
            continue
        begun = begun if pending else number
        if (len(line) - len(line.rstrip("\\"))) % 2:
            pending += line[:-1]
            continue
        yield begun, pending + line
        pending = ""
    if pending:
        yield begun, pending


def _unescaped(text: str) -> str:
    def sign(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return _ESCAPES.get(match[2], match[2])

    plain = re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", sign, text, flags=re.DOTALL)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
