"""`--metrics [HOST]:PORT`: what is observed of the trials of this process, as Prometheus reads it.

Counters and histograms begin with the process and go on from trial to trial, as Prometheus wants them; gauges are of
the present trial. A number that is not known has no sample: never 0. Names end in their unit, seconds and bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from loadkit.errors import UsageError
from loadkit.hands import is_loopback
from loadkit.observed import EDGES_US, PHASES, Observed, Tally
from loadkit.standing import Status
from loadkit.vocabulary import LATENCIES

FLAG = "--metrics"
_WORDS = {
    "latency": "From the instant a message was due to its acknowledgement",
    "service_time": "From handing over to acknowledgement",
    "send_delay": "From the instant a message was due to handing over",
    "end_to_end": "From the instant a message was due to its receipt",
    "commit": "Of one offset or transaction commit",
}
_COUNTERS = (
    ("due_messages", "producer", "due", "Messages that fell due; counted in the measured phase alone"),
    ("sent_messages", "producer", "sent", "Messages handed to the client"),
    ("acked_messages", "producer", "acked", "Messages acknowledged"),
    ("acked_bytes", "producer", "acked_bytes", "Bytes of values acknowledged"),
    ("failed_messages", "producer", "errors", "Messages that the client gave up"),
    ("queue_full", "producer", "queue_full", "Times that the client's queue was full"),
    ("received_messages", "consumer", "received", "Messages received"),
    ("received_bytes", "consumer", "received_bytes", "Bytes of values received"),
    ("rebalances", "consumer", "rebalances", "Times that a consumer's partitions were dealt anew"),
)
"""Name without prefix and suffix, kind and number of the rows that it sums, and what it says."""
_EVIDENCE = (
    ("generator_busy_cores", "process_cores", "Cores that the busiest load process used for Python's own work"),
    ("generator_waited_ratio", "waited", "Share of the time in which a load process wanted a core and waited for one"),
    ("generator_capacity_ratio", "share", "Share of what the load processes can make, as loadkit calibrate found out"),
    ("machine_busy_ratio", "machine_busy", "Share of the cores of the generator's machine that were busy"),
    ("machine_steal_ratio", "steal", "Share of the machine's cores that its host gave to others"),
    ("outstanding_requests", "outstanding", "Requests unanswered at the busiest broker while the load was not met"),
    ("throttle_seconds", "throttled", "Mean time for which brokers told a client to pause"),
    ("broker_idle_ratio", "broker_idle", "Lowest idle ratio of any broker's request or network threads"),
    ("lag_growth", "lag_slope", "Messages a second by which lag grows"),
)  # fmt: skip
"""Name, the fact of `limit_facts` that it shows, and what it says."""
_BROKER = (
    ("broker_bytes_in", "bytes_in", "Bytes a second that producers send to a broker"),
    ("broker_bytes_out", "bytes_out", "Bytes a second that consumers take from a broker"),
    ("broker_busy_cores", "cpu", "Cores that a broker uses"),
    ("broker_request_idle_ratio", "request_idle", "Share of the time in which request threads are idle"),
    ("broker_network_idle_ratio", "network_idle", "Share of the time in which network threads are idle"),
    ("broker_under_replicated", "under_replicated", "Partitions of which a replica is missing"),
)
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
LIMITS = ("cluster", "generator", "none", "unknown")


def families(seen: Observed) -> Iterator[Metric]:
    """Yield every metric there is something to say of."""
    yield from _run(seen)
    yield from (_histogram(seen, series) for series in LATENCIES)
    yield _quantiles(seen)
    yield from (_counter(seen, *one) for one in _COUNTERS)
    yield _labelled(CounterMetricFamily, "errors", "Failed messages by the client's code", "code", seen.errors.items())
    yield _labelled(GaugeMetricFamily, "unsent_messages", "Measured messages that were due and are not sent", "class",
                    seen.unsent.items())  # fmt: skip
    yield from _groups(seen)
    yield from _limit(seen)
    yield from (_broker(seen, *one) for one in _BROKER)


def _labelled(
    kind: type[CounterMetricFamily | GaugeMetricFamily], name: str, text: str, label: str,
    values: Iterable[tuple[str, float]],
) -> Metric:  # fmt: skip
    made = kind(f"loadkit_{name}", text, labels=[label])
    for value, number in list(values):
        made.add_metric([value], number)
    return made


def _run(seen: Observed) -> Iterator[Metric]:
    """Yield which run it is, where it is, and what it was made of."""
    facts = seen.facts
    scenario: Mapping[str, Any] = facts.get("scenario") or {}
    target: Mapping[str, Any] = facts.get("target") or {}
    info = GaugeMetricFamily("loadkit_run_info", "The present or last trial", labels=[
        "run_id", "command", "scenario", "target", "loadkit",
    ])  # fmt: skip
    if seen.trials:
        info.add_metric([
            str(facts.get("run_id", "")), str(facts.get("command", "")), str(scenario.get("name", "")),
            str(target.get("name", "")), str(facts.get("loadkit", "")),
        ], 1)  # fmt: skip
    yield info
    yield _states("phase", "Phase that the trial is in", "phase", PHASES, seen.phase or None)
    yield CounterMetricFamily("loadkit_trials", "Trials that have begun", value=seen.trials)
    if seen.trials:
        at = float(facts.get("started_epoch", 0.0)) + seen.second + 1
        yield GaugeMetricFamily("loadkit_complete_timestamp_seconds", "Everything before is in these figures", value=at)
        observed = any(kind == "broker" for kind, _ in seen.latest)
        yield GaugeMetricFamily("loadkit_broker_observed", "Whether brokers tell of themselves", value=float(observed))
    running = float(sum(1 for kind, _ in seen.latest if kind == "host"))
    yield GaugeMetricFamily("loadkit_load_processes", "Processes that have made load in this trial", value=running)


def _states(name: str, text: str, label: str, states: Iterable[str], now: str | None) -> Metric:
    """Return a gauge that is 1 at the state that holds and 0 at the others; none of them where none is known."""
    made = GaugeMetricFamily(f"loadkit_{name}", text, labels=[label])
    for state in states if now else ():
        made.add_metric([state], float(state == now))
    return made


def _histogram(seen: Observed, series: str) -> Metric:
    made = HistogramMetricFamily(f"loadkit_{series}_seconds", _WORDS[series], labels=["class", "phase"])
    for (name, other, phase), tally in sorted(seen.tallies.items()):
        if other == series:
            made.add_metric([name, phase], buckets(tally), tally.sum_us / 1e6)
    return made


def buckets(tally: Tally) -> list[tuple[str, float]]:
    """Return the cumulative buckets of a tally as Prometheus's classic histograms have them, edges in seconds.

    Recorded values are whole microseconds, and one of exactly an edge is counted above it: `le` is true to half a
    microsecond.
    """
    edges = [*(repr(edge / 1e6) for edge in EDGES_US), "+Inf"]
    return list(zip(edges, map(float, accumulate(tally.counts.tolist())), strict=True))


def _quantiles(seen: Observed) -> Metric:
    made = GaugeMetricFamily(
        "loadkit_recent_seconds", "Percentiles of the last 10 s of the HDR histograms, all classes together",
        labels=["series", "percentile"],
    )  # fmt: skip
    for series in LATENCIES:
        values = seen.recent(series)
        if len(values):
            for name, value in zip(QUANTILES, values.quantiles(QUANTILES.values()), strict=True):
                made.add_metric([series, name], value / 1e6)
    return made


def _counter(seen: Observed, name: str, kind: str, number: str, text: str) -> Metric:
    made = CounterMetricFamily(f"loadkit_{name}", text, labels=["class", "phase"])
    for (own, owner, phase, what), value in sorted(seen.sums.items()):
        if (own, what) == (kind, number):
            made.add_metric([owner, phase], value)
    return made


def _groups(seen: Observed) -> Iterator[Metric]:
    """Yield how far groups are behind, and how they stand by Burrow's rules."""
    lag = GaugeMetricFamily("loadkit_lag_messages", "Messages that a group is behind", labels=["class"])
    late = GaugeMetricFamily("loadkit_lag_seconds", "Age of the oldest message that is not read", labels=["class"])
    stands = GaugeMetricFamily("loadkit_group_status", "Burrow's status of a group", labels=["class", "status"])
    place = ["class", "topic", "partition"]
    behind = GaugeMetricFamily("loadkit_partition_lag_messages", "Messages behind on one partition", labels=place)
    on_one = GaugeMetricFamily(
        "loadkit_partition_status", "Burrow's status: " + ", ".join(f"{s.value} {s.name}" for s in Status), labels=place
    )
    for (kind, name), row in sorted(seen.latest.items()):
        if kind == "consumer":
            lag.add_metric([name], row["lag"])
            late.add_metric([name], row["lag_time"])
            for status in (Status.OK, Status.WARN, Status.ERR) if row.get("status") else ():
                stands.add_metric([name, status.name], float(status.name == row["status"]))
        elif kind == "group":
            behind.add_metric(name.split("/"), row["lag"])
            on_one.add_metric(name.split("/"), Status[row["status"]].value)
    yield from (lag, late, stands, behind, on_one)


def _limit(seen: Observed) -> Iterator[Metric]:
    """Yield what limits the trial by its last half minute, and the facts that say so."""
    judged = seen.judged
    yield _states("limit", "What limits the trial", "limit", LIMITS, judged.limit.limit if judged else None)
    for name, fact, text in _EVIDENCE:
        made = GaugeMetricFamily(f"loadkit_{name}", text)
        value = getattr(judged.facts, fact) if judged else None
        if value is not None:
            made.add_metric([], value)
        yield made


def _broker(seen: Observed, name: str, number: str, text: str) -> Metric:
    made = GaugeMetricFamily(f"loadkit_{name}", text, labels=["broker"])
    for (kind, broker), row in sorted(seen.latest.items()):
        if kind == "broker" and row.get(number) is not None:
            made.add_metric([broker], row[number])
    return made


class _Page(Collector):
    """The page that is scraped."""

    def __init__(self, seen: Observed) -> None:
        self._seen = seen

    def collect(self) -> Iterable[Metric]:
        """Return every metric, with the moment's values."""
        return list(families(self._seen))


def address(text: str, public: bool) -> tuple[str, int]:
    """Return host and port of `[HOST]:PORT`; UsageError for any other text.

    And for any host beyond this machine, unless it may be `public`: the page has no authentication.
    """
    host, colon, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not colon or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UsageError(f"{FLAG} {text}: say :PORT or HOST:PORT, like :9646")
    if not public and not is_loopback(host):
        raise UsageError(
            f"{FLAG} {text}: {host} can be reached from other machines, and the page has no authentication; "
            f"use :{port} and a tunnel or a Prometheus agent on this machine, or --allow-public where the network "
            "itself keeps strangers out"
        )
    return host, int(port)


@contextmanager
def serving(text: str | None, seen: Observed, public: bool = False) -> Iterator[None]:
    """Serve the page at an address, where one is given, while the context lasts; UsageError if it cannot be bound."""
    if text is None:
        yield
        return
    host, port = address(text, public)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Page(seen))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise UsageError(f"{FLAG} {text}: {error.strerror or error}; give another port") from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
