"""HDR histograms of microseconds: filled by whole arrays, merged by addition, written as an HDR log.

Layout (lowest 1 µs, highest 1 h, 3 digits) and encoding are HdrHistogram's, so its Java tools read
what is written here; the counting is numpy, because one call a value costs more than the message did.
"""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TextIO

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
DIGITS = 3
_MAGNITUDE = 10  # sub_bucket_half_count_magnitude for 3 digits: 2048 sub-buckets
_HALF = 1 << _MAGNITUDE
_MASK = 2 * _HALF - 1
_HEADER = 40
_V2_COOKIE = 0x1C849303

Counts = NDArray[np.int64]


def _blank() -> HdrHistogram:
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


@cache
def _encoder() -> HdrHistogram:
    """Return the one that encodes: each is half a megabyte in cycles, which wait for the garbage collector."""
    return _blank()


@cache
def bounds() -> tuple[Counts, Counts]:
    """Return the lowest and the highest equivalent value (µs) of each count index."""
    index = np.arange(_blank().counts_len, dtype=np.int64)
    bucket = np.maximum((index >> _MAGNITUDE) - 1, 0)
    sub = np.where(index < _HALF, index, (index & (_HALF - 1)) + _HALF)
    sub = np.where(index < 2 * _HALF, index, sub)
    low = sub << bucket
    return low, low + (np.int64(1) << bucket) - 1


def indices(values_us: Counts) -> Counts:
    """Return the count index of each value in 0..HIGHEST_US, as HdrHistogram places it."""
    # the exponent of the double: half the price of frexp
    exponent = ((values_us | _MASK).astype(np.float64).view(np.int64) >> 52) - (1023 + _MAGNITUDE)
    index: Counts = ((exponent + 1) << _MAGNITUDE) + (values_us >> exponent) - _HALF
    return index


class Histogram:
    """Counts of values in microseconds, with the exact minimum, maximum and sum beside them.

    `overflow` counts values above one hour and `negative` those below zero (a clock that stepped);
    both are also recorded at the nearest end, so no message ever leaves a percentile.

    What was unpacked is added up only when its counts are asked for, all of it at once: a master that merges a fleet's
    histograms second by second would else spend most of its time on one array of counts for each.
    """

    __slots__ = ("min", "max", "sum", "overflow", "negative", "_counts", "_n", "_packed")

    def __init__(self) -> None:
        self._counts: Counts | None = None
        self._packed: list[bytes] = []
        self._n = 0
        self.min = 0
        self.max = 0
        self.sum = 0.0
        self.overflow = 0
        self.negative = 0

    @classmethod
    def of(cls, counts: Counts, exact_max: int | None = None) -> Histogram:
        """Return the histogram of counts by index; minimum, sum and, unless it is given, maximum follow from them."""
        made = cls()
        made._counts = counts
        filled = np.flatnonzero(counts)
        if len(filled):
            low, high = bounds()
            made._n = int(counts.sum())
            made.min = int(low[filled[0]])
            made.max = int(high[filled[-1]]) if exact_max is None else exact_max
            made.sum = float(((low[filled] + high[filled]) / 2.0 * counts[filled]).sum())
        return made

    @property
    def counts(self) -> Counts:
        """The number of values by count index, as `bounds` has them."""
        if self._counts is None:
            self._counts = np.zeros(len(bounds()[0]), np.int64)
        if self._packed:
            _, filled, counts = decode_rows(self._packed)
            self._packed = []
            self._counts = self._counts + np.bincount(filled, counts, len(self._counts)).astype(np.int64)
        return self._counts

    def __len__(self) -> int:
        return self._n

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and bool(np.array_equal(self.counts, other.counts))

    __hash__ = None  # type: ignore[assignment]

    @property
    def mean(self) -> float:
        """The mean in µs; NaN when empty."""
        count = len(self)
        return self.sum / count if count else float("nan")

    def record(self, values_us: NDArray[np.integer]) -> None:
        """Add every value of an array of microseconds."""
        if not len(values_us):
            return
        values = values_us.astype(np.int64, copy=False)
        low, high = int(values.min()), int(values.max())
        self.sum += float(values.sum())
        self.overflow += int(np.count_nonzero(values > HIGHEST_US)) if high > HIGHEST_US else 0
        self.negative += int(np.count_nonzero(values < 0)) if low < 0 else 0
        if low < 0 or high > HIGHEST_US:
            values = np.clip(values, 0, HIGHEST_US)
        counted = np.bincount(indices(values))  # as long as the largest value needs, which is seldom all
        self.counts[: len(counted)] += counted
        self.min = max(low, 0) if not self._n else min(self.min, max(low, 0))
        self.max = max(self.max, high)
        self._n += len(values)

    def record_ns(self, values_ns: NDArray[np.int64]) -> None:
        """Add every value of an array of nanoseconds, rounded to the nearest microsecond."""
        self.record((values_ns + 500) // 1000)

    def add(self, other: Histogram) -> None:
        """Add another histogram's counts to this one's."""
        if not len(other):
            return
        self.min = min(self.min, other.min) if self._n else other.min
        self.max = max(self.max, other.max)
        if other._counts is not None:
            self._counts = self.counts + other._counts
        self._packed += other._packed
        self._n += len(other)
        self.sum += other.sum
        self.overflow += other.overflow
        self.negative += other.negative

    def quantile(self, q: float) -> float:
        """Return the value in µs that a share `q` of all values does not exceed; never above the true maximum."""
        return float(self.quantiles([q])[0])

    def quantiles(self, qs: Iterable[float]) -> NDArray[np.float64]:
        """Return the value in µs at each share of `qs`; NaN when empty."""
        return quantiles_of(self.counts, self.max, np.asarray(list(qs), float))

    def encode(self) -> str:
        """Return HdrHistogram's compressed V2 encoding as base64 text."""
        return str(self._library().encode(), "ascii")

    def _library(self) -> HdrHistogram:
        wrapped = _encoder()  # set anew in all that counts
        np.frombuffer(wrapped.counts, np.int64)[:] = self.counts
        wrapped.total_count = len(self)
        wrapped.min_value = self.min or (1 << 63) - 1
        wrapped.max_value = min(self.max, HIGHEST_US)
        return wrapped

    @classmethod
    def decode(cls, text: str, exact_max: int | None = None) -> Histogram:
        """Return the histogram of an encoded text; `exact_max` (µs) replaces the maximum that encoding rounds."""
        filled, counts = decode_sparse(text)
        dense = np.zeros(len(bounds()[0]), np.int64)
        dense[filled] = counts
        return cls.of(dense, exact_max)

    def pack(self) -> dict[str, object]:
        """Return a small JSON-able form that `unpack` restores exactly; for the way between processes."""
        return {"h": self.encode(), "n": len(self), "min": self.min, "max": self.max, "sum": self.sum,
                "over": self.overflow, "neg": self.negative}  # fmt: skip

    @classmethod
    def unpack(cls, packed: dict[str, object]) -> Histogram:
        """Return the histogram that `pack` wrote."""
        made = cls()
        made._packed, made._n = [_payload(str(packed["h"]))], int(str(packed["n"]))
        made.min, made.max = int(str(packed["min"])), int(str(packed["max"]))
        made.sum = float(str(packed["sum"]))
        made.overflow, made.negative = int(str(packed["over"])), int(str(packed["neg"]))
        return made


def decode_sparse(text: str) -> tuple[Counts, Counts]:
    """Return the filled count indices of an encoded histogram and their counts."""
    _, filled, counts = decode_rows([_payload(text)])
    return filled, counts


def _payload(text: str) -> bytes:
    raw = zlib.decompress(base64.b64decode(text)[8:])
    if len(raw) < _HEADER or struct.unpack_from(">i", raw)[0] & ~0xF0 != _V2_COOKIE:
        raise ValueError("not a V2 HdrHistogram encoding")
    return raw[_HEADER:]


def decode_rows(payloads: Sequence[bytes]) -> tuple[Counts, Counts, Counts]:
    """Return how many count indices each payload fills, and all those indices and counts one after the other.

    A V2 payload is ZigZag LEB128 numbers: a count, or, negative, how many zeros follow. Read here by numpy,
    many histograms at once, because a report of an hour holds tens of thousands (the library needs 0.3 ms each).
    """
    joined = np.frombuffer(b"".join(payloads), np.uint8)
    last = np.flatnonzero(joined < 128)
    first = np.concatenate([[0], last + 1])[:-1]
    longest = int((last - first).max(initial=0))
    wide = np.int64 if longest > 3 else np.int32  # four bytes of seven bits fit the narrower, and nearly always do
    numbers = (joined[first] & 127).astype(wide)
    for place in range(1, longest + 1):
        longer = np.flatnonzero(last - first >= place)
        numbers[longer] |= (joined[first[longer] + place] & 127).astype(wide) << (7 * place)
    numbers = (numbers >> 1) ^ -(numbers & 1)
    filled = np.flatnonzero(numbers > 0)
    after = np.concatenate([[0], np.cumsum(np.where(numbers < 0, -numbers, 1))])
    ends = np.searchsorted(last, np.cumsum([len(payload) for payload in payloads]))
    edges = np.searchsorted(filled, np.concatenate([[0], ends]))
    per_row = np.diff(edges)
    start = after[np.concatenate([[0], ends])[:-1]]
    return per_row, after[filled] - np.repeat(start, per_row), numbers[filled].astype(np.int64)


def quantiles_of(counts: Counts, maximum: float, qs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quantiles (µs) of one row of counts; rank = ceil(q·n), at least 1, as HdrHistogram ranks."""
    total = int(counts.sum())
    if not total:
        return np.full(len(qs), np.nan)
    # The tolerance keeps 0.999 * 1000 (999.0000000000001) at rank 999.
    ranks = np.clip(np.ceil(qs * total - 1e-9 * total * np.finfo(float).eps - 1e-6), 1, total)
    position = np.searchsorted(np.cumsum(counts), ranks)
    return np.minimum(bounds()[1][position], maximum).astype(float)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One interval of one series in an HDR log: times in seconds since the log's start."""

    tag: str
    start: float
    length: float
    histogram: Histogram


def write_log_header(out: TextIO, started_at: float, iso: str) -> None:
    """Write the head of an HDR log 1.3 whose times count from `started_at` (seconds since the epoch)."""
    out.write(
        "#[Histogram log format version 1.3]\n"
        f"#[StartTime: {started_at:.3f} (seconds since epoch), {iso}]\n"
        "#[Values are microseconds; Interval_Max is exact]\n"
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
    )


def write_log_line(out: TextIO, line: LogLine) -> None:
    """Write one tagged interval; the maximum is exact, which the encoded histogram's is not."""
    head = f"Tag={line.tag},{line.start:.3f},{line.length:.3f},{line.histogram.max:.3f}"
    out.write(f"{head},{line.histogram.encode()}\n")


@dataclass(frozen=True, slots=True)
class RawLine:
    """One interval of one series as read, for `decode_rows`; the maximum (µs) is exact."""

    tag: str
    start: float
    payload: bytes
    max: int


_LINE = re.compile(r"(?:Tag=([^,]*),)?([\d.]+|-[\d.]+),([\d.]+),([\d.]+),(\S+)$")


def read_log(lines: Iterable[str]) -> Iterator[RawLine]:
    """Yield each interval of an HDR log; comments, torn lines and those that do not decode are passed over."""
    for text in lines:
        match = None if text.startswith(("#", '"')) else _LINE.match(text.rstrip("\n"))
        if not match or not text.endswith("\n"):
            continue
        try:
            yield RawLine(match[1] or "", float(match[2]), _payload(match[5]), int(float(match[4])))
        except (ValueError, zlib.error):
            continue
