"""Files of the operating system: sysctl settings and a service's limits."""

from __future__ import annotations

import re

from loadkit.sizing.check.model import Kind, Piece, Read, Value

_SYSCTL = re.compile(r"^\s*-?((?:vm|net|fs|kernel)[./][\w./-]+)\s*=\s*(.+?)\s*$")
_LIMIT = re.compile(r"^\s*(Limit[A-Z]+)\s*=\s*(.+?)\s*$")


def read(file: str, text: str) -> Read | None:
    """Return one piece of sysctl settings or of limits; None where the text has neither."""
    kinds: tuple[tuple[Kind, re.Pattern[str]], ...] = (("kernel", _SYSCTL), ("limits", _LIMIT))
    for kind, pattern in kinds:
        values = {}
        for number, line in enumerate(text.splitlines(), 1):
            if match := pattern.match(line):
                values[match[1].replace("/", ".")] = Value(match[2], number)
        if values:
            return Read((Piece(kind, file, kind, values=values, line=1),))
    return None
