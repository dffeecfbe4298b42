"""The dashboard on a real run: a real Prometheus scrapes it, and every expression of every panel is asked there."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from ahead import ahead
from locust_process import free_port
from running import ORDERS, Ended, sets, start

from loadkit import init
from loadkit.document import document_of
from loadkit.standing import Status

pytestmark = pytest.mark.kafka

PROMETHEUS = shutil.which("prometheus")
PATIENCE = 60.0
NOT_ALWAYS = {
    "loadkit_generator_capacity_ratio": "after loadkit calibrate",
    "loadkit_throttle_seconds": "where a broker has a quota",
    "loadkit_outstanding_requests": "while the load is not met",
    "loadkit_generator_waited_ratio": "where the kernel counts it",
    "loadkit_machine_steal_ratio": "where the kernel counts it",
}
"""Metrics that this run need not have."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What Prometheus answered in mid-run, and what the run left."""

    panels: dict[str, dict[str, list[dict[str, Any]]]]
    """Samples by panel and expression."""
    alerts: list[dict[str, Any]]
    """The rules that were loaded, with their health."""
    ended: Ended


@ahead
def watched(target: Path, folder: Path) -> Watched:
    """Return what was seen of a run of orders, interrupted once everything was seen."""
    if PROMETHEUS is None:
        pytest.skip("there is no prometheus on the PATH")
    serves, asked = free_port(), free_port()
    arguments = ("--warmup", "1s", "--duration", "300s", "--metrics", f":{serves}", *sets("Checkout.rate=1k/s"))
    with scraping(folder, serves, asked), start(ORDERS, target, folder / "run", *arguments) as command:
        command.until(lambda: bool(ask(asked, 'loadkit_limit{limit="none"}')), "judged")
        deadline = time.monotonic() + PATIENCE
        while unanswered(found := panels(asked)) and time.monotonic() < deadline:
            time.sleep(1)
        groups = api(asked, "rules")["groups"]
        command.signal(signal.SIGINT)
        return Watched(found, [rule for group in groups for rule in group["rules"]], command.ended())


def panels(port: int) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return what every expression of every panel answers now."""
    return {
        panel["title"]: {target["expr"]: ask(port, target["expr"]) for target in panel["targets"]}
        for panel in json.loads(init.text("dashboard"))["panels"]
        if panel["type"] != "row"
    }


def unanswered(found: dict[str, dict[str, list[dict[str, Any]]]]) -> list[str]:
    """Return the expressions that have no answer, or one that is no number, and should have one."""
    return [
        expr
        for answers in found.values()
        for expr, samples in answers.items()
        if not any(name in expr for name in NOT_ALWAYS) and (not samples or any(map(math.isnan, values(samples))))
    ]


@contextmanager
def scraping(folder: Path, serves: int, asked: int) -> Iterator[None]:
    """Have a Prometheus scrape a port every two seconds and answer at another, while the context lasts."""
    folder.mkdir(exist_ok=True)
    init.write("alerts", folder)
    config = {
        "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
        "rule_files": ["loadkit-alerts.yml"],
        "scrape_configs": [{"job_name": "loadkit", "static_configs": [{"targets": [f"127.0.0.1:{serves}"]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    assert PROMETHEUS
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [PROMETHEUS, "--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{asked}"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield
    finally:
        process.kill()
        process.wait()


def api(port: int, place: str, **query: str) -> Any:
    """Return the data of an answer of Prometheus's HTTP API, once it listens; an error of a query fails the test."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/api/v1/{place}?{urlencode(query)}", timeout=PATIENCE) as answer:
                return json.loads(answer.read())["data"]
        except HTTPError as error:
            if error.code != 503:  # still starting
                raise AssertionError(f"{query}: {error.read().decode()}") from None
        except URLError:
            pass
        assert time.monotonic() < deadline, "prometheus does not listen"
        time.sleep(0.1)


def ask(port: int, expr: str) -> list[dict[str, Any]]:
    """Return the samples of an expression now, the dashboard's variables filled in as Grafana does."""
    filled = expr.replace("$__rate_interval", "1m").replace("$job", ".*")
    assert "$" not in filled
    return api(port, "query", query=filled)["result"]  # type: ignore[no-any-return]


def values(samples: list[dict[str, Any]]) -> list[float]:
    """Return the numbers of samples."""
    return [float(sample["value"][1]) for sample in samples]


def test_every_expression_of_every_panel_has_an_answer(watched: Watched) -> None:
    """None is empty but of what this run need not have, and no panel is."""
    assert unanswered(watched.panels) == []
    assert [title for title, answers in watched.panels.items() if not any(answers.values())] == []


def test_the_answers_are_those_of_the_run(watched: Watched) -> None:
    """Rates of at most 1,000/s, of a minute that has hardly begun; states are one at a time."""
    panels = watched.panels
    (run,) = panels["Run"].values()
    assert run[0]["metric"]["run_id"] == watched.ended.result["run_id"]
    (phase,) = panels["Phase"].values()
    assert [sample["metric"]["phase"] for sample in phase] == ["measure"]
    assert [len(samples) for samples in panels["Limit so far"].values()] == [1]
    due = next(samples for expr, samples in panels["Messages a second"].items() if "due" in expr)
    assert 0 < values(due)[0] < 1500
    p50, p99, p999 = (values(samples)[0] for samples in panels["Latency from the instant a message was due"].values())
    assert 0 < p50 <= p99 <= p999
    (groups,) = panels["Groups"].values()
    assert groups[0]["metric"]["class"] == "Billing"


def test_prometheus_takes_the_rules_and_can_evaluate_each(watched: Watched) -> None:
    """All that are shipped are loaded, and none fails."""
    assert len(watched.alerts) == init.text("alerts").count("- alert:")
    assert {rule["health"] for rule in watched.alerts} <= {"ok", "unknown"}, watched.alerts


def test_groups_are_judged_on_a_real_cluster(watched: Watched) -> None:
    """Of each partition a row each second, and the group's worst in the document."""
    rows = [row for row in watched.ended.rows if row["kind"] == "group"]
    assert {row["name"] for row in rows} == {f"Billing/orders/{partition}" for partition in range(12)}
    assert {row["status"] for row in rows} <= set(Status.__members__)
    group = document_of(watched.ended.out)["groups"]["Billing"]
    assert sum(group["seconds"].values()) >= 3
    assert group["status"] in ("OK", "WARN", "ERR")
    lag = {row["t"]: row["lag"] for row in watched.ended.rows if row["kind"] == "consumer" and "lag" in row}
    second = max(lag)
    assert sum(row["lag"] for row in rows if row["t"] == second) == lag[second]
