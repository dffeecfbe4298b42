"""A result to numbers by name: rates, quantiles with intervals, what is withheld and why.

All of it is computed from the files of a trial, so a run that died is summarised by the same code.
A number that the data cannot carry is null and its reason stands in `withheld`: never absent, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from loadkit import clocks, limit, vocabulary
from loadkit.clocks import Clocks
from loadkit.intervals import quantile_intervals
from loadkit.limit_facts import facts_of
from loadkit.result import Result, Row, Track, merged

MEGA = 1e6
BEYOND = 10
"""Values that must lie beyond a quantile for it to be shown (with fewer, its order statistics are noise)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of one trial, by the names of `vocabulary`."""

    metrics: dict[str, float | None]
    withheld: dict[str, str]
    intervals: dict[str, tuple[float, float]]
    too_short: dict[str, str]
    """Why a percentile that is shown has no interval: the run is too short to tell."""
    limit: str
    evidence: list[str]
    warnings: list[dict[str, str]]

    def facts(self) -> dict[str, Any]:
        """Return the fields by name, as they stand in a result and in `--json`."""
        return {name: getattr(self, name) for name in self.__slots__}


def summarise(result: Result, wanted: Iterable[str] = ()) -> Summary:
    """Return every metric of the vocabulary for the whole trial, and those that exist by class and by topic.

    `wanted` names further quantiles, such as `Checkout.latency.p99.5`; UsageError when one is no metric.
    """
    found = _Numbers(clocks.known(result))
    tracks = _recorded(result)
    whole = {series: [owner for owner, name in tracks if name == series] for series in vocabulary.LATENCIES}
    _rates(found, result)
    _integrity(found, result)
    if whole["end_to_end"]:
        found.put("clock.bound", found.clocks.bound)
    else:
        found.withhold("clock.bound", "no end-to-end time was recorded, and no other compares two clocks")
    for series, owners in whole.items():
        parts = [tracks[owner, series] for owner in owners]
        found.latency(series, merged(series, parts) if parts else None, _why_none(series, result))
    found.withhold("max_rate", "one trial cannot tell; `loadkit max` searches for it")
    for (owner, series), track in tracks.items():
        found.latency(f"{owner}.{series}", track, "")
    _by_topic(found, result, tracks, whole)
    for name in vocabulary.names():
        if name not in found.metrics:
            found.withhold(name, "nothing of the kind was recorded in the measured phase")
    for name in wanted:
        _further(found, name, tracks, result)
    judged = limit.judge(facts_of(result, found.metrics))
    warnings = limit.warnings_of(result, found.metrics, judged)
    return Summary(
        found.metrics, found.withheld, found.intervals, found.too_short, judged.limit, list(judged.evidence), warnings
    )  # fmt: skip


def _by_topic(
    found: _Numbers, result: Result, tracks: Mapping[tuple[str, str], Track], whole: Mapping[str, list[str]]
) -> None:
    for topic, members in _topics(result).items():
        for series in vocabulary.LATENCIES:
            there = [member for member in members if (member, series) in tracks]
            if there and set(there) == set(whole[series]):  # the only topic: the whole's numbers are its own
                found.copy(series, f"{topic}.{series}")
            elif there:
                found.latency(f"{topic}.{series}", merged(series, [tracks[member, series] for member in there]), "")


def _further(found: _Numbers, name: str, tracks: Mapping[tuple[str, str], Track], result: Result) -> None:
    """Put a quantile that is in no standard list."""
    owner, metric = vocabulary.split(name)
    series, _, statistic = metric.partition(".")
    if name in found.metrics or vocabulary.quantile(statistic) is None:
        return
    members = {owner, *_topics(result).get(owner, ())} if owner else {member for member, _ in tracks}
    parts = [track for (member, other), track in tracks.items() if other == series and member in members]
    place = f"{owner}.{series}" if owner else series
    found.latency(place, merged(series, parts) if parts else None, _why_none(series, result), [statistic])


def by_series(result: Result) -> dict[tuple[str, str], Track]:
    """Return the measured tracks by (class, series), without end-to-end times that the clocks do not carry."""
    known = clocks.known(result)
    tracks = _recorded(result).items()
    return {key: track for key, track in tracks if key[1] != "end_to_end" or not known.doubt(key[1], track.total)}


def _recorded(result: Result) -> dict[tuple[str, str], Track]:
    found = {}
    for tag, track in result.tracks.items():
        owner, _, series = tag.rpartition(".")
        if ":" not in tag and owner:
            found[owner, series] = track
    return found


def _topics(result: Result) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    classes = result.facts.get("classes", {})
    for name, facts in classes.items():
        if facts["topic"] not in classes:
            found.setdefault(facts["topic"], []).append(name)
    return found


class _Numbers:
    """Metrics as they are found."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self.metrics: dict[str, float | None] = {}
        self.withheld: dict[str, str] = {}
        self.intervals: dict[str, tuple[float, float]] = {}
        self.too_short: dict[str, str] = {}

    def put(self, name: str, value: float) -> None:
        self.metrics[name] = float(value)

    def withhold(self, name: str, why: str) -> None:
        self.metrics[name] = None
        self.withheld[name] = why

    def copy(self, series: str, to: str) -> None:
        """Put the statistics of one series under another name too."""
        for statistic in vocabulary.STATISTICS:
            name, other = f"{series}.{statistic}", f"{to}.{statistic}"
            self.metrics[other] = self.metrics[name]
            if name in self.withheld:
                self.withheld[other] = self.withheld[name]
            if name in self.intervals:
                self.intervals[other] = self.intervals[name]
            if name in self.too_short:
                self.too_short[other] = self.too_short[name]

    def latency(
        self, series: str, track: Track | None, why: str, statistics: Iterable[str] = vocabulary.STATISTICS
    ) -> None:
        """Put the statistics of one recorded series, in seconds."""
        whole = track.total if track else None
        count = len(whole) if whole else 0
        shown: dict[str, float] = {}
        doubt = self.clocks.doubt(series, whole) if whole else ""
        for statistic in statistics:
            name, q = f"{series}.{statistic}", vocabulary.quantile(statistic)
            if not whole or not count:
                self.withhold(name, why or "no message of the measured phase")
            elif doubt:
                self.withhold(name, doubt)
            elif q is None:
                self.put(name, (whole.max if statistic == "max" else whole.mean) / 1e6)
            elif q > 0.5 and count * (1 - q) < BEYOND - 1e-6:
                self.withhold(name, f"{count:,} values are too few: it takes {round(BEYOND / (1 - q)):,}")
            else:
                self.put(name, whole.quantile(q) / 1e6)
                shown[name] = q
        if track and shown:
            for name, told in zip(shown, quantile_intervals(track, list(shown.values())), strict=True):
                if told.ends:
                    self.intervals[name] = told.ends
                else:
                    self.too_short[name] = told.why


def total(rows: Iterable[Row], name: str) -> float:
    """Return the sum of one number over rows."""
    return float(sum(row.get(name) or 0 for row in rows))


def _rates(found: _Numbers, result: Result) -> None:
    start, end = result.measured
    seconds = end - start
    producers, consumers = result.of_kind("producer"), result.of_kind("consumer")
    if seconds <= 0:
        for name in ("throughput", "bytes", "consumed", "offered", "unsent", "errors"):
            found.withhold(name, "the measured phase never began")
        return
    window = [row for row in producers if row["t"] < end]
    if result.facts.get("classes") and not any(c["role"] == "producer" for c in result.facts["classes"].values()):
        for name in ("throughput", "bytes", "offered", "unsent", "errors"):
            found.withhold(name, "no class of the scenario produces")
    else:
        found.put("throughput", total(window, "acked") / seconds)
        found.put("bytes", total(window, "acked_bytes") / seconds)
        found.put("errors", total(producers, "errors"))
        _plan(found, result, seconds)
        for name in {row["name"] for row in producers}:
            own = [row for row in window if row["name"] == name]
            found.put(f"{name}.throughput", total(own, "acked") / seconds)
            found.put(f"{name}.bytes", total(own, "acked_bytes") / seconds)
    if consumers:
        found.put("consumed", total([row for row in consumers if row["t"] < end], "received") / seconds)
        for name in {row["name"] for row in consumers}:
            own = [row for row in consumers if row["name"] == name and row["t"] < end]
            found.put(f"{name}.consumed", total(own, "received") / seconds)
        _lag(found, consumers, start)
    _client(found, result, seconds)
    _skew(found, result)


def _plan(found: _Numbers, result: Result, seconds: float) -> None:
    """Put what was due against what was sent; for a run that died, as far as its rows say."""
    totals = result.facts.get("totals")
    rows = result.of_kind("producer")
    due = sum(t["due"] for t in totals.values()) if totals else total(rows, "due")
    unsent = sum(t["unsent"] for t in totals.values()) if totals else max(due - total(rows, "sent"), 0)
    found.put("offered", due / seconds)
    found.put("unsent", unsent)


def _lag(found: _Numbers, rows: list[Row], start: float) -> None:
    known = [row for row in rows if row.get("lag") is not None]
    if not known:
        return
    found.put("lag.max", max(row["lag"] for row in known))
    times = [row["lag_time"] for row in known if row.get("lag_time") is not None]
    if times:
        found.put("lag_time.max", max(times))
    by_second: dict[float, float] = {}
    for row in known:
        by_second[row["t"]] = by_second.get(row["t"], 0) + row["lag"]
    if len(by_second) >= 5:
        t, lag = np.array(sorted(by_second.items())).T
        found.put("lag.slope", float(np.polyfit(t - start, lag, 1)[0]))
    else:
        found.withhold("lag.slope", "fewer than five seconds with a known lag")


def _worked(result: Result) -> list[Row]:
    """Return what was confirmed and received in the measured seconds, whenever it was due: that took the client's work.

    A target that cannot keep up is still confirming the warm-up's messages then. Those which opened the connections of
    a run without warm-up are left out.
    """
    start, end = result.measured
    rows = [*result.of_kind("producer", None), *result.of_kind("consumer", None)]
    return [row for row in rows if row["t"] < end and (row["phase"] == "measure" or row["t"] >= start > 0)]


def _client(found: _Numbers, result: Result, seconds: float) -> None:
    cpu = total([row for row in result.of_kind("host") if row["t"] < result.measured[1]], "cpu")
    worked = _worked(result)
    handled = total(worked, "acked") + total(worked, "received")
    if cpu and handled:
        found.put("client.cpu_per_message", cpu / handled)
    raw = total(worked, "acked_bytes")
    if cpu and raw:
        found.put("client.cpu_per_mb", cpu / (raw / MEGA))
    rows = [row for row in result.of_kind("client") if row.get("role") == "producer"]
    batches, wire = total(rows, "batches"), total(rows, "batch_bytes")
    if batches:
        found.put("batch.size", wire / batches)
        found.put("requests", total(rows, "requests") / seconds)
        found.put("batches", batches / seconds)
        found.put("wire.bytes", wire / seconds)
        if raw:
            found.put("requests.per_mb", total(rows, "requests") / (raw / MEGA))
        if wire and raw:
            found.put("compression.ratio", raw / wire)


def _skew(found: _Numbers, result: Result) -> None:
    """Put how much fuller the fullest partition is than the mean: of the most uneven topic, and of each."""
    by_topic: dict[str, dict[str, list[Row]]] = {}
    for row in result.of_kind("partition"):
        topic, _, number = str(row["name"]).rpartition("/")
        by_topic.setdefault(topic, {}).setdefault(number, []).append(row)
    known = (result.facts.get("target") or {}).get("topics") or {}
    for name, field in (("partition.skew", "acked"), ("partition.skew.bytes", "acked_bytes")):
        for topic, parts in by_topic.items():
            sums = [total(rows, field) for rows in parts.values()]
            count = max((known.get(topic) or {}).get("partitions") or 0, len(sums))  # one without messages has no row
            if sum(sums):
                found.put(f"{topic}.{name}", max(sums) * count / sum(sums))
                found.put(name, max(found.metrics.get(name) or 0.0, max(sums) * count / sum(sums)))


def _integrity(found: _Numbers, result: Result) -> None:
    checked: Mapping[str, Any] | None = result.facts.get("integrity")
    for name in ("lost", "duplicated", "reordered"):
        if not checked:
            found.withhold(name, "the run ended before it could be verified")
        elif checked.get("withheld"):
            found.withhold(name, checked["withheld"])
        elif name in checked.get("unknown", {}):
            found.withhold(name, checked["unknown"][name])
        else:
            found.put(name, checked[name])


def _why_none(series: str, result: Result) -> str:
    roles = {facts["role"] for facts in result.facts.get("classes", {}).values()}
    if series == "end_to_end" and "consumer" not in roles:
        return "no class of the scenario consumes"
    if series in ("latency", "service_time", "send_delay") and "producer" not in roles:
        return "no class of the scenario produces"
    return "no commit was timed: commit='poll' or transactions do" if series == "commit" else ""
