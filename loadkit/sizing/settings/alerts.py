"""Alerts whose thresholds are the plan's own: its ceilings, objectives, longest outage and retention.

Metrics are named as the JMX exporter's example for Kafka and kafka_exporter (which Strimzi brings) name them. Each
alert comes with series that must and must not raise it, for `promtool test rules`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Literal

from loadkit.sizing.facts import Ceiling, Facts, GroupFacts, TopicFacts

HEADROOM = 0.8
"""Part of what the plan can carry with brokers lost at which an alert says so (Cruise Control's own threshold)."""
DISK = {"warning": 0.75, "critical": 0.85}
RETENTION_SHARE = 0.5
"""Lag beyond this part of the retention risks that messages are deleted unread."""
HOT = 0.7
_SYSTEM = 2 * 2**30
_LEAST_LAG = 60.0
_SCRAPE = 60


@dataclass(frozen=True, slots=True)
class Series:
    """A series for a test: name with labels, its first value, its growth a minute."""

    name: str
    start: float
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, and the series of its two tests."""

    name: str
    expr: str
    wait: str
    severity: Literal["warning", "critical"]
    summary: str
    description: str
    loud: tuple[Series, ...]
    quiet: tuple[Series, ...]
    labels: tuple[tuple[str, str], ...] = ()
    """Labels that the expression leaves on the alert in the test."""

    @property
    def marks(self) -> tuple[tuple[str, str], ...]:
        """Return the labels that tell it from others of its name."""
        return tuple((name, value) for name, value in self.labels if name in ("consumergroup", "topic"))


def alerts(facts: Facts) -> tuple[Alert, ...]:
    """Return the alerts of a plan."""
    return (*_safety(), *_capacity(facts), *_latency(facts), *_lag(facts), *_hot(facts))


def _gauge(name: str, metric: str, wait: str, severity: Literal["warning", "critical"], text: str, do: str) -> Alert:
    series = f'{metric}{{instance="b1"}}'
    return Alert(name, f"sum({metric}) > 0", wait, severity, text, do, (Series(series, 1),), (Series(series, 0),))


def _safety() -> tuple[Alert, ...]:
    manager = "kafka_server_replicamanager_"
    controller = "kafka_controller_kafkacontroller_activecontrollercount"
    unclean = "kafka_controller_controllerstats_uncleanleaderelections_total"
    one = f'{controller}{{instance="b1"}}'
    many = f'{unclean}{{instance="b1"}}'
    return (
        _gauge("KafkaOfflinePartitions", "kafka_controller_kafkacontroller_offlinepartitionscount", "1m", "critical",
               "partitions without a leader: nothing can be written to or read from them",
               "bring back a broker that was in sync; never elect an unclean leader"),
        _gauge("KafkaUnderMinIsr", manager + "underminisrpartitioncount", "1m", "critical",
               "partitions with too few in-sync replicas: producers with acks=all are refused",
               "bring back the missing brokers; do not lower min.insync.replicas"),
        _gauge("KafkaAtMinIsr", manager + "atminisrpartitioncount", "10m", "warning",
               "partitions that one more loss makes unwritable", "find the missing replica before another broker goes"),
        _gauge("KafkaUnderReplicated", manager + "underreplicatedpartitions", "5m", "warning",
               "partitions with fewer copies than planned",
               "expected in a rolling restart; else find the slow or lost broker"),
        _gauge("KafkaOfflineLogDirectory", "kafka_log_logmanager_offlinelogdirectorycount", "1m", "critical",
               "a data disk has failed", "replace the disk; its replicas are copied from the others"),
        Alert("KafkaUncleanElection", f"sum(increase({unclean}[10m])) > 0", "0m", "critical",
              "an unclean leader was elected: acknowledged messages may be gone",
              "find who allowed it, and compare with what producers have sent",
              (Series(many, 0, 1),), (Series(many, 3),)),
        Alert("KafkaActiveController", f"sum({controller}) != 1", "1m", "critical",
              "not exactly one active controller", "look at the controllers' logs and their quorum",
              (Series(one, 0),), (Series(one, 1),)),
    )  # fmt: skip


def share_left(facts: Facts) -> float:
    """Return the part of a broker that may be busy with all brokers there, so that the others carry those lost."""
    return max(0.0, facts.brokers - facts.brokers_lost) / max(1, facts.brokers)


def carried(facts: Facts, ceiling: Ceiling) -> float:
    """Return the load of one broker beyond which losing brokers would overload the rest: low end, with headroom."""
    return ceiling.low * share_left(facts) * HEADROOM


def _capacity(facts: Facts) -> tuple[Alert, ...]:
    topics = "kafka_server_brokertopicmetrics_"
    made, cpu = facts.ceilings, "process_cpu_seconds_total"
    found = [
        _traffic("KafkaNetworkIn", topics + "bytesin_total", topics + "replicationbytesin_total",
                 carried(facts, made.network_in), "into"),
        _traffic("KafkaNetworkOut", topics + "bytesout_total", topics + "replicationbytesout_total",
                 carried(facts, made.network_out), "out of"),
    ]  # fmt: skip
    busy = carried(facts, made.cpu)
    found.append(
        Alert("KafkaCpu", f'rate({cpu}{{job="kafka"}}[5m]) > {figure(busy)}', "15m", "warning",
              "a broker is busier than the plan allows", "find what grew; add brokers before one is lost",
              (Series(f'{cpu}{{instance="b1",job="kafka"}}', 0, busy * 2 * _SCRAPE),),
              (Series(f'{cpu}{{instance="b1",job="kafka"}}', 0, busy / 2 * _SCRAPE),),
              (("instance", "b1"), ("job", "kafka")))
    )  # fmt: skip
    return (*found, *(_disk(facts, severity, share) for severity, share in DISK.items()), _idle())


def _traffic(name: str, own: str, copies: str, limit: float, way: str) -> Alert:
    expr = f'sum by (instance) (rate({own}{{topic=""}}[5m]) + rate({copies}[5m])) > {figure(limit)}'
    text = f"more bytes {way} a broker than the rest can carry when brokers are lost"
    series = [f'{metric}{{instance="b1"}}' for metric in (own, copies)]
    loud = tuple(Series(one, 0, limit * _SCRAPE) for one in series)
    quiet = tuple(Series(one, 0, limit / 4 * _SCRAPE) for one in series)
    return Alert(name, expr, "10m", "warning", text, "add brokers, or move leaders if one broker alone has it",
                 loud, quiet, (("instance", "b1"),))  # fmt: skip


def _disk(facts: Facts, severity: str, share: float) -> Alert:
    metric, limit = "kafka_log_log_size", facts.broker.disk_bytes * share
    series = f'{metric}{{instance="b1",topic="any",partition="0"}}'
    return Alert(
        f"KafkaDisk{severity.capitalize()}", f"sum by (instance) ({metric}) > {figure(limit)}", "10m",
        "critical" if severity == "critical" else "warning", f"a broker's data takes {share:.0%} of its volume",
        "grow the volume or lower retention; a full disk stops the broker",
        (Series(series, limit * 1.1),), (Series(series, limit * 0.9),), (("instance", "b1"),),
    )  # fmt: skip


def _idle() -> Alert:
    metric = "kafka_network_socketserver_networkprocessoravgidle_percent"
    series = f'{metric}{{instance="b1"}}'
    return Alert("KafkaNetworkThreadsBusy", f"{metric} < 0.3", "15m", "warning",
                 "network threads are idle for less than 30 % of the time", "raise num.network.threads or add brokers",
                 (Series(series, 0.1),), (Series(series, 0.8),), (("instance", "b1"),))  # fmt: skip


def _latency(facts: Facts) -> tuple[Alert, ...]:
    objectives = [topic.latency_slo_s for topic in facts.topics if topic.latency_slo_s]
    if not objectives:
        return ()
    metric = 'kafka_network_requestmetrics_totaltimems{quantile="0.99",request="Produce"}'
    series = metric.replace("{", '{instance="b1",')
    limit = min(objectives) * 1000
    labels = (("instance", "b1"), ("quantile", "0.99"), ("request", "Produce"))
    return (Alert("KafkaProduceLatency", f"{metric} > {figure(limit)}", "10m", "warning",
                  "the brokers' 99th percentile of produce requests is beyond the strictest objective",
                  "see which part grew: request queue, local, remote or response time",
                  (Series(series, limit * 2),), (Series(series, limit / 2),), labels),)  # fmt: skip


def cached_s(facts: Facts) -> float:
    """Return how old a message may be and still be read from page cache at peak (s)."""
    written = sum(topic.peak_bytes_per_s for topic in facts.topics) * facts.replication_factor / max(1, facts.brokers)
    free = max(0.0, facts.broker.ram_bytes - facts.broker.heap_bytes - _SYSTEM)
    return free / written if written > 0 else float("inf")


def kept_s(topic: TopicFacts) -> float:
    """Return how long a topic keeps a message at peak, by time and by size (s); infinite where nothing deletes it."""
    if topic.cleanup == "compact":
        return float("inf")
    by_time = topic.retention_ms / 1000 if topic.retention_ms >= 0 else float("inf")
    if topic.retention_bytes is None or topic.retention_bytes < 0 or topic.peak_bytes_per_s <= 0:
        return by_time
    return min(by_time, topic.retention_bytes * topic.partitions / topic.peak_bytes_per_s)


def lag_limits(facts: Facts, topic: TopicFacts) -> tuple[float, float | None]:
    """Return the lag (s) to warn of, and the one that risks unread messages; None where nothing is deleted."""
    warn = max(_LEAST_LAG, min(cached_s(facts), facts.catch_up_s or _LEAST_LAG))
    kept = kept_s(topic) * RETENTION_SHARE
    if kept == float("inf"):
        return warn, None
    return min(warn, kept / 2), kept


def _lag(facts: Facts) -> tuple[Alert, ...]:
    found = []
    for topic in facts.topics:
        warn, critical = lag_limits(facts, topic)
        for group in topic.groups:
            found.append(
                _behind(
                    "KafkaConsumerLag",
                    topic,
                    group,
                    warn,
                    "warning",
                    "consumers are behind and read from disk, or take longer to catch up than planned",
                )
            )
            if critical is not None:
                found.append(_behind("KafkaConsumerLagRetention", topic, group, critical, "critical",
                                     "half of the retention is used up: unread messages will be deleted"))  # fmt: skip
    return tuple(found)


def _behind(
    name: str, topic: TopicFacts, group: GroupFacts, limit: float, severity: Literal["warning", "critical"], text: str
) -> Alert:
    who, what = json.dumps(group.name, ensure_ascii=False), json.dumps(topic.name)
    lag = f"kafka_consumergroup_lag{{consumergroup={who},topic={what}}}"
    offset = f"kafka_topic_partition_current_offset{{topic={what}}}"
    expr = (
        f"sum by (consumergroup, topic) ({lag}) / on (topic) group_left sum by (topic) (rate({offset}[10m])) "
        f"> {figure(limit)}"
    )
    made = Series(offset.replace("{", '{partition="0",'), 0, 100 * _SCRAPE)
    behind = lag.replace("{", '{partition="0",')
    return Alert(name, expr, "5m", severity, f"{group.name} on {topic.name}: {text}",
                 "start more consumers (up to the partitions), or find what slows them; the figure is in seconds",
                 (made, Series(behind, limit * 200)), (made, Series(behind, limit * 50)),
                 (("consumergroup", group.name), ("topic", topic.name)))  # fmt: skip


def _hot(facts: Facts) -> tuple[Alert, ...]:
    ceiling = facts.ceilings.partition
    return () if ceiling is None else tuple(_hottest(topic, ceiling.low * HOT) for topic in facts.topics)


def _hottest(topic: TopicFacts, limit: float) -> Alert:
    what = json.dumps(topic.name)
    offset = f"kafka_topic_partition_current_offset{{topic={what}}}"
    volume = f"kafka_server_brokertopicmetrics_bytesin_total{{topic={what}}}"
    expr = (
        f"max by (topic) (rate({offset}[10m])) / sum by (topic) (rate({offset}[10m])) * on (topic) "
        f"sum by (topic) (rate({volume}[10m])) > {figure(limit)}"
    )
    parts = tuple(Series(offset.replace("{", f'{{partition="{part}",'), 0, 100 * _SCRAPE) for part in range(2))
    grown = volume.replace("{", '{instance="b1",')
    return Alert("KafkaHotPartition", expr, "15m", "warning",
                 f"{topic.name}: one partition takes more than {HOT:.0%} of what a partition was measured to take",
                 "more brokers do not help: split the hottest key, or give it a topic of its own",
                 (*parts, Series(grown, 0, limit * 4 * _SCRAPE)), (*parts, Series(grown, 0, limit * _SCRAPE)),
                 (("topic", topic.name),))  # fmt: skip


def figure(number: float) -> str:
    """Return a threshold as Prometheus reads it: whole above 1,000, never more than it is, six digits below."""
    return f"{math.floor(number)}" if number >= 1000 else f"{number:.6g}"
