"""How long a cluster took, after a fault, to be as it was before: over whole seconds of the measured phase.

    before       the whole measured seconds before the first fault of the run began, `FEWEST` at least
    as before    a second in which at least `SHARE` of the lowest acknowledged share before (acknowledged of what was
                 due) was acknowledged, with a latency p99 of at most `TIMES` the highest before
    disturbed    a second, from that in which a fault began until the next fault or the end, that is not as before
    recovered    from an instant until the first `SETTLED` seconds in a row, behind the first disturbed one, that are
                 as before; 0 where no second was disturbed

A second counts the acknowledgements that came in it, so a backlog that is worked off keeps latency high until it is
gone. Losses are not told here: what became of messages is known by offset, not by time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadkit.histogram import Histogram
from loadkit.result import Result, Row, merged

Floats = NDArray[np.float64]
FEWEST, SETTLED = 3, 3
SHARE, TIMES = 0.9, 2.0


@dataclass(frozen=True, slots=True)
class Seconds:
    """Whole measured seconds: when each began (s), messages due and acknowledged in it, latency p99 (s; NaN: none)."""

    t: Floats
    due: Floats
    acked: Floats
    p99: Floats

    def as_before(self, first: float) -> NDArray[np.bool_] | None:
        """Return which seconds are as those before the first fault began; None where these are too few."""
        share = np.where(self.due > 0, self.acked / np.maximum(self.due, 1), 1.0)
        before = (self.t + 1 <= first) & (self.due > 0) & np.isfinite(self.p99)
        if before.sum() < FEWEST:
            return None
        in_time = np.nan_to_num(self.p99, nan=np.inf) <= TIMES * self.p99[before].max()
        calm: NDArray[np.bool_] = (share >= SHARE * share[before].min()) & (in_time | (self.due == 0))
        return calm


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a fault did to throughput and latency."""

    recovered: float | None
    """Seconds from its begin until all was as before."""
    after_end: float | None
    """Seconds from its end until all was as before: what mending it took, or cost anew."""
    disturbed: int | None
    """Seconds that were not as before."""
    why: str | None = None
    """Why one of them is not known."""


_NEVER = Recovery(None, None, None, "it never began")


def recovery(seconds: Seconds, calm: NDArray[np.bool_] | None, begin: float, end: float, until: float) -> Recovery:
    """Return how a fault from `begin` to `end` was overcome before `until`, when another began or the phase ended."""
    if calm is None:
        return Recovery(None, None, None, f"fewer than {FEWEST} whole seconds were measured before the first fault")
    mine = (seconds.t + 1 > begin) & (seconds.t + 1 <= until)
    since = [mine & (seconds.t + 1 > at) for at in (begin, end)]
    found = [_settled(seconds.t[one], calm[one], at) for one, at in zip(since, (begin, end), strict=True)]
    why = None if None not in found else f"not as before for {SETTLED} seconds in a row until {until:.0f} s"
    if found[0] is not None and not since[1].any():
        why = "it lasted until the next fault began, or the measured phase ended"
    return Recovery(found[0], found[1], int((~calm[mine]).sum()), why)


def _settled(t: Floats, calm: NDArray[np.bool_], since: float) -> float | None:
    """Return the time from an instant to the first settled seconds behind the first disturbed one; 0 without any."""
    if calm.all():
        return 0.0 if len(calm) else None
    first = int(np.argmin(calm))
    for at in range(first + 1, len(t) - SETTLED + 1):
        if calm[at : at + SETTLED].all():
            return round(float(t[at]) - since, 3)
    return None


def told(result: Result) -> list[dict[str, Any]]:
    """Return the faults of a run as its result holds them, each with its recovery and the errors of that time."""
    faults: Sequence[Mapping[str, Any]] = result.facts.get("faults") or ()
    begun = sorted(fault["begin"] for fault in faults if fault["begin"] is not None)
    if not begun:
        return [{**fault, **asdict(_NEVER), "errors": 0} for fault in faults]
    seconds, (_, stop) = _seconds(result), result.measured
    calm = seconds.as_before(begun[0])
    rows = []
    for fault in faults:
        begin, end = fault["begin"], fault["end"] or stop  # a run that was given up mends nothing
        if begin is None:
            rows.append({**fault, **asdict(_NEVER), "errors": 0})
            continue
        until = min((other for other in begun if other > begin), default=stop)
        found = recovery(seconds, calm, begin, end, until)
        last = begin + found.recovered if found.recovered is not None else until
        rows.append({**fault, **asdict(found), "errors": _sum(result, "errors", begin, max(last, end))})
    return rows


def _sum(result: Result, name: str, begin: float, end: float) -> int:
    rows = [row for row in result.of_kind("producer") if begin < row["t"] + 1 and row["t"] < end]
    return int(sum(row.get(name) or 0 for row in rows))


def _seconds(result: Result) -> Seconds:
    start, stop = result.measured
    t: Floats = np.arange(np.ceil(start), np.floor(stop), dtype=np.float64)
    due, acked = (_by_second(result.of_kind("producer"), name, t) for name in ("due", "acked"))
    p99 = np.full(len(t), np.nan)
    parts = [track for tag, track in result.tracks.items() if ":" not in tag and tag.endswith(".latency")]
    track = merged("latency", parts) if parts else None
    for row, second in enumerate(track.seconds.tolist() if track else ()):
        if track and len(t) and t[0] <= second <= t[-1]:
            counts = np.asarray(track.counts[[row]].sum(axis=0), np.int64).ravel()
            p99[int(second - t[0])] = Histogram.of(counts).quantile(0.99) / 1e6
    return Seconds(t, due, acked, p99)


def _by_second(rows: list[Row], name: str, t: Floats) -> Floats:
    found = dict.fromkeys(t.tolist(), 0.0)
    for row in rows:
        if row["t"] in found:
            found[row["t"]] += row.get(name) or 0
    return np.array(list(found.values()))
