"""Sizes that follow from the code itself: worked out anew each time, in seconds."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from loadkit import payloads, stamp
from loadkit.histogram import HIGHEST_US, Histogram, bounds
from loadkit.integrity import REMEMBERED, Consumed
from loadkit.payloads.spec import Payload
from loadkit.summary import BEYOND

BATCH = 64 * 1024
"""Bytes of a batch that is compressed."""
DECAY = 0.015
"""Alpha of the reservoirs behind a broker's percentiles (Metrics' ExponentiallyDecayingReservoir), a second."""


def sizes() -> dict[str, Any]:
    """Return every size that is worked out here."""
    return {
        "histogram": histogram(), "few": few(), "decay": {str(s): round(fresh(s), 3) for s in (30, 60, 300)},
        "stamp": stamps(),
        "duplicates": {"apart": REMEMBERED, "near": judged(REMEMBERED // 2), "far": judged(2 * REMEMBERED)},
    }  # fmt: skip


def histogram() -> dict[str, float]:
    """Return how far a reported value can lie above the recorded one (share), and what becomes of two hours."""
    low, high = bounds()
    wide = low >= 1
    two_hours = Histogram()
    two_hours.record(np.array([2 * HIGHEST_US]))
    return {
        "widest": float(((high - low)[wide] / low[wide]).max()), "exact_below_us": float(low[high > low].min()),
        "two_hours_us": two_hours.quantile(0.5), "overflow": two_hours.overflow,
    }  # fmt: skip


def few() -> dict[str, float]:
    """Return how many messages lie beyond a percentile in the long run where the fewest that show it lie there now.

    Poisson, 95 %, for messages that have nothing to do with each other; stalls make it wider.
    """
    return {
        "beyond": BEYOND, "low": float(stats.chi2.ppf(0.025, 2 * BEYOND) / 2),
        "high": float(stats.chi2.ppf(0.975, 2 * BEYOND + 2) / 2),
    }  # fmt: skip


def fresh(seconds: float) -> float:
    """Return the share of a broker's percentile that comes from the last seconds, at an even rate of requests."""
    return 1 - math.exp(-DECAY * seconds)


def stamps() -> list[dict[str, Any]]:
    """Return what a stamp does to the compression of a batch (zlib, level 6), by payload."""
    kinds: Sequence[tuple[str, int, Payload]] = (
        ("constant", 100, payloads.constant(size="100B").build(1)),
        ("JSON", 1024, payloads.json_like(size="1KiB").build(1)),
    )  # fmt: skip
    return [{"payload": name, "bytes": size, **_compressed(payload, BATCH // size)} for name, size, payload in kinds]


def _compressed(payload: Payload, messages: int) -> dict[str, float]:
    numbers = np.arange(messages)
    made = stamp.stamps(7, 3, 10**6, 10**12 + numbers * 20_000)
    raw, packed = {}, {}
    for stamped, stamps_or_none in ((True, made), (False, None)):
        data = payload.values(numbers, stamps_or_none).data.tobytes()
        raw[stamped], packed[stamped] = len(data), len(zlib.compress(data, 6))
    return {
        "ratio": round(raw[True] / packed[True], 2), "ratio_without": round(raw[False] / packed[False], 2),
        "bytes_a_message": round((packed[True] - packed[False]) / messages, 1),
    }  # fmt: skip


def judged(apart: int) -> str:
    """Return as what a message counts whose twin stood so many messages before it in the log."""
    group, step = Consumed(), 1 << 16
    sequence = np.append(np.arange(apart), 0)
    for at in range(0, len(sequence), step):
        seq = sequence[at : at + step]
        group.add(np.zeros(len(seq), np.int32), np.arange(at, at + len(seq)), np.ones(len(seq), np.int64), seq)
    counts = group.cut()[0].counts
    return next(name for name in ("duplicated", "reordered") if counts.get(name))
