"""What really happened to each message, and percentiles of it beside reported ones. Arithmetic only.

A message's truth comes from two witnesses that are not loadkit: the topic, read in full by an ordinary consumer
(offset, the client library's CreateTime, the bytes of the stamp), and the proxy's log (when the response that carried
an offset had left). All instants are nanoseconds of one machine's monotonic clock.

    latency       response to the produce had left - the stamp's due time
    end_to_end    response to the fetch had left - the stamp's due time
    service_time  response to the produce had left - CreateTime
    send_delay    CreateTime - the stamp's due time

CreateTime is librdkafka's (or Java's) clock at the call of send, in whole milliseconds: the middle of its millisecond
is taken, so a value of the last two is known to half a millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trust.proxy.record import Passed, Record

Ints = NDArray[np.int64]
ALLOWED_S, ALLOWED_SHARE = 0.0005, 0.02
"""A reported percentile may differ by the larger of both."""
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
SERIES = ("latency", "service_time", "end_to_end")
"""What is judged."""
BEYOND = 10
"""Messages that must lie beyond a percentile for it to be compared."""
_MS = 1_000_000
_INTENDED = slice(16, 24)
"""Where the due time stands in a stamped value: little-endian nanoseconds."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The messages of one partition as a full read of the topic found them, by offset."""

    offset: Ints
    created_ms: Ints
    """Since 1970."""
    heads: Sequence[bytes]
    """The first 24 bytes of each value."""

    def intended_ns(self) -> Ints:
        """Return when each message was due, from its stamp."""
        return np.frombuffer(b"".join(head[_INTENDED] for head in self.heads), "<i8").astype(np.int64)

    def created_ns(self, record: Record) -> Ints:
        """Return the middle of each CreateTime's millisecond on the monotonic clock."""
        return self.created_ms * _MS + _MS // 2 - (record.wall_ns + record.wall_end_ns) // 2


@dataclass(frozen=True, slots=True)
class Truth:
    """When what happened to n messages; 0 where the log does not tell."""

    due: Ints
    created: Ints
    asked: Ints
    """When the request of the produce had passed the proxy."""
    acked: Ints
    got: Ints

    def __len__(self) -> int:
        return len(self.due)

    def series(self) -> dict[str, Ints]:
        """Return the series (ns) of the messages whose log is whole; of a series that has none, nothing."""
        known, read = self.acked > 0, self.got > 0
        found = {
            "latency": (self.acked - self.due)[known], "service_time": (self.acked - self.created)[known],
            "send_delay": self.created - self.due, "end_to_end": (self.got - self.due)[read],
            "passage": (self.acked - self.asked)[known],
        }  # fmt: skip
        return {name: values for name, values in found.items() if len(values)}

    def between(self, first_ns: int, end_ns: int) -> Truth:
        """Return the messages that were due in [first_ns, end_ns)."""
        at = (self.due >= first_ns) & (self.due < end_ns)
        return Truth(self.due[at], self.created[at], self.asked[at], self.acked[at], self.got[at])


def of(record: Record, stored: Stored, due: Ints) -> Truth:
    """Return what the record says about each stored message of the one partition there is.

    The last response that carried an offset counts: a client that has a response does not ask again, so an earlier one
    was lost on its way.
    """
    asked, acked = _by_offset(record.of("produce"), stored.offset)
    _, got = _by_offset(record.of("fetch"), stored.offset)
    return Truth(due, stored.created_ns(record), asked, acked, got)


def _by_offset(passed: Iterable[Passed], offset: Ints) -> tuple[Ints, Ints]:
    size = int(offset.max(initial=-1)) + 1
    requests, responses = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for one in passed:
        for part in one.parts:
            requests[part.first : part.first + part.count] = one.request_ns
            responses[part.first : part.first + part.count] = one.response_ns
    return requests[offset], responses[offset]


def schedule(created_ns: Ints, rate: float) -> Ints:
    """Return when each of n messages was due that a tool was told to send at a rate, in the order of their offsets.

    No message is sent before it is due, so the schedule begins at the latest instant for which that holds: known to a
    millisecond, as CreateTime is.
    """
    after = np.round(np.arange(len(created_ns)) * (1e9 / rate)).astype(np.int64)
    return after + int((created_ns - after).min(initial=1 << 62))


def quantile(values: Ints, q: float) -> float:
    """Return the value (s) that a share `q` of nanoseconds does not exceed: that of rank ceil(q n)."""
    rank = max(1, math.ceil(q * len(values) - 1e-6))
    return float(np.partition(values, rank - 1)[rank - 1]) / 1e9


def quantiles(values: Ints) -> dict[str, float]:
    """Return the percentiles (s) that so many values carry."""
    return {name: quantile(values, q) for name, q in QUANTILES.items()
            if q in (0.5, 1.0) or len(values) * (1 - q) >= BEYOND - 1e-6}  # fmt: skip


def compared(truth: Truth, metrics: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """Return each series' percentiles beside the reported ones; one that was withheld is not kept."""
    rows, found = [], truth.series()
    for series in SERIES:
        for name, true in quantiles(found[series]).items() if series in found else ():
            reported = metrics.get(f"{series}.{name}")
            allowed = max(ALLOWED_S, ALLOWED_SHARE * true)
            off = None if reported is None else reported - true
            rows.append({
                "series": series, "quantile": name, "truth": true, "reported": reported, "difference": off,
                "allowed": allowed, "kept": off is not None and abs(off) <= allowed,
            })  # fmt: skip
    return rows


def longest_gap(passed: Iterable[Passed]) -> float:
    """Return the longest time (s) between two responses with records."""
    at = np.array([one.response_ns for one in passed if one.parts], np.int64)
    return float(np.diff(at).max(initial=0)) / 1e9
