"""The pytest plugin as a user's test suite has it, each run in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT

pytest_plugins = "pytester"

SCENARIO = """
from loadkit import ProducerUser, Topic, payloads
class Checkout(ProducerUser):
    topic = Topic("orders", partitions=2)
    rate = "1k/s"
    payload = payloads.constant(size="100B")
"""
TESTS = """
def test_quick(kafka_load):
    result = kafka_load.run("orders.py", duration="3s")
    assert 0 < result.latency.p50 <= result.latency.p99 < 0.05
    assert result["Checkout.throughput"] == result.throughput > 900
    assert result.limit == "none"
    assert (result.out / "report.html").exists()

def test_slow(kafka_load):
    result = kafka_load.run("orders.py", duration="3s", settings={"linger.ms": 200})
    assert result.latency.p99 < 0.05

def test_nothing_consumes(kafka_load):
    assert kafka_load.run("orders.py", duration="1s").end_to_end.p99 < 1

def test_wrong(kafka_load):
    kafka_load.run("orders.py", settings={"Checkout.rat": 5})

def test_real(kafka_cluster):
    raise AssertionError("the simulated target is no Kafka")
"""


def run(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    """Run the suite with the plugin."""
    pytester.makepyfile(orders=SCENARIO, test_load=TESTS)
    return pytester.runpytest_subprocess("-p", "loadkit.pytest_plugin", *words, timeout=170)


def test_a_load_is_asserted_on_and_a_failure_says_what_was_the_matter(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = run(pytester, "--loadkit-target", "simulated", "-rs")
    done.assert_outcomes(passed=1, failed=3, skipped=1)
    said = done.stdout.str()
    assert "end_to_end.p99 is not known: " in said
    assert "Checkout.rat: unknown field (did you mean 'rate'?)" in said
    assert "kafka_cluster is a real Kafka" in said


def test_the_plugin_brings_nothing_heavy_into_other_suites(tmp_path: Path) -> None:
    code = (
        "import loadkit.pytest_plugin, sys; "
        "print([name for name in ('locust', 'gevent', 'numpy', 'confluent_kafka', 'plotly') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
