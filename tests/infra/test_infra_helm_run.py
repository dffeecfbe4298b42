"""The commands, variables and files of the rendered chart make a run: master, workers and sidecars as real processes."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aws_stand_in import REGION, client, make_bucket, stand_in
from helm_chart import CHART, of_kind, render
from helm_pods import Container, Pods
from locust_process import free_port
from running import Ended

MASTER, WORKERS, CLAIM = "lk-1-master", "lk-1-workers", "lk-results"
POD = f"{MASTER}-abcde"
SMALL = ["--set", "Checkout.rate=400/s", "--warmup", "1s"]
BUCKET = "kept"
PATIENCE = 300.0


def chart(folder: Path, arguments: list[str], *changes: str, instead: dict[str, str] | None = None) -> Pods:
    """Return the pods of the smallest values with a command's arguments."""
    change = ["--set-json", f"run.arguments={json.dumps([*SMALL, *arguments])}", "--set", "run.within=2m", *changes]
    rendered = render("smallest", folder, *change)
    return Pods(folder, rendered, {"5557": str(free_port()), MASTER: "127.0.0.1", **(instead or {})})


def whole(out: Path, workers: int) -> dict[str, Any]:
    """Return a result in which so many workers sent everything that was due."""
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    total = result["totals"]["Checkout"]
    assert result["workers"] == workers
    assert total["due"] == total["sent"] == total["acked"] > 0
    return result


def page(port: int) -> str:
    """Return the page of metrics; empty while nobody serves it."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            return str(answer.read(), "utf-8")
    except OSError:
        return ""


def test_a_run_to_completion(tmp_path: Path) -> None:
    """Two workers that come before the master; all end with 0, results on the claim, metrics while it runs."""
    port, first_metric = free_port(), 'loadkit_acked_messages_total{class="Checkout"'
    pods = chart(
        tmp_path, ["--duration", "4s"], "--set", "metrics.podMonitor=true", "--set-json", 'metrics.from=[{"podSelector":{}}]',
        instead={"9646": str(port)},
    )  # fmt: skip
    with (
        pods.start(WORKERS, f"{WORKERS}-0-aaaaa") as first,
        pods.start(WORKERS, f"{WORKERS}-1-bbbbb") as second,
        pods.start(MASTER, POD) as master,
    ):
        master.until(lambda: first_metric in page(port), "serving metrics", PATIENCE)
        ended = [one.ended(PATIENCE) for one in (master, first, second)]
    for one in ended:
        one.ok()
    out = pods.claim(CLAIM) / POD
    assert whole(out, 2)["status"] == "complete"
    assert {"histograms.hlog", "report.html", "series.parquet"} < {path.name for path in out.iterdir()}
    token = next((tmp_path / POD / "token").iterdir()).read_text()
    assert len(token) == 40
    assert all(token not in one.stdout + one.stderr for one in ended)


def test_a_worker_that_is_replaced_does_not_begin_the_run_anew(tmp_path: Path) -> None:
    """Evicted by SIGTERM, made anew, it takes its part; the master, told to stop, keeps what was measured."""
    pods = chart(tmp_path, ["--duration", "600s"])
    out = pods.claim(CLAIM) / POD
    with (
        pods.start(MASTER, POD) as master,
        pods.start(WORKERS, f"{WORKERS}-0-aaaaa") as stays,
        pods.start(WORKERS, f"{WORKERS}-1-bbbbb") as evicted,
    ):
        master.until(lambda: (out / "series.jsonl").exists() and '"measure"' in (out / "series.jsonl").read_text(),
                     "measuring", PATIENCE)  # fmt: skip
        begun = json.loads((out / "result.json").read_text())["started_at"]
        evicted.signal(signal.SIGTERM)
        assert evicted.ended(PATIENCE).code == 128 + signal.SIGTERM
        with pods.start(WORKERS, f"{WORKERS}-1-ccccc") as again:
            master.until(lambda: "came late: the run goes on" in master.said, "a late worker", PATIENCE)
            master.signal(signal.SIGTERM)
            ended = master.ended(PATIENCE)
            left = [stays.ended(PATIENCE), again.ended(PATIENCE)]
    result = json.loads((out / "result.json").read_text())
    assert (ended.code, result["status"], result["started_at"]) == (128 + signal.SIGTERM, "interrupted", begun)
    assert result["totals"]["Checkout"]["acked"] > 0
    assert [one.code for one in left] == [0, 0]


def test_a_worker_without_a_master_ends_as_the_job_expects_it(tmp_path: Path) -> None:
    """With an exit code for which its Job does not try again."""
    rendered = render("smallest", tmp_path, "--set", "run.within=1s")
    with Pods(tmp_path, rendered, {MASTER: "127.0.0.1", "5557": str(free_port())}).start(WORKERS, "alone") as worker:
        ended = worker.ended(PATIENCE)
    (_, final) = of_kind(rendered, "Job", "-workers")["spec"]["podFailurePolicy"]["rules"]
    assert "no master at 127.0.0.1" in ended.stderr
    assert ended.code in final["onExitCodes"]["values"]


# S3


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, Any]]:
    """Yield the address of a stand-in of S3 that has the bucket, and a client of it."""
    with stand_in() as address:
        make_bucket(address, BUCKET)
        yield address, client("s3", address)


def stored(client: Any, prefix: str) -> dict[str, bytes]:
    """Return what a bucket has below a prefix."""
    found = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", [])
    return {
        one["Key"].removeprefix(f"{prefix}/"): client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
        for one in found
    }


def uploading(folder: Path, address: str, bucket: str, *arguments: str) -> Pods:
    """Return the pods of a run with one worker whose results go to a bucket."""
    return chart(
        folder, list(arguments), "--set", "workers.count=1", "--set", f"results.s3.bucket={bucket}",
        "--set", f"results.s3.endpoint={address}", "--set", f"results.s3.region={REGION}",
        "--set", "secrets.env.AWS_ACCESS_KEY_ID=testing", "--set", "secrets.env.AWS_SECRET_ACCESS_KEY=testing",
    )  # fmt: skip


def test_results_of_a_run_that_fails_are_in_s3(tmp_path: Path, s3: tuple[str, Any]) -> None:
    """The exit code is the command's, and the mark that all is there comes with it."""
    address, client = s3
    pods = uploading(tmp_path, address, BUCKET, "--duration", "3s", "--slo", "latency.p50 < 1us")
    with pods.start(MASTER, POD) as master, pods.start(WORKERS, f"{WORKERS}-0-aaaaa") as worker:
        ended = master.ended(PATIENCE)
        assert ended.code == 1, ended.stderr
        worker.ended(PATIENCE).ok()
    found = stored(client, f"loadkit/{POD}")
    done = json.loads(found["done.json"])
    assert (done["exit_code"], done["command"][:2]) == (1, ["loadkit", "run"])
    assert json.loads(found["out/result.json"])["totals"]["Checkout"]["acked"] > 0
    assert {"begun.json", "out/report.html", "out/histograms.hlog"} < set(found)
    out = tmp_path / POD / "results" / "out"
    assert {f"out/{path.relative_to(out)}" for path in out.rglob("*") if path.is_file()} <= set(found)


def test_a_bucket_that_cannot_be_written_is_known_before_any_load(tmp_path: Path, s3: tuple[str, Any]) -> None:
    """Exit 3, and loadkit was not started."""
    with uploading(tmp_path, s3[0], "nowhere", "--duration", "3s").start(MASTER, POD) as master:
        ended: Ended = master.ended(PATIENCE)
    assert ended.code == 3
    assert "s3://nowhere/loadkit/" in ended.stderr
    assert "nothing is begun" in ended.stderr
    assert not list((tmp_path / POD / "results").iterdir())


STOPPED = """
import pathlib, signal, sys
def stop(*_):
    pathlib.Path(sys.argv[1], "late.txt").write_text("drained")
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
print("ready", file=sys.stderr, flush=True)
signal.pause()
"""


def test_a_pod_that_is_stopped_keeps_what_the_command_leaves(tmp_path: Path, s3: tuple[str, Any]) -> None:
    """The signal is the command's too, and what it writes then is uploaded."""
    results = tmp_path / "results"
    results.mkdir()
    words = [sys.executable, str(CHART / "files" / "keep.py"), BUCKET, "stopped", str(results),
             sys.executable, "-c", STOPPED, str(results)]  # fmt: skip
    env = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
           "AWS_REGION": REGION, "AWS_ENDPOINT_URL_S3": s3[0]}  # fmt: skip
    with Container(tmp_path / "log", words, env) as keeper:
        keeper.until(lambda: "ready" in keeper.said, "the command", PATIENCE)
        keeper.signal(signal.SIGTERM)
        ended = keeper.ended(PATIENCE)
    found = stored(s3[1], "stopped")
    assert ended.code == json.loads(found["done.json"])["exit_code"] == 143
    assert found["late.txt"] == b"drained"


def keep() -> ModuleType:
    """Return the chart's keep.py as a module."""
    spec = importlib.util.spec_from_file_location("keep", CHART / "files" / "keep.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_results_that_could_not_be_kept_fail_the_pod(
    tmp_path: Path, s3: tuple[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3 in spite of a command that went well, and the reason is said."""
    module, client = keep(), s3[1]
    make_bucket(s3[0], "brief")
    for name, value in (("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing"),
                        ("AWS_ENDPOINT_URL_S3", s3[0])):  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    monkeypatch.setattr(module, "run", lambda command, kept: _emptied(client))
    monkeypatch.setattr(sys, "argv", ["keep.py", "brief", "x", str(tmp_path), "true"])
    assert module.main() == 3
    assert "the results are lost with this pod" in capsys.readouterr().err


def _emptied(client: Any) -> int:
    client.delete_object(Bucket="brief", Key="x/begun.json")
    client.delete_bucket(Bucket="brief")
    return 0
