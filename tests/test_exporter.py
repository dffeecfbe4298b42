"""`--metrics`: the page that Prometheus reads, its address, and the dashboard and rules that are made for it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from test_observed import FACTS, begun, fed, line, producer

from loadkit import init
from loadkit.errors import UsageError
from loadkit.observed import EDGES_US, Observed
from loadkit.standing import Status
from loadkit.telemetry import exporter

Page = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def page(seen: Observed) -> str:
    """Return the page as it is served."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(exporter._Page(seen))
    return generate_latest(registry).decode()


def parsed(text: str) -> Page:
    """Return every sample by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def one(found: Page, name: str, **labels: str) -> float | None:
    """Return one sample; None where there is none."""
    return found.get((name, tuple(sorted(labels.items()))))


def test_histograms_are_exact_and_of_seconds() -> None:
    """Cumulative buckets by class and phase, their sum and count; a value at an edge counts above it."""
    seen = begun()
    seen.seconds([line(0, "Checkout.latency", 100, 127, 128, 900_000, 200_000_000)], [producer(0, acked=5)])
    seen.seconds([line(1, "warmup:Checkout.latency", 100)], [])
    found = parsed(page(seen))
    name, labels = "loadkit_latency_seconds", {"class": "Checkout", "phase": "measure"}
    assert one(found, f"{name}_bucket", **labels, le="0.000128") == 2
    assert one(found, f"{name}_bucket", **labels, le="0.000192") == 3
    assert one(found, f"{name}_bucket", **labels, le="0.786432") == 3
    assert one(found, f"{name}_bucket", **labels, le="1.048576") == 4
    assert one(found, f"{name}_bucket", **labels, le="+Inf") == one(found, f"{name}_count", **labels) == 5
    assert one(found, f"{name}_sum", **labels) == pytest.approx(200.900355)
    assert one(found, f"{name}_count", **{**labels, "phase": "warmup"}) == 1
    assert len([key for key in found if key[0] == f"{name}_bucket"]) == 2 * (len(EDGES_US) + 1)


def test_counters_gauges_and_states_say_what_was_observed() -> None:
    """Rates and bytes by class and phase, unsent, lag with Burrow's status, phase, limit and which run it is."""
    seen = begun()
    rows = [
        producer(0, due=10, sent=8, acked=7, acked_bytes=700, errors=1, queue_full=2),
        {"t": 0, "phase": "measure", "kind": "consumer", "name": "Billing", "received": 6, "received_bytes": 600,
         "lag": 4, "lag_time": 0.25, "status": "ERR"},
        {"t": 0, "phase": "measure", "kind": "group", "name": "Billing/orders.eu/3", "lag": 4, "status": "STOP", "complete": 1.0},
        {"t": 0, "phase": "measure", "kind": "errors", "name": "all", "codes": {"_MSG_TIMED_OUT": 1}},
        {"t": 0, "phase": "measure", "kind": "broker", "name": "broker 1", "bytes_in": 5e6, "request_idle": 0.9},
        {"t": 0, "phase": "measure", "kind": "host", "name": "w1", "cpu": 0.5, "python": 0.4, "busy": 0.3},
    ]  # fmt: skip
    seen.seconds([], rows)
    seen.heard(lambda *_: None)("measure", "", 1.0, None)
    found = parsed(page(seen))
    of = {"class": "Checkout", "phase": "measure"}
    assert [one(found, f"loadkit_{name}_total", **of) for name in (
        "due_messages", "sent_messages", "acked_messages", "acked_bytes", "failed_messages", "queue_full"
    )] == [10, 8, 7, 700, 1, 2]  # fmt: skip
    assert one(found, "loadkit_received_messages_total", **{"class": "Billing", "phase": "measure"}) == 6
    assert one(found, "loadkit_unsent_messages", **{"class": "Checkout"}) == 2
    assert one(found, "loadkit_lag_messages", **{"class": "Billing"}) == 4
    assert one(found, "loadkit_lag_seconds", **{"class": "Billing"}) == 0.25
    assert [one(found, "loadkit_group_status", **{"class": "Billing", "status": s}) for s in ("OK", "WARN", "ERR")] == [
        0,
        0,
        1,
    ]
    place = {"class": "Billing", "topic": "orders.eu", "partition": "3"}
    assert one(found, "loadkit_partition_status", **place) == Status.STOP
    assert one(found, "loadkit_partition_lag_messages", **place) == 4
    assert one(found, "loadkit_errors_total", code="_MSG_TIMED_OUT") == 1
    assert one(found, "loadkit_broker_bytes_in", broker="broker 1") == 5e6
    assert one(found, "loadkit_broker_observed") == one(found, "loadkit_load_processes") == 1
    assert one(found, "loadkit_phase", phase="measure") == 1
    assert one(found, "loadkit_phase", phase="drain") == 0
    assert one(found, "loadkit_complete_timestamp_seconds") == 1001.0
    info = {"run_id": "7f3a91c2", "command": "run", "scenario": "orders", "target": "embedded:3", "loadkit": "1.0"}
    assert one(found, "loadkit_run_info", **info) == 1


def test_what_is_not_known_has_no_sample() -> None:
    """Neither before a trial nor where the limit is not judged yet: 0 would be a figure."""
    assert parsed(page(Observed())) == {("loadkit_trials_total", ()): 0, ("loadkit_load_processes", ()): 0}
    names = {name for name, _ in parsed(page(begun()))}
    assert not names & {
        "loadkit_limit",
        "loadkit_generator_busy_cores",
        "loadkit_lag_messages",
        "loadkit_recent_seconds",
    }


def test_limit_evidence_and_percentiles_are_those_of_the_run() -> None:
    """A run whose generator was the limit: the state, its facts and the exact percentiles."""
    seen = fed("generator_limited")
    found = parsed(page(seen))
    assert {value: one(found, "loadkit_limit", limit=value) for value in exporter.LIMITS} == {
        "cluster": 0, "generator": 1, "none": 0, "unknown": 0
    }  # fmt: skip
    assert one(found, "loadkit_generator_busy_cores") == pytest.approx(0.99, abs=0.05)
    assert one(found, "loadkit_recent_seconds", series="latency", percentile="p99") == pytest.approx(
        seen.recent("latency").quantile(0.99) / 1e6
    )


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (":9646", ("127.0.0.1", 9646)),
        ("localhost:9646", ("localhost", 9646)),
        ("127.0.0.2:1", ("127.0.0.2", 1)),
        ("[::1]:9646", ("::1", 9646)),
    ],
)
def test_an_address_is_of_this_machine_alone(text: str, where: tuple[str, int]) -> None:
    """Without a host it is the loopback address: the page has no authentication."""
    assert exporter.address(text, public=False) == where


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("9646", "say :PORT"),
        (":", "say :PORT"),
        (":0", "say :PORT"),
        (":65536", "say :PORT"),
        (":-1", "say :PORT"),
        ("0.0.0.0:9646", "can be reached from other machines"),
        ("[::]:9646", "can be reached from other machines"),
        ("10.1.2.3:9646", "can be reached from other machines"),
        ("metrics.example.com:9646", "can be reached from other machines"),
    ],
)
def test_any_other_address_is_refused_with_the_way_out(text: str, says: str) -> None:
    """A port that is none, and hosts that others reach."""
    with pytest.raises(UsageError, match=says):
        exporter.address(text, public=False)


def test_others_may_read_the_page_where_that_is_asked_for() -> None:
    """As in a cluster of containers, whose network policy keeps strangers out."""
    assert exporter.address("0.0.0.0:9646", public=True) == ("0.0.0.0", 9646)


def test_the_page_is_served_while_it_is_asked_for_and_a_port_that_is_taken_is_refused() -> None:
    """Then the port is free again; without an address nothing is served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.listen()
        with (
            pytest.raises(UsageError, match=rf"--metrics :{port}: .*in use.*give another port"),
            exporter.serving(f":{port}", Observed()),
        ):
            pass
    with (
        exporter.serving(f":{port}", fed("healthy")),
        urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer,
    ):
        assert one(parsed(answer.read().decode()), "loadkit_trials_total") == 1
    with exporter.serving(None, Observed()), socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def expressions() -> dict[str, list[str]]:
    """Return the expressions of each panel of the dashboard."""
    panels: list[dict[str, Any]] = json.loads(init.text("dashboard"))["panels"]
    return {
        panel["title"]: [target["expr"] for target in panel["targets"]] for panel in panels if panel["type"] != "row"
    }


def names_in(texts: list[str]) -> set[str]:
    """Return the metrics that expressions name."""
    return set(re.findall(r"loadkit_[a-z_]+", " ".join(texts)))


def test_dashboard_and_rules_name_only_metrics_that_there_are() -> None:
    """And every kind of metric is on the dashboard: what nobody sees need not be served."""
    kinds = {"counter": ["_total"], "histogram": ["_bucket"]}
    made = {
        family.name + suffix for family in exporter.families(fed("healthy")) for suffix in kinds.get(family.type, [""])
    }
    shown = names_in([expr for texts in expressions().values() for expr in texts])
    alerted = names_in(init.text("alerts").splitlines())
    assert shown | alerted - {"loadkit_alerts"} <= made
    unseen = {
        "loadkit_commit_seconds_bucket", "loadkit_load_processes", "loadkit_trials_total", "loadkit_rebalances_total",
        "loadkit_partition_lag_messages", "loadkit_broker_under_replicated", "loadkit_lag_growth", "loadkit_broker_idle_ratio",
        "loadkit_broker_observed",
    }  # fmt: skip
    assert made - shown == unseen


def promtool(folder: Path, *words: str, given: str = "") -> str:
    """Return what promtool says when it has succeeded; skip where there is none."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("there is no promtool on the PATH")
    done = subprocess.run(
        [found, *words], cwd=folder, input=given, text=True, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_finds_nothing_wrong_with_the_page(tmp_path: Path) -> None:
    """Names, units, types and help texts keep to Prometheus's conventions."""
    seen = fed("healthy")
    seen.facts = FACTS
    assert promtool(tmp_path, "check", "metrics", given=page(seen)) == ""


RULES = """
rule_files: [loadkit-alerts.yml]
evaluation_interval: 5s
tests:
"""
LABELS = {"job": "loadkit", "instance": "here"}


def case(alert: str, series: dict[str, str], fires: dict[str, str] | None) -> str:
    """Return promtool's test of one alert after three minutes; `fires` are the labels besides job and instance."""
    lines = ["  - interval: 5s", "    input_series:"]
    for name, values in series.items():
        labels = ", ".join(f'{key}="{value}"' for key, value in LABELS.items())
        whole = name.replace("{", "{" + labels + ", ") if "{" in name else f"{name}{{{labels}}}"
        lines += [f"      - series: '{whole}'", f"        values: '{values}'"]
    lines += ["    alert_rule_test:", "      - eval_time: 3m", f"        alertname: {alert}"]
    if fires is None:
        return "\n".join([*lines, "        exp_alerts: []", ""])
    text = init.text("alerts").split(f"alert: {alert}\n")[1].split("- alert:")[0]
    told = {key: re.search(rf"{key}: (.*)", text)[1].strip('"') for key in ("severity", "summary", "description")}  # type: ignore[index]
    labels = {**LABELS, **fires, "severity": told["severity"]}
    described = told["description"].replace("{{ $labels.class }}", fires.get("class", ""))
    lines += ["        exp_alerts:", "          - exp_labels:"]
    lines += [f"              {key}: {json.dumps(value)}" for key, value in labels.items()]
    lines += ["            exp_annotations:", f"              summary: {json.dumps(told['summary'])}"]
    return "\n".join([*lines, f"              description: {json.dumps(described)}", ""])


DUE = 'loadkit_due_messages_total{class="A", phase="measure"}'
BUCKETS = [
    f'loadkit_latency_seconds_bucket{{class="A", phase="measure", le="{le}"}}'
    for le in ("0.098304", "0.131072", "+Inf")
]
CASES: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str]]] = {
    "LoadkitGeneratorLimited": (
        {'loadkit_limit{limit="generator"}': "1x40"}, {'loadkit_limit{limit="generator"}': "1x30 0x10"}, {"limit": "generator"}
    ),
    "LoadkitLoadNotMet": (
        {'loadkit_limit{limit="cluster"}': "1x40", 'loadkit_limit{limit="unknown"}': "0x40"},
        {'loadkit_limit{limit="cluster"}': "0x40", 'loadkit_limit{limit="none"}': "1x40"}, {},
    ),
    "LoadkitUnsent": (
        {'loadkit_unsent_messages{class="A"}': "0+100x40", DUE: "0+1000x40"},
        {'loadkit_unsent_messages{class="A"}': "50x40", DUE: "0+1000x40"}, {},
    ),
    "LoadkitMessagesFailed": (
        {'loadkit_failed_messages_total{class="A", phase="measure"}': "0+1x40"},
        {'loadkit_failed_messages_total{class="A", phase="measure"}': "5x40"}, {"class": "A"},
    ),
    "LoadkitLatency": (
        dict(zip(BUCKETS, ("0+900x40", "0+950x40", "0+1000x40"), strict=True)),
        dict(zip(BUCKETS, ("0+995x40", "0+1000x40", "0+1000x40"), strict=True)), {},
    ),
    "LoadkitGroupStopped": (
        {'loadkit_group_status{class="B", status="ERR"}': "0x30 1x10"}, {'loadkit_group_status{class="B", status="ERR"}': "0x40"},
        {"class": "B", "status": "ERR"},
    ),
    "LoadkitGroupFallsBehind": (
        {'loadkit_group_status{class="B", status="WARN"}': "1x40"},
        {'loadkit_group_status{class="B", status="WARN"}': "0x33 1x7"}, {"class": "B", "status": "WARN"},
    ),
    "LoadkitSilent": (
        {"loadkit_complete_timestamp_seconds": "0+5x10 50x30", 'loadkit_phase{phase="measure"}': "1x40"},
        {"loadkit_complete_timestamp_seconds": "0+5x40", 'loadkit_phase{phase="measure"}': "1x40"}, {},
    ),
    "LoadkitBrokersNotObserved": ({"loadkit_broker_observed": "0x40"}, {"loadkit_broker_observed": "1x40"}, {}),
}  # fmt: skip
"""Of each alert: series at which it fires, series at which it does not, and the labels that it has then."""


def test_promtool_passes_the_rules_and_each_fires_when_it_should(tmp_path: Path) -> None:
    """Every rule that is shipped, loud and quiet."""
    assert set(re.findall(r"alert: (\w+)", init.text("alerts"))) == CASES.keys()
    init.write("alerts", tmp_path)
    assert f"{len(CASES)} rules found" in promtool(tmp_path, "check", "rules", "loadkit-alerts.yml")
    cases = [case(name, loud, labels) + case(name, quiet, None) for name, (loud, quiet, labels) in CASES.items()]
    (tmp_path / "rules.test.yml").write_text(RULES + "".join(cases))
    assert "SUCCESS" in promtool(tmp_path, "test", "rules", "rules.test.yml")
