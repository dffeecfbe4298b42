"""A Grafana dashboard with the plan's ceilings and objectives as thresholds."""

from __future__ import annotations

import json
from typing import Any

from loadkit.sizing.facts import Facts
from loadkit.sizing.recommend.words import clean, header
from loadkit.sizing.settings.alerts import DISK, carried, lag_limits
from loadkit.sizing.settings.model import Recommended

TITLE = "Grafana dashboard"
_TOPICS = "kafka_server_brokertopicmetrics_"
_LATENCY = 'kafka_network_requestmetrics_totaltimems{quantile="0.99",request="Produce"}'


def files(plan: Recommended) -> dict[str, str]:
    """Return a dashboard to import; it asks for the Prometheus it reads from."""
    panels = [_panel(at, *row) for at, row in enumerate(_rows(plan.facts))]
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    dashboard = {
        "title": f"Kafka: {clean(plan.facts.name)}", "description": " ".join(header(plan.facts, "Dashboard")),
        "tags": ["kafka", "loadkit"], "schemaVersion": 39, "version": 1, "editable": True, "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"}, "templating": {"list": [source]}, "panels": panels,
    }  # fmt: skip
    return {"grafana/kafka-dashboard.json": json.dumps(dashboard, indent=1, ensure_ascii=False) + "\n"}


def _rows(facts: Facts) -> list[tuple[str, str, str, str, list[tuple[str, float | None]]]]:
    """Return title, expression, legend, unit and thresholds (colour, from value) of each panel."""
    made = facts.ceilings
    objectives = [topic.latency_slo_s for topic in facts.topics if topic.latency_slo_s]
    lags = [lag_limits(facts, topic) for topic in facts.topics]
    critical = min((lag for _, lag in lags if lag is not None), default=None)
    manager = "kafka_server_replicamanager_"
    return [
        ("Partitions offline", "sum(kafka_controller_kafkacontroller_offlinepartitionscount)", "offline", "short",
         [("red", 1)]),
        ("Partitions under min.insync.replicas", f"sum({manager}underminisrpartitioncount)", "under", "short",
         [("red", 1)]),
        ("Partitions under-replicated", f"sum by (instance) ({manager}underreplicatedpartitions)", "{{instance}}",
         "short", [("orange", 1)]),
        ("Produce requests, 99th percentile", _LATENCY, "{{instance}}",
         "ms", [("red", min(objectives) * 1000 if objectives else None)]),
        ("Bytes into a broker", f'sum by (instance) (rate({_TOPICS}bytesin_total{{topic=""}}[5m]) + '
         f"rate({_TOPICS}replicationbytesin_total[5m]))", "{{instance}}", "Bps",
         [("orange", carried(facts, made.network_in)), ("red", made.network_in.low)]),
        ("Bytes out of a broker", f'sum by (instance) (rate({_TOPICS}bytesout_total{{topic=""}}[5m]) + '
         f"rate({_TOPICS}replicationbytesout_total[5m]))", "{{instance}}", "Bps",
         [("orange", carried(facts, made.network_out)), ("red", made.network_out.low)]),
        ("Busy cores of a broker", 'rate(process_cpu_seconds_total{job="kafka"}[5m])', "{{instance}}", "short",
         [("orange", carried(facts, made.cpu)), ("red", made.cpu.low)]),
        ("Data on a broker", "sum by (instance) (kafka_log_log_size)", "{{instance}}", "bytes",
         [("orange", facts.broker.disk_bytes * DISK["warning"]), ("red", facts.broker.disk_bytes * DISK["critical"])]),
        ("Consumer lag in time", "sum by (consumergroup, topic) (kafka_consumergroup_lag) / on (topic) group_left "
         "sum by (topic) (rate(kafka_topic_partition_current_offset[10m]))", "{{consumergroup}} {{topic}}", "s",
         [("orange", min((warn for warn, _ in lags), default=None)), ("red", critical)]),
    ]  # fmt: skip


def _panel(
    at: int, title: str, expr: str, legend: str, unit: str, thresholds: list[tuple[str, float | None]]
) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    steps = [{"color": "green", "value": None}, *({"color": color, "value": value} for color, value in thresholds
                                                  if value is not None)]  # fmt: skip
    custom = {"thresholdsStyle": {"mode": "line"}}
    return {
        "id": at + 1, "title": title, "type": "timeseries", "datasource": source,
        "gridPos": {"h": 8, "w": 8, "x": at % 3 * 8, "y": at // 3 * 8},
        "fieldConfig": {"defaults": {"unit": unit, "custom": custom,
                                     "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": []},
        "targets": [{"refId": "A", "expr": expr, "legendFormat": legend, "datasource": source}],
    }  # fmt: skip
