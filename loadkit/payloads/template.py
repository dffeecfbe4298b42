"""Values from a text with placeholders.

`${seq}` the message's number, `${uuid}` a version 4 UUID, `${int:1:100}` a whole number from 1 to 100,
`${choice:a,b}` one of the words. All by message number and seed; `$$` is a dollar sign.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loadkit import hashing
from loadkit.blobs import Blobs
from loadkit.errors import nearest
from loadkit.payloads.spec import PayloadSpec, StampForm, content, refuse_stamps
from loadkit.stamp import Stamps

Numbers: TypeAlias = NDArray[np.int64]
Column: TypeAlias = Callable[[int, int, Numbers], Iterable[str]]
"""(seed, stream, numbers) to one text a message."""

_HOLE = re.compile(r"\$(?:\$|\{([^}]*)\}?)")
_KNOWN = ("seq", "uuid", "int", "choice")


class Template(PayloadSpec):
    """The text of `file` with its placeholders filled in; one newline at its end is left out."""

    kind: Literal["template"] = "template"
    file: Path

    def build(self, seed: int) -> TemplatePayload:
        """Return what makes the values. Raises ValueError when the file is missing or a placeholder is wrong."""
        try:
            text = content(self.file, "template file").decode()
            return TemplatePayload(seed, _columns(text.removesuffix("\n")))
        except UnicodeDecodeError as error:
            raise ValueError(f"template file {str(self.file)!r} is not UTF-8: {error}") from None
        except _PlaceholderError as error:
            raise ValueError(f"template file {str(self.file)!r}: {error}") from None


@dataclass(frozen=True, slots=True)
class TemplatePayload:
    """Filled-in texts."""

    seed: int
    columns: tuple[Column | str, ...]

    @property
    def stamp_form(self) -> StampForm:
        """In a header: the text is the user's."""
        return "header"

    @property
    def smallest(self) -> int:
        """No value takes a stamp."""
        return 0

    def values(self, numbers: Numbers, stamps: Stamps | None) -> Blobs:
        """Return the texts of the class's messages `numbers`, as UTF-8."""
        refuse_stamps("template", stamps)
        if not len(numbers):
            return Blobs.of([])
        columns = [
            repeat(column, len(numbers)) if isinstance(column, str) else column(self.seed, stream, numbers)
            for stream, column in enumerate(self.columns, hashing.Stream.PLACEHOLDER)
        ]
        return Blobs.of(list(map(str.encode, map("".join, zip(*columns, strict=True)))))


class _PlaceholderError(ValueError):
    """A placeholder is wrong."""


def _columns(text: str) -> tuple[Column | str, ...]:
    found: list[Column | str] = []
    last = 0
    for match in _HOLE.finditer(text):
        found.append(text[last : match.start()])
        found.append("$" if match[0] == "$$" else _column(match[0]))
        last = match.end()
    return (*found, text[last:])


def _column(hole: str) -> Column:
    if not hole.endswith("}"):
        raise _PlaceholderError(f"{hole[:40]!r} has no closing brace")
    name, *rest = hole[2:-1].split(":", 1)
    given = rest[0] if rest else ""
    if name in ("seq", "uuid") and not rest:
        return _seq if name == "seq" else _uuid
    if name == "int" and re.fullmatch(r"-?\d{1,15}:-?\d{1,15}", given):
        return _between(hole, *map(int, given.split(":")))
    if name == "choice" and given:
        return _one_of(given.split(","))
    if name not in _KNOWN:
        raise _PlaceholderError(f"unknown placeholder {hole!r}{nearest(name, _KNOWN)}: use one of {', '.join(_KNOWN)}")
    raise _PlaceholderError(
        f"{hole!r} is not a placeholder: write ${{seq}}, ${{uuid}}, ${{int:1:100}} or ${{choice:a,b}}"
    )


def _seq(seed: int, stream: int, numbers: Numbers) -> Iterable[str]:
    return map(str, numbers.tolist())


def _uuid(seed: int, stream: int, numbers: Numbers) -> Iterable[str]:
    high = hashing.mix(seed, 2 * numbers, stream) & np.uint64(0xFFFFFFFFFFFF0FFF) | np.uint64(0x4000)
    low = hashing.mix(seed, 2 * numbers + 1, stream) & np.uint64((1 << 62) - 1) | np.uint64(1 << 63)
    whole = np.stack((high, low), axis=1).astype(">u8").tobytes().hex()
    for i in range(0, len(whole), 32):
        one = whole[i : i + 32]
        yield f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}"


def _between(hole: str, low: int, high: int) -> Column:
    if low > high:
        raise _PlaceholderError(f"{hole!r}: {low} is above {high}")

    def column(seed: int, stream: int, numbers: Numbers) -> Iterable[str]:
        return map(str, (low + hashing.below(high - low + 1, seed, numbers, stream)).tolist())

    return column


def _one_of(words: list[str]) -> Column:
    def column(seed: int, stream: int, numbers: Numbers) -> Iterable[str]:
        return map(words.__getitem__, hashing.below(len(words), seed, numbers, stream).tolist())

    return column


SPEC = Template


def template(file: str | Path) -> Template:
    """Return the text of `file` with `${seq}`, `${uuid}`, `${int:1:100}` and `${choice:a,b}` filled in."""
    return Template.model_validate({"file": file})
