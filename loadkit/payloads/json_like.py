"""JSON documents like an order's, of exactly the declared size, that compress to a declared share of it.

`{"loadkit":"<stamp>","token":"<noise>","items":[<64 B each>],"note":"<padding>"}`: the token's length sets
the compressibility, the items come from a small catalogue as in a real shop, the note makes the size exact.
What does not fit is left out. Unstamped values start with `{"orderid":"<48 hex>",` instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from loadkit import hashing, stamp
from loadkit.blobs import Blobs, cells, paste, splice, write
from loadkit.payloads import sizes
from loadkit.payloads.pool import Pool, pool
from loadkit.payloads.spec import SizedSpec, StampForm
from loadkit.units import format_size

_LETTERS = bytes(c for c in range(33, 127) if c not in b'"\\&<>')
_TOKEN, _ITEMS, _NOTE, _END = b'"token":"', b'"items":[', b'"note":"', b'"}'
_ITEM = 64
_STARTS = 4096
"""Places in the catalogue's list where a document's items may begin: as many different documents."""
_WORDS = (
    b"Please leave the parcel with a neighbour or at the back door, and ring twice. Thank you for the quick delivery. "
    * 2
)
_SMALLEST = stamp.JSON_SIZE + len(_NOTE) + len(_END)

_FIXED_COST = 34
"""Bytes that stamp, field names and note take after compression."""
_ITEM_COST = 0.05
"""Compressed bytes per byte of the items."""
_TOKEN_COST = 0.9
"""Compressed bytes per byte of the token: 0.81 with an entropy coder (zlib, zstd), 1 without (lz4, snappy)."""


class JsonLike(SizedSpec):
    """Order-like JSON documents, each of exactly its size.

    A batch of 64 KiB compresses to `1 - compressibility` of its size, within 0.1 for compressibility from 0.3
    to 0.9 and values of 1 KiB and more: zlib and zstd come out a little smaller, lz4 and snappy a little larger.
    Printable text has at most 6.5 bits a character, so below 0.2 entropy coders stay near 0.8. Below 200 B
    stamp and field names take most of a value, which then compresses to 0.1 ... 0.3 whatever is declared.
    """

    stamp_form: ClassVar[StampForm] = "json"
    smallest: ClassVar[int] = _SMALLEST
    kind: Literal["json_like"] = "json_like"
    compressibility: float = Field(0.5, ge=0, lt=1)

    @model_validator(mode="after")
    def _takes_the_frame(self) -> JsonLike:
        least = self.size.range()[0]
        if least < _SMALLEST:
            raise ValueError(
                f"size: {format_size(least)} is too small for a JSON document: the smallest is {_SMALLEST} B"
            )
        return self

    def build(self, seed: int) -> JsonPayload:
        """Return what makes the values."""
        largest = self.size.range()[1]
        tokens = pool(seed, max(1, int(_plan(np.array([largest]), self.compressibility).token[0])), _LETTERS)
        size = sizes.spread(self.size)
        plan = _plan(np.array([size or largest]), self.compressibility)
        parts = (int(plan.token[0]), int(plan.items[0]), int(plan.note[0]))
        return JsonPayload(self, seed, tokens, _catalogue(seed, largest // _ITEM), size, parts)


class _Plan(NamedTuple):
    """How many bytes of token, items and note make up a document of each size."""

    token: NDArray[np.int64]
    items: NDArray[np.int64]
    note: NDArray[np.int64]


def _plan(size: NDArray[np.int64], compressibility: float) -> _Plan:
    room = size - _SMALLEST
    wanted = ((1 - compressibility - _ITEM_COST) * size - _FIXED_COST) / (_TOKEN_COST - _ITEM_COST)
    token = np.clip(np.rint(wanted), 0, np.maximum(room - len(_TOKEN) - 2, 0)).astype(np.int64)
    room = room - np.where(token > 0, token + len(_TOKEN) + 2, 0)
    count = np.maximum(0, (room - len(_ITEMS) - 1) // _ITEM)
    items = np.maximum(count * _ITEM - 1, 0)
    return _Plan(token, items, room - np.where(items > 0, items + len(_ITEMS) + 2, 0))


@dataclass(frozen=True, slots=True)
class JsonPayload:
    """JSON values."""

    spec: JsonLike
    seed: int
    tokens: Pool
    catalogue: bytes
    size: int | None
    parts: tuple[int, int, int]
    """Bytes of token, items and note where there is one size."""

    @property
    def stamp_form(self) -> StampForm:
        """As the first field."""
        return "json"

    @property
    def smallest(self) -> int:
        """A document with nothing but its stamp and an empty note."""
        return _SMALLEST

    def values(self, numbers: NDArray[np.int64], stamps: stamp.Stamps | None) -> Blobs:
        """Return the values of the class's messages `numbers`."""
        return self._mixed(numbers, stamps) if self.size is None else self._equal(numbers, stamps, self.size)

    def _equal(self, numbers: NDArray[np.int64], stamps: stamp.Stamps | None, size: int) -> Blobs:
        token, items, note = self.parts
        rows = np.empty((len(numbers), size), np.uint8)
        cells(rows, size, size)[:] = np.void(_frame(token, items, note))
        at = stamp.JSON_SIZE
        if token:
            at += len(_TOKEN)
            paste(rows, at, self.tokens.slices_of(numbers, token))
            at += token + 2
        if items:
            at += len(_ITEMS)
            paste(rows, at, cells(np.frombuffer(self.catalogue, np.uint8), items)[self._starts(numbers)])
        self._head(rows, numbers, stamps)
        return Blobs.rows(rows)

    def _mixed(self, numbers: NDArray[np.int64], stamps: stamp.Stamps | None) -> Blobs:
        made = Blobs.blank(self.spec.size.draw(self.seed, numbers))
        if not len(numbers):
            return made
        data, at = made.data, made.offsets[:-1]
        token, items, note = _plan(made.sizes, self.spec.compressibility)
        heads = np.empty((len(numbers), stamp.JSON_SIZE), np.uint8)
        heads[:] = np.frombuffer(_frame(0, 0, 0)[: stamp.JSON_SIZE], np.uint8)
        self._head(heads, numbers, stamps)
        cells(data, stamp.JSON_SIZE)[at] = heads.view(f"V{stamp.JSON_SIZE}").ravel()
        at = at + stamp.JSON_SIZE
        at = _field(data, at, (_TOKEN, b'",'), self.tokens.data, self.tokens.starts(numbers), token)
        at = _field(data, at, (_ITEMS, b"],"), np.frombuffer(self.catalogue, np.uint8), self._starts(numbers), items)
        write(data, at, _NOTE)
        splice(data, at + len(_NOTE), np.frombuffer(_WORDS, np.uint8), np.zeros(len(at), np.int64), note)
        write(data, made.offsets[1:] - len(_END), _END)
        return made

    def _starts(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where in the catalogue the items of each message begin, by multiplicative hashing."""
        hashed = (numbers.astype(np.uint64) + np.uint64(self.seed & 0xFFFFFFFF)) * np.uint64(0x9E3779B97F4A7C15)
        return (hashed >> np.uint64(64 - 12)).astype(np.int64) * _ITEM

    def _head(self, rows: NDArray[np.uint8], numbers: NDArray[np.int64], stamps: stamp.Stamps | None) -> None:
        """Write the first field: the stamp, or the order's number under another name."""
        if stamps is not None:
            paste(rows, stamp.HEX_AT.start, stamp.as_hex(stamp.as_bytes(stamps)))
            return
        identity = np.empty((len(numbers), 3), ">u8")
        identity[:, :2] = hashing.mix(self.seed, np.arange(2), hashing.Stream.IDENTITY)
        identity[:, 2] = numbers
        rows[:, : stamp.HEX_AT.start] = np.frombuffer(b'{"orderid":"', np.uint8)
        paste(rows, stamp.HEX_AT.start, stamp.as_hex(identity.view(np.uint8)))


def _field(
    data: NDArray[np.uint8], at: NDArray[np.int64], around: tuple[bytes, bytes], source: NDArray[np.uint8],
    start: NDArray[np.int64], size: NDArray[np.int64],
) -> NDArray[np.int64]:  # fmt: skip
    """Write a field at `at` with what stands around it, where its size is not 0; return where the next one begins."""
    before, after = around
    some = size > 0
    write(data, at[some], before)
    splice(data, at + len(before), source, start, size)
    write(data, (at + len(before) + size)[some], after)
    next_at: NDArray[np.int64] = at + np.where(some, len(before) + size + len(after), 0)
    return next_at


@lru_cache(maxsize=64)
def _frame(token: int, items: int, note: int) -> bytes:
    """Return a document with zeros where stamp, token and items go."""
    head = stamp.JSON_HEAD + b"0" * 2 * stamp.SIZE + stamp.JSON_TAIL
    secret = _TOKEN + b"0" * token + b'",' if token else b""
    goods = _ITEMS + b"0" * items + b"]," if items else b""
    return head + secret + goods + _NOTE + _WORDS[:note] + _END


@lru_cache(maxsize=8)
def _catalogue(seed: int, items: int) -> bytes:
    """Return items in a hashed order, 64 bytes each with the comma after it, `items` more than places to start."""
    goods = (
        "Ceramic mug", "Desk lamp", "Wool scarf", "Notebook A5", "Olive oil", "Phone case", "Rain jacket",
        "Tea sampler",
        "Water bottle", "Wall clock", "Yoga mat", "Zip hoodie", "Bike light", "Cork board", "Door mat", "Egg timer",
    )  # fmt: skip
    shelf = []
    for i, name in enumerate(goods):
        item = f'{{"sku":"LK-{1000 + 37 * i}","qty":{i % 4 + 1},"price":{5 + 7.35 * i:.2f},"name":"{name}"'
        shelf.append(item.ljust(_ITEM - 2) + "},")
    order = hashing.below(len(shelf), seed, np.arange(_STARTS + items + 1), hashing.Stream.DOCUMENT)
    return "".join(map(shelf.__getitem__, order.tolist())).encode()


SPEC = JsonLike


def json_like(size: sizes.Sizes | int | str = "1KiB", compressibility: float = 0.5) -> JsonLike:
    """Return order-like JSON documents of `size` that compress to `1 - compressibility` of it."""
    return JsonLike.model_validate({"size": size, "compressibility": compressibility})
