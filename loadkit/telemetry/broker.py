"""Broker metrics from JMX exporters (Prometheus text) as rows of a result.

Names are those of the exporter's own example for Kafka, or those that an exporter without rules makes of the beans, as
Amazon MSK's open monitoring does: the attribute ends the name, and the bean's `name` is a label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http.client import HTTPException
from time import monotonic
from typing import Any
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

Sample = tuple[str, dict[str, str], float]
TIMEOUT = 10.0
"""Seconds: exporters of brokers with thousands of partitions take several, and so does a JVM's first answer."""


class Brokers:
    """Scrapes each broker; counters become rates between two scrapes, and times of requests sums since the last one."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._urls = tuple(urls)
        self._before: dict[str, tuple[float, dict[str, float]]] = {}

    def sample(self, clock: Callable[[], float] = monotonic) -> list[dict[str, Any]]:
        """Return a row for each broker that answered, with rates since its last answer; `clock` gives seconds."""
        rows = []
        for number, url in enumerate(self._urls, 1):
            try:
                with urlopen(url, timeout=TIMEOUT) as answer:
                    samples = list(parse(answer.read().decode()))
            except (OSError, ValueError, HTTPException):
                continue
            rows.append(self._row(f"broker {number}", samples, clock()))
        return rows

    def _row(self, name: str, samples: list[Sample], now: float) -> dict[str, Any]:
        totals = {key: value for key, labels in _RATES.items() if (value := _sum(samples, *labels)) is not None}
        totals |= {key: value for key, parts in _SUMS.items() if (value := _spent(samples, parts)) is not None}
        nothing: dict[str, float] = {}
        then, before = self._before.get(name, (now, nothing))
        self._before[name] = (now, totals)
        grown = {key: max(0.0, totals[key] - before[key]) for key in totals if key in before and now > then}
        rates = {key: value if key in _SUMS else value / (now - then) for key, value in grown.items()}
        gauges = {key: value * scale for key, (metric, labels, scale) in _GAUGES.items()
                  if (value := _sum(samples, metric, labels)) is not None}  # fmt: skip
        row: dict[str, Any] = {"kind": "broker", "name": name, **gauges, **rates}
        if "request_idle" in row:
            row["request_idle"] = min(1.0, row["request_idle"] / 1e9)
        return row


def parse(text: str) -> Iterable[Sample]:
    """Yield (name, labels, value) of those series of a Prometheus page that a row needs.

    The parser takes 10 to 40 us a line and holds up the load meanwhile, so it sees no other lines than these: none of
    a single topic, of which a page may have thousands.
    """
    lines = (line for line in text.splitlines() if line.lower().startswith(_WANTED) and 'topic="' not in line)
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for sample in family.samples:
            yield _plain(sample.name.lower(), dict(sample.labels), float(sample.value))


def _plain(name: str, labels: dict[str, str], value: float) -> Sample:
    """Return a series of an exporter without rules under the name that it has by the example's; others as they are."""
    if name == "jvm_memory_bytes_used":
        return "jvm_memory_used_bytes", labels, value
    if name not in _BEANS or "name" not in labels:
        return name, labels, value
    stem, _, attribute = name.rpartition("_")
    bean = labels.pop("name").lower()
    if stem == _REQUESTS[:-1]:
        if attribute == "99thpercentile":
            return f"{stem}_{bean}", {**labels, "quantile": "0.99"}, value
        return f"{stem}_{bean}_{_BEANS[name]}", labels, value
    if bean.endswith("percent"):
        return f"{stem}_{bean.removesuffix('percent')}{_BEANS[name]}", labels, value
    return f"{stem}_{bean.removesuffix('persec')}{'_total' if bean.endswith('persec') else ''}", labels, value


def _sum(samples: list[Sample], metric: str, labels: dict[str, str]) -> float | None:
    """Return the sum of the series of a name that have these labels; a series of one topic is not the broker's."""
    found = [value for name, own, value in samples
             if name == metric and "topic" not in own and all(own.get(k) == v for k, v in labels.items())]  # fmt: skip
    return sum(found) if found else None


def _spent(samples: list[Sample], parts: tuple[str, ...]) -> float | None:
    """Return the seconds that produce requests have spent in some parts since the broker's start, or their number.

    Kafka's histograms keep an exact sum of whole milliseconds (each request's time is rounded to one) and tell it only
    as a mean: mean times count is that sum. Their quantiles are no use for a second: they decay over minutes.
    """
    label = {"request": "Produce"}
    if not parts:
        return _sum(samples, f"{_REQUESTS}totaltimems_count_total", label)
    sums = []
    for part in parts:
        mean, count = (_sum(samples, f"{_REQUESTS}{part}timems_{word}", label) for word in ("mean", "count_total"))
        if mean is None or count is None:
            return None
        sums.append(mean * count * 1e-3)
    return sum(sums)


_TOPICS = "kafka_server_brokertopicmetrics_"
_REQUESTS = "kafka_network_requestmetrics_"
_BEANS = {
    _TOPICS + "count": "",
    _REQUESTS + "count": "count_total",
    _REQUESTS + "mean": "mean",
    _REQUESTS + "99thpercentile": "",
    "kafka_server_kafkarequesthandlerpool_count": "_total",
    "kafka_network_socketserver_value": "_percent",
    "kafka_server_replicamanager_value": "",
}
"""Names of an exporter without rules, and what their beans' names end in by the example's."""
_RATES: dict[str, tuple[str, dict[str, str]]] = {
    "bytes_in": (_TOPICS + "bytesin_total", {}),
    "bytes_out": (_TOPICS + "bytesout_total", {}),
    "messages_in": (_TOPICS + "messagesin_total", {}),
    "replicated_in": (_TOPICS + "replicationbytesin_total", {}),
    "replicated_out": (_TOPICS + "replicationbytesout_total", {}),
    **{
        f"requests_{word}": (_REQUESTS + "totaltimems_count_total", {"request": kind})
        for word, kind in (("produce", "Produce"), ("fetch", "FetchConsumer"), ("replica", "FetchFollower"))
    },
    "cpu": ("process_cpu_seconds_total", {}),
    # idle nanoseconds of the average handler thread: their growth a second is the share of time it was idle
    "request_idle": ("kafka_server_kafkarequesthandlerpool_requesthandleravgidle_total", {}),
}

_SUMS: dict[str, tuple[str, ...]] = {
    "produce_count": (),
    "produce_sum": ("total",),
    "produce_queue_sum": ("requestqueue",),
    "produce_local_sum": ("local",),
    "produce_remote_sum": ("remote",),
    "produce_response_sum": ("responsequeue", "responsesend"),
}
"""Number of produce requests that were answered, and the parts of their time (s), since the last scrape."""


def _time(part: str, request: str) -> tuple[str, dict[str, str], float]:
    return f"{_REQUESTS}{part}timems", {"request": request, "quantile": "0.99"}, 1e-3


_GAUGES: dict[str, tuple[str, dict[str, str], float]] = {
    "network_idle": ("kafka_network_socketserver_networkprocessoravgidle_percent", {}, 1.0),
    "under_replicated": ("kafka_server_replicamanager_underreplicatedpartitions", {}, 1.0),
    "heap": ("jvm_memory_used_bytes", {"area": "heap"}, 1.0),
    "produce_p99": _time("total", "Produce"),
    "produce_queue_p99": _time("requestqueue", "Produce"),
    "produce_local_p99": _time("local", "Produce"),
    "produce_remote_p99": _time("remote", "Produce"),
    "fetch_p99": _time("total", "FetchConsumer"),
}
_WANTED = tuple(
    {metric for metric, _ in _RATES.values()}
    | {metric for metric, *_ in _GAUGES.values()}
    | {f"{_REQUESTS}{part}timems_{word}" for parts in _SUMS.values() for part in parts for word in ("mean", "count")}
    | {"jvm_memory_bytes_used", *_BEANS}
)
