"""Where the time of a message went, second by second: histograms, librdkafka's windows and the brokers' clocks joined.

    send delay        from due to handed over            the recorder, every message
    client queue      until its batch was written        librdkafka int_latency, every message
    send buffer       until the request had left         outbuf_latency, every request
    round trip        until its response had come        rtt, every request; split by `split` into
      network         what no broker's clock has seen
      throttle        the connection held back by a quota (KIP-219), as the response before told it
      broker queue, local, remote, response              RequestMetrics: RequestQueueTimeMs, LocalTimeMs,
                                                         RemoteTimeMs, ResponseQueueTimeMs + ResponseSendTimeMs
    unexplained       what is left of the service time   until the client was polled, and requests of unequal size

Means add up and percentiles do not, so means are what is stacked. Brokers tell whole milliseconds, of all clients'
produce requests. A row of theirs or of librdkafka ends within the second it is placed in, so what happened in a second
stands in its row or in the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadkit.histogram import bounds
from loadkit.result import Result, Row, Track, merged

Floats = NDArray[np.float64]
QUANTILE = 0.99
FEWEST = 1000
"""Messages below which there is no p99 to explain: fewer than ten would lie beyond it."""
SEND, QUEUE, BUFFER, TRIP, REST = "send delay", "client queue", "send buffer", "round trip", "unexplained"
NETWORK, THROTTLE = "network", "throttle"
BROKER = {
    "broker queue": "produce_queue_sum",
    "broker local": "produce_local_sum",
    "broker remote": "produce_remote_sum",
    "broker response": "produce_response_sum",
}
"""The parts of a request's time that a broker tells, and the number of its rows that has each."""
STAGES = (SEND, QUEUE, BUFFER, NETWORK, THROTTLE, *BROKER, TRIP, REST)
"""Every stage in the order in which a message passes them; `round trip` where it cannot be split."""
_CLIENT = {QUEUE: "int_latency", BUFFER: "outbuf", TRIP: "rtt"}
_LONGEST_GAP = 60
"""Seconds without a row of a broker that its next row is taken to cover."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Measured seconds as columns (0 where nothing was recorded); times in seconds."""

    t: Floats
    columns: Mapping[str, Floats]
    observed: bool
    """Whether brokers told where the time of requests went."""
    messages: int
    """In seconds of which the client told something."""
    left_out: float
    """Share of all messages that came in other seconds: the last of a run may be told of no more."""

    def ratio(self, above: str, below: str, weights: Floats) -> float:
        """Return a weighted sum over another; 0 where there is nothing below."""
        under = float((self.columns[below] * weights).sum())
        return float((self.columns[above] * weights).sum()) / under if under else 0.0

    def level(self, name: str, count: str, weights: Floats) -> float:
        """Return the weighted mean of a column over the seconds in which something was counted."""
        weights = np.where(self.columns[count] > 0, weights, 0.0)
        return float((self.columns[name] * weights).sum() / weights.sum()) if weights.any() else 0.0

    def highest(self, name: str, weights: Floats, back: bool = False) -> float:
        """Return the weighted mean of a column of another clock, of whose row and the next the larger one counts.

        `back`: what was clocked when requests left is as many rows earlier as they took whole seconds.
        """
        column, trip = self.columns[name], self.columns[f"{TRIP}_max"]
        found = 0.0
        for at in np.flatnonzero(weights):
            first = at - int(trip[at : at + 2].max()) if back else at
            found += weights[at] * column[max(0, first) : at + 2].max()
        return float(found / weights.sum()) if weights.any() else 0.0


def read(result: Result) -> Seconds | None:
    """Return the seconds of the measured phase and its drain; None where no producer's statistics were recorded."""
    tracks = {series: _merged(result, series) for series in ("latency", "service_time", "send_delay")}
    rows = [row for row in result.rows if row["phase"] in ("measure", "drain")]
    made = (row for row in rows if row["kind"] == "client" and row.get("role") == "producer" and "rtt_sum" in row)
    clients = [{**row, "t": max(0, int(row["until"] if "until" in row else row["t"]))} for row in made]
    latency = tracks["latency"]
    if not clients or latency is None or not len(latency.seconds):
        return None
    first, last = int(result.measured[0]), int(latency.seconds.max()) + 1  # rows may be labelled a second late
    t = np.arange(first, last + 1, dtype=float)
    columns = _of_clients(clients, t)
    told = columns[f"{QUEUE}_count"] + columns[f"{TRIP}_count"] > 0
    told |= np.append(told[1:], False)
    for series, track in tracks.items():
        columns |= _of_track(series, track, t, told)
    columns["queue_full"] = _sums([row for row in rows if row["kind"] == "producer"], "queue_full", t)
    brokers = [row for row in rows if row["kind"] == "broker" and "produce_local_sum" in row]
    filled = list(_filled(brokers))
    for stage, key in {**BROKER, "requests": "produce_count"}.items():
        columns[stage] = _sums(filled, key, t)
    counted = columns["latency_count"]
    messages = int(counted[told].sum())
    left_out = 1 - messages / max(counted.sum(), 1)
    return Seconds(t, columns, bool(columns["requests"].sum()), messages, float(left_out))


def split(trip: float, rate: float, throttle: float, broker: Mapping[str, float] | None) -> dict[str, float]:
    """Return the parts of a mean round trip (s) of `rate` requests a second on one connection; they sum to it.

    `broker` has the mean of each of its parts, `throttle` the mean time for which a request's connection was held back.
    A broker serves one request of a connection at a time, and the next waits behind it where no clock of the broker
    sees it. Requests of constant service time S that come at random wait rS / 2(1 - r) at utilisation
    r = rate x S (Pollaczek and Khinchine); with r at 1 all of the round trip is waiting for what is served. That
    waiting goes to what is served, in proportion; the rest is the network's.
    """
    served = {**({THROTTLE: throttle} if throttle else {}), **(broker or {})}
    total = sum(served.values())
    busy = rate * total
    waited = total * (1 + busy / (2 * (1 - busy))) if busy < 1 else trip
    scale = min(waited, trip) / total if total else 0.0
    parts = {name: part * scale for name, part in served.items()}
    return {TRIP if broker is None else NETWORK: max(0.0, trip - sum(parts.values())), **parts}


def means(seconds: Seconds, weights: Floats, beside: Floats) -> dict[str, float]:
    """Return the mean time of each stage (s) over weighted seconds; `beside` weighs the rows of other clocks."""
    client = {name: seconds.ratio(f"{name}_sum", f"{name}_count", beside) for name in _CLIENT}
    throttle = seconds.ratio("held_sum", f"{TRIP}_count", beside)
    rate = seconds.ratio(f"{TRIP}_count", "connections", beside)
    told = seconds.observed and bool((seconds.columns["requests"] * beside).sum())
    broker = {name: seconds.ratio(name, "requests", beside) for name in BROKER} if told else None
    service = seconds.level("service_time_mean", "service_time_count", weights)
    return {
        SEND: seconds.level("send_delay_mean", "send_delay_count", weights),
        QUEUE: client[QUEUE],
        BUFFER: client[BUFFER],
        **split(client[TRIP], rate, throttle, broker),
        REST: max(0.0, service - sum(client.values())),
    }


def stack(seconds: Seconds) -> dict[str, Floats]:
    """Return the mean time of each stage (s) in each second, those that were never there left out."""
    size = len(seconds.t)
    found = {name: np.zeros(size) for name in STAGES}
    for at in range(size):
        one = np.zeros(size)
        one[at] = 1.0
        for name, value in means(seconds, one, one).items():
            found[name][at] = value
    return {name: values for name, values in found.items() if values.any()}


def beside(weights: Floats) -> Floats:
    """Return the weights of other clocks' rows: what happened in a second stands in its row or in the next."""
    before: Floats = np.concatenate([[0.0], weights[:-1]])
    return weights + before


def _merged(result: Result, series: str) -> Track | None:
    parts = [track for tag, track in result.tracks.items() if ":" not in tag and tag.endswith(f".{series}")]
    return merged(series, parts) if parts else None


def _of_track(series: str, track: Track | None, t: Floats, told: NDArray[np.bool_]) -> dict[str, Floats]:
    """Return count, mean, p99, and the count in and beyond the bucket of the p99 of all seconds told of, by second."""
    count, mean, p99, tail = (np.zeros(len(t)) for _ in range(4))
    if track is not None and len(track.seconds):
        track.counts.sort_indices()
        (low, high), values, index = bounds(), track.counts.data, track.counts.indices
        inside = (track.seconds >= t[0]) & (track.seconds <= t[-1])
        known = np.array([seen and told[int(s - t[0])] for s, seen in zip(track.seconds, inside, strict=True)], bool)
        whole = Track(track.tag, track.seconds[known], track.counts[known], track.maxima[known]).total
        beyond = np.where(high[index] >= whole.quantile(QUANTILE), values, 0) if len(whole) else 0 * values
        starts, ends = track.counts.indptr[:-1], track.counts.indptr[1:]
        sums = (np.concatenate([[0], np.cumsum(each)]) for each in (values, (low + high)[index] / 2e6 * values, beyond))
        before, (total, spent, slow) = np.cumsum(values), (each[ends] - each[starts] for each in sums)
        some = (total > 0) & inside
        place = (track.seconds[some] - t[0]).astype(np.int64)
        rank = (before[ends - 1] - total)[some] + np.ceil(QUANTILE * total[some] - 1e-6)
        at = index[np.searchsorted(before, rank)]
        count[place], mean[place], tail[place] = total[some], spent[some] / total[some], (slow * known)[some]
        p99[place] = np.minimum(high[at], track.maxima[some]) / 1e6
    named = {"count": count, "mean": mean, "p99": p99, "tail": tail}
    return {f"{series}_{name}": column for name, column in named.items()}


def _of_clients(rows: list[Row], t: Floats) -> dict[str, Floats]:
    rows = list(_held(rows))
    columns = {name: _sums(rows, name, t) for name in ("held_sum", "connections")}
    for stage, key in _CLIENT.items():
        for word in ("sum", "count"):
            columns[f"{stage}_{word}"] = _sums(rows, f"{key}_{word}", t)
        for word in ("p99", "max"):
            columns[f"{stage}_{word}"] = _highest(rows, f"{key}_{word}", t)
    return columns


def _held(rows: list[Row]) -> Iterable[Row]:
    """Yield the rows of clients with `held_sum`, the time (s) for which their requests' connections were held back.

    A response tells for how long its connection is not read from then on, and it is the next request that waits: of
    the responses of a row, the first on each connection waited for what the row before told, the others for their own.
    """
    before: dict[tuple[str, str | None], float] = {}
    for row in sorted(rows, key=lambda row: float(row["t"])):
        client, trips = (row["name"], row.get("client")), row["rtt_count"]
        if not trips:
            yield row
            continue
        told, first = row["throttle_sum"] / trips, min(trips, row["connections"])
        yield {**row, "held_sum": first * before.get(client, 0.0) + (trips - first) * told}
        before[client] = told


def _highest(rows: list[Row], key: str, t: Floats) -> Floats:
    """Return the largest value of a number in the rows of each second."""
    highest = np.zeros(len(t))
    known = [row for row in _inside(rows, t) if row.get(key) is not None]
    if not known:
        return highest
    np.maximum.at(highest, [int(row["t"] - t[0]) for row in known], [row[key] for row in known])
    return highest


def _sums(rows: list[Row], key: str, t: Floats) -> Floats:
    """Return the sum of a number over the rows of each second."""
    known = list(_inside(rows, t))
    if not known:
        return np.zeros(len(t))
    summed: Floats = np.zeros(len(t))
    np.add.at(summed, [int(row["t"] - t[0]) for row in known], [row.get(key) or 0.0 for row in known])
    return summed


def _inside(rows: Iterable[Row], t: Floats) -> Iterable[Row]:
    return (row for row in rows if t[0] <= row["t"] <= t[-1])


def _filled(rows: list[Row]) -> Iterable[Row]:
    """Yield the rows of brokers; one that comes after seconds without, because its page was slow, stands for these."""
    before: dict[str, float] = {}
    for row in sorted(rows, key=lambda row: float(row["t"])):
        since = before.get(row["name"], row["t"] - 1)
        before[row["name"]] = row["t"]
        for t in range(int(max(since + 1, row["t"] - _LONGEST_GAP)), int(row["t"])):
            yield {**row, "t": t}
        yield row
