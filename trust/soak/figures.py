"""What a long run amounts to, from its files and from sizes that were looked at beside it. Arithmetic only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from loadkit.analysis.drift import drift
from loadkit.histogram import Histogram
from loadkit.result import Result, Row, Track, merged
from loadkit.summary import summarise

WINDOW, FEWEST = 60.0, 6
"""Seconds of a window; a run that is shorter than `FEWEST` of them is cut into as many."""
QUANTILES = {"p50": 0.5, "p99": 0.99}
SERIES = ("send_delay", "latency", "end_to_end")
INTEGRITY = ("lost", "duplicated", "reordered", "unsent")


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes on disk at an instant (seconds since 1970)."""

    at: float
    files: int
    """Of the folder of the result."""
    topic: int
    """Of all partitions' segments, those that are being deleted included."""


def growth(rows: Iterable[Row], start: float, end: float, first: float) -> dict[str, float]:
    """Return resident bytes of [start, end) by host rows: highest in the first seconds, highest later, difference."""
    sizes = [(row["t"] - start, row["rss"]) for row in rows if row["kind"] == "host" and start <= row["t"] < end]
    early, later = [size for t, size in sizes if t < first], [size for t, size in sizes if t >= first]
    last = later[-max(1, len(later) // 10) :]
    return {"first": max(early), "highest": max(later), "last_tenth": median(last), "growth": max(later) - max(early)}


def windows(start: float, end: float) -> list[tuple[float, float]]:
    """Return the windows of a run: whole minutes, or a sixth of it each where it is short."""
    length = min(WINDOW, (end - start) / FEWEST)
    count = int((end - start) / length + 1e-9)
    return [(start + at * length, start + (at + 1) * length) for at in range(count)]


def within(track: Track, start: float, end: float) -> Histogram:
    """Return the merged histogram of the seconds in [start, end)."""
    at = np.flatnonzero((track.seconds >= start) & (track.seconds < end))
    if not len(at):
        return Histogram()
    return Histogram.of(np.asarray(track.counts[at].sum(axis=0), np.int64).ravel(), int(track.maxima[at].max()))


def by_window(result: Result, samples: Sequence[Sample]) -> list[dict[str, float | None]]:
    """Return each window's percentiles (s), highest resident size, and bytes on disk at its ends."""
    begun = float(result.facts["started_epoch"])
    tracks = {series: merged(series, own) for series in SERIES if (own := _tracks(result, series))}
    rows: list[dict[str, float | None]] = []
    for start, end in windows(*result.measured):
        row: dict[str, float | None] = {"start": start, "end": end}
        for series, track in tracks.items():
            counted = within(track, start, end)
            for name, q in QUANTILES.items():
                row[f"{series}.{name}"] = counted.quantile(q) / 1e6 if len(counted) else None
        sizes = [one["rss"] for one in result.of_kind("host") if start <= one["t"] < end]
        row["rss"] = max(sizes, default=None)
        row["files"] = size_at(samples, begun + end, "files") - size_at(samples, begun + start, "files")
        row["topic"] = max((one.topic for one in samples if begun + start <= one.at < begun + end), default=None)
        rows.append(row)
    return rows


def _tracks(result: Result, series: str) -> list[Track]:
    return [track for tag, track in result.tracks.items() if ":" not in tag and tag.endswith(f".{series}")]


def size_at(samples: Sequence[Sample], at: float, name: str) -> float:
    """Return a size at an instant, by linear interpolation; that of the nearest sample outside of them."""
    return float(np.interp(at, [one.at for one in samples], [getattr(one, name) for one in samples]))


def figures(result: Result, samples: Sequence[Sample], asked: Mapping[str, float]) -> dict[str, Any]:
    """Return what a run amounts to, whole or as far as it came; ValueError where it has no two windows of seconds.

    Of send delay and memory the drift is told as the change from the first window to the last, by a line through the
    windows' logs, with its 95 % interval.
    """
    start, end = result.measured
    if end - start < 2 * FEWEST or not samples:
        raise ValueError(f"{end - start:.0f} s were measured: too few to tell anything")
    rows, metrics = by_window(result, samples), summarise(result).metrics
    step = rows[0]["end"] - rows[0]["start"]  # type: ignore[operator]
    grown = [float(row["files"] or 0) / step for row in rows]
    return {
        "asked": dict(asked), "status": result.facts.get("status"), "seconds": end - start,
        "offered": metrics.get("offered"), "kept": metrics.get("throughput"),
        "integrity": {name: metrics.get(name) for name in INTEGRITY},
        "memory": growth(result.rows, start, end, min(WINDOW, (end - start) / 2)),
        "drift": {name: _drift(rows, name) for name in ("send_delay.p50", "send_delay.p99", "rss")},
        "files": {"per_second": median(grown), "steepest": max(grown) / median(grown), "bytes": samples[-1].files},
        "topic": max(one.topic for one in samples), "windows": rows,
    }  # fmt: skip


def _drift(rows: Sequence[Mapping[str, float | None]], name: str) -> dict[str, Any] | None:
    known = [(row["start"], row[name]) for row in rows if row.get(name)]
    found = drift([float(t or 0) for t, _ in known], [float(value or 0) for _, value in known])
    if found is None:
        return None
    return {"change": found.change.change, "interval": list(found.change.changes), "windows": found.repeats}
