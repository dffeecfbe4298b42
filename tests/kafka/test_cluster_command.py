"""`loadkit cluster start|status|stop` as a user types it, with a run on the cluster by its target file."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.request import urlopen

import pytest
from ahead import ahead
from running import ENV, ROOT, cache_with

pytestmark = pytest.mark.kafka

OLD = "3.6.2"
LIMIT = 110


def loadkit(*words: str) -> list[str]:
    """Return the command of a user."""
    return [sys.executable, "-m", "loadkit", *words]


@ahead
def left(folder: Path) -> list[Path]:
    """Return what is left of the oldest tested Kafka that served a run by the target file that `start` wrote."""
    cache, temporary, target = folder / "cache", folder / "t", folder / "target.toml"
    cache.mkdir()
    temporary.mkdir()
    (cache / "jars").symlink_to(cache_with(OLD) / "jars")
    env = {**ENV, "LOADKIT_CACHE": str(cache), "TMPDIR": str(temporary)}

    def done(*words: str) -> str:
        return subprocess.run(
            loadkit(*words), env=env, cwd=ROOT, timeout=LIMIT, check=True, capture_output=True, text=True
        ).stdout

    assert done("cluster", "status") == "no cluster is running\n"
    start = loadkit("cluster", "start", f"embedded@{OLD}?heap=512m", "--target-file", str(target))
    with subprocess.Popen(
        start, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            where = server.stdout.readline().strip()
            assert where.startswith("bootstrap.servers=127.0.0.1:")
            (line,) = done("cluster", "status").splitlines()
            assert f"Kafka {OLD}" in line
            assert where in line
            assert f"pid {server.pid}" in line
            stale = cache / "clusters" / "stale.json"
            (state,) = (cache / "clusters").glob("*.json")
            stale.write_text(json.dumps({**json.loads(state.read_text()), "data_dir": "/none"}))
            assert done("cluster", "status").count("\n") == 1, "a cluster whose data is gone is not listed"
            assert not stale.exists()
            words = ["--target", str(target), "--warmup", "2s", "--duration", "4s", "--set", "Checkout.rate=500/s"]
            for url in tomllib.loads(target.read_text())["metrics"]["jmx_exporter"]:
                with urlopen(url, timeout=LIMIT) as page:  # the first takes a cold JVM long
                    page.read()
            run = json.loads(done("run", "scenarios/orders.py", *words, "--json", "--out", str(folder / "out")))
            assert (run["metrics"]["offered"], run["metrics"]["unsent"], run["metrics"]["lost"]) == (500, 0, 0)
            facts = json.loads((folder / "out" / "result.json").read_text())
            assert facts["target"]["cluster"]["version"].startswith("3.6")
            assert {row["kind"] for row in map(json.loads, (folder / "out" / "series.jsonl").open())} >= {"broker"}
            assert tomllib.loads(target.read_text())["limits"]
            assert done("cluster", "stop") == "stopped 1\n"
            assert server.wait(LIMIT) == 0
        finally:
            server.kill()
    assert done("cluster", "stop") == "no cluster is running\n"
    return [*(cache / "clusters").iterdir(), *temporary.glob("loadkit-kafka-*")]


def test_an_older_kafka_is_started_listed_loaded_and_stopped(left: list[Path]) -> None:
    """Each command says what it did, the run lost nothing, and `stop` returns when all is gone."""
    assert left == []
