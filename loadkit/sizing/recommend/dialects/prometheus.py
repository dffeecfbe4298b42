"""Prometheus alert rules with thresholds of this plan, and promtool's unit tests for each of them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from loadkit.sizing.recommend.words import clean, commented, header, joined
from loadkit.sizing.settings.alerts import Alert, Series, alerts
from loadkit.sizing.settings.model import Recommended

TITLE = "Prometheus alerts"
_LONG = 120
"""Minutes that a test's series last."""


def files(plan: Recommended) -> dict[str, str]:
    """Return the rules, and the file for `promtool test rules`."""
    made = alerts(plan.facts)
    return {"prometheus/kafka-rules.yml": _rules(plan, made), "prometheus/kafka-rules.test.yml": _tests(plan, made)}


def _rules(plan: Recommended, made: Iterable[Alert]) -> str:
    lines = [*commented([*header(plan.facts, "Alerts"), "Metrics as the JMX exporter's example for Kafka and "
                         "kafka_exporter name them; brokers are scraped as job kafka."]),
             "groups:", "  - name: loadkit-kafka", "    rules:"]  # fmt: skip
    for alert in made:
        lines += [
            f"      - alert: {alert.name}",
            f"        expr: {_text(alert.expr)}",
            f"        for: {alert.wait}",
            "        labels:",
            f"          severity: {alert.severity}",
            *(f"          {name}: {_text(value)}" for name, value in alert.marks),
            "        annotations:",
            f"          summary: {_text(clean(alert.summary))}",
            f"          description: {_text(clean(alert.description))}",
        ]
    return joined(lines)


def _tests(plan: Recommended, made: Iterable[Alert]) -> str:
    lines = [*commented([*header(plan.facts, "Tests of the alerts"), "promtool test rules kafka-rules.test.yml"]),
             "rule_files:", "  - kafka-rules.yml", "evaluation_interval: 1m", "tests:"]  # fmt: skip
    for alert in made:
        lines += _case(alert, alert.loud, fires=True) + _case(alert, alert.quiet, fires=False)
    return joined(lines)


def _case(alert: Alert, series: Iterable[Series], fires: bool) -> list[str]:
    lines = ["  - interval: 1m", "    input_series:"]
    for one in series:
        lines += [f"      - series: {_text(one.name)}", f"        values: {_text(_values(one))}"]
    lines += ["    alert_rule_test:", "      - eval_time: 1h", f"        alertname: {alert.name}"]
    if not fires:
        return [*lines, "        exp_alerts: []"]
    labels = [("severity", alert.severity), *alert.labels]
    return [
        *lines,
        "        exp_alerts:",
        "          - exp_labels:",
        *(f"              {name}: {_text(value)}" for name, value in labels),
        "            exp_annotations:",
        f"              summary: {_text(clean(alert.summary))}",
        f"              description: {_text(clean(alert.description))}",
    ]


def _values(series: Series) -> str:
    return f"{_plain(series.start)}+{_plain(series.step)}x{_LONG}"


def _plain(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
