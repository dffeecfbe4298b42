"""The stamp that makes a message accountable: who sent it, as which number, and when it was due.

24 bytes in front of a binary value; the same bytes as 48 hexadecimal characters in the first field of a
JSON value, `{"loadkit":"<48 hex>",`, so that it stays JSON; or the 24 bytes as a header.
Everything here works on whole batches: 10 to 50 ns a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter
from typing import Any, Final, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from loadkit.blobs import cells

Form: TypeAlias = Literal["binary", "json"]
Stamps: TypeAlias = NDArray[np.void]

STAMP: Final = np.dtype([("run", "<u4"), ("producer", "<u4"), ("seq", "<u8"), ("intended", "<i8")])
SIZE: Final = STAMP.itemsize
"""Bytes of a stamp."""
JSON_HEAD: Final = b'{"loadkit":"'
JSON_TAIL: Final = b'",'
HEX_AT: Final = slice(len(JSON_HEAD), len(JSON_HEAD) + 2 * SIZE)
"""Where the hexadecimal characters stand in a JSON value."""
JSON_SIZE: Final = HEX_AT.stop + len(JSON_TAIL)
"""Bytes of a JSON value up to and including the comma after the stamp."""

_PAIRS = np.frombuffer(bytes(range(256)).hex().encode(), "<u2").copy()
"""The two characters of each byte, as one uint16."""
_QUADS = np.frombuffer(np.arange(1 << 16).astype("<u2").tobytes().hex().encode(), "<u4").copy()
"""The four characters of each two bytes, as one uint32."""
_BAD = 256
_BYTES = np.full(1 << 16, _BAD, np.uint16)
_BYTES[_PAIRS] = np.arange(256)


def stamps(run: int, producer: int, first_seq: int, intended_ns: NDArray[np.int64]) -> Stamps:
    """Return stamps of consecutive messages, the first of them number `first_seq` of `producer`."""
    made = np.empty(len(intended_ns), STAMP)
    made["run"], made["producer"], made["intended"] = run, producer, intended_ns
    made["seq"] = np.arange(first_seq, first_seq + len(intended_ns), dtype=np.uint64)
    return made


def joined(parts: Sequence[Stamps]) -> Stamps:
    """Return several arrays of stamps as one, by memory copies: numpy would go through every field."""
    return np.concatenate([np.ascontiguousarray(part).view(f"V{SIZE}") for part in parts]).view(STAMP)


def as_bytes(made: Stamps) -> NDArray[np.uint8]:
    """Return the n x 24 bytes of n stamps, without copying."""
    return np.ascontiguousarray(made).view(np.uint8).reshape(len(made), SIZE)


def as_hex(made: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the n x 2k lowercase hexadecimal characters of n x k bytes, k even."""
    n, k = made.shape
    words = np.ascontiguousarray(made).reshape(-1).view("<u2")
    return _QUADS.take(words, mode="wrap").view(np.uint8).reshape(n, 2 * k)


def from_hex(characters: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the n x k bytes of n x 2k lowercase hexadecimal characters, and which rows are such characters."""
    n, k = characters.shape
    found = _BYTES.take(np.ascontiguousarray(characters).reshape(-1).view("<u2"), mode="wrap").reshape(n, k // 2)
    valid = np.ones(n, np.bool_) if found.max(initial=0) < _BAD else np.all(found < _BAD, axis=1)
    return found.astype(np.uint8), valid


@dataclass(frozen=True, slots=True)
class Read:
    """What was found in n values."""

    stamps: Stamps
    """All zeros where there is none."""
    valid: NDArray[np.bool_]
    """Which values have one; a binary value has one if it is long enough: tell foreign ones by `run`."""
    sizes: NDArray[np.int64]
    """Bytes of each value, 0 where there is none."""


def read(values: Sequence[bytes | None], form: Form) -> Read:
    """Return the stamps of values as clients give them back."""
    held = cast(Sequence[bytes], values)
    try:
        sizes = _sizes(held)
    except TypeError:  # tombstones have no value
        return read([value or b"" for value in values], form)
    return of_heads(_heads(held, sizes, head_size(form)), sizes, form)


def head_size(form: Form) -> int:
    """Return how many bytes at the beginning of a value hold its stamp."""
    return SIZE if form == "binary" else JSON_SIZE


def of_heads(heads: NDArray[np.uint8], sizes: NDArray[np.int64], form: Form) -> Read:
    """Return the stamps in the first `head_size` bytes of values, shorter values filled up with zeros."""
    raw, valid = (heads, sizes >= SIZE) if form == "binary" else _unhex(heads)
    if not valid.all():
        raw = np.where(valid[:, None], raw, np.uint8(0))
    return Read(_view(raw), valid, sizes)


def _sizes(values: Sequence[bytes]) -> NDArray[np.int64]:
    """Return the size of each value: where all are equal, at half the price."""
    found = list(map(len, values))
    if found and found.count(found[0]) == len(found):
        return np.full(len(found), found[0], np.int64)
    return np.fromiter(found, np.int64, len(found))


def _unhex(heads: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    raw, valid = from_hex(_columns(heads, HEX_AT.start, HEX_AT.stop))
    for start, wanted, words in ((0, JSON_HEAD, "<u4"), (HEX_AT.stop, JSON_TAIL, "<u2")):
        same = _columns(heads, start, start + len(wanted)).view(words) == np.frombuffer(wanted, words)
        if not same.all():
            valid &= np.all(same, axis=1)
    return raw, valid


def _heads(values: Sequence[bytes], sizes: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """Return the first `size` bytes of each value, shorter ones filled up with zeros, as n x size."""
    n = len(values)
    least, most = (int(sizes.min()), int(sizes.max())) if n else (0, 0)
    if size <= least == most <= 16 * size:
        return _columns(np.frombuffer(b"".join(values), np.uint8).reshape(n, least), 0, size)
    heads: Any = map(itemgetter(slice(size)), values)
    if least < size:
        heads = map(bytes.ljust, heads, repeat(size), repeat(b"\0"))
    return np.frombuffer(b"".join(heads), np.uint8).reshape(n, size)


def _columns(rows: NDArray[np.uint8], start: int, stop: int) -> NDArray[np.uint8]:
    """Return columns of contiguous `rows` as a contiguous copy, by one memcpy a row."""
    if not len(rows):
        return np.empty((0, stop - start), np.uint8)
    return cells(rows, stop - start, rows.shape[1], start).copy().view(np.uint8).reshape(len(rows), stop - start)


def _view(raw: NDArray[np.uint8]) -> Stamps:
    return np.ascontiguousarray(raw).reshape(-1).view(STAMP)
