"""`loadkit max` as a user types it, on the simulated target."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ahead import ahead, parts
from commands import ROOT, Done, run_all

SCENARIO = """
from loadkit import ConsumerUser, ProducerUser, Topic, payloads
orders = Topic("orders", partitions=4)
class Checkout(ProducerUser):
    topic = orders
    rate = "150/s"
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 0}
class Refund(ProducerUser):
    topic = orders
    rate = "50/s"
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 0}
class Billing(ConsumerUser):
    topic = orders
"""
READING = """
from loadkit import ConsumerUser, Topic
class Billing(ConsumerUser):
    topic = Topic("orders")
"""
CLUSTER = "simulated?service_rate=1k/s&request_overhead=0s&noise=0.2"
CAPACITY = 1000.0
"""Messages a second: one message a request, the objective far looser than what service takes."""
FIND = ["max", "good.py", "--target", CLUSTER, "--slo", "latency.p99 < 50ms", "--duration", "5s", "--hold", "8s"]

WRONG = {
    # name: (arguments, exit code, what the one error must say)
    "no objective": ("max good.py --target simulated", ["--slo", "latency.p99 < 20ms"]),
    "unknown metric": ("max good.py --target simulated --slo latenzy.p99<5ms", ["latenzy.p99", "latency.p99"]),
    "contradiction": ("max good.py --target simulated --slo latency.p50>5ms --slo latency.p99<2ms", ["contradict"]),
    "its own metric": ("max good.py --target simulated --slo max_rate>5k/s", ["max_rate", "what the search varies"]),
    "wrong start": ("max good.py --target simulated --slo errors==0 --start fast", ["'fast'", "20k/s"]),
    "no start": ("max good.py --target simulated --slo errors==0 --start 0", ["--start", "above 0"]),
    "too short": ("max good.py --target simulated --slo errors==0 --duration 2s", ["--duration", "3s"]),
    "nothing produces": ("max reading.py --target simulated --slo errors==0", ["no class of it produces"]),
    "never told": ("max good.py --target simulated --slo commit.p99<1s", ["commit.p99", "can never be told", "poll"]),
    "no such path": ("max good.py --target simulated --slo errors==0 --set linger.mz=5", ["linger.mz"]),
    "other objective": ("max good.py --target simulated --slo errors==0 --out found", ["different search", "target_name", "new folder"]),
    "of a run": ("max good.py --target simulated --slo errors==0 --out run", ["holds another run"]),
}  # fmt: skip


@ahead
def ran(folder: Path) -> tuple[Path, dict[str, Done]]:
    """Return a folder with two scenarios, and what every command did in it."""
    (folder / "good.py").write_text(SCENARIO)
    (folder / "reading.py").write_text(READING)
    objective = ["--slo", "latency.p99 < 50ms", "--duration", "5s", "--hold", "8s", "--json"]
    commands = {
        "found": [*FIND, "--json", "--out", "found"],
        "again": [*FIND, "--json", "--out", "found"],
        "table": ["report", "found"],
        "generator": ["max", "good.py", "--target", "simulated?generator_rate=600", *objective, "--out", "generator"],
        "none": [
            "max", "good.py", "--target", CLUSTER, "--slo", "latency.p50 < 1us", "--duration", "3s", "--json",
            "--out", "none",
        ],
        "consumers": [
            "max", "good.py", "--target", "simulated", "--slo", "end_to_end.p99 < 100ms", "--slo", "lag_time.max < 2s",
            "--set", "Billing.process_time=2ms", "--duration", "5s", "--hold", "8s", "--json", "--out", "consumers",
        ],
        "run": "run good.py --target simulated --duration 2s --out run --json".split(),
        **{name: case[0].split() for name, case in WRONG.items()},
    }  # fmt: skip
    return folder, run_all(commands, folder, 300)


place, done = parts("ran", "place", "done")


def document(done: Done) -> dict[str, Any]:
    """Return the one JSON document on stdout."""
    assert done.out, done.err
    return json.loads(done.out)  # type: ignore[no-any-return]


def test_the_highest_rate_is_found_and_confirmed(done: dict[str, Done], place: Path) -> None:
    """Within 5 % of the capacity; three clean holds and one 10 % above that failed; every trial has its folder."""
    made = document(done["found"])
    rate = made["metrics"]["max_rate"]

    assert done["found"].code == 0, done["found"].err
    assert 0.95 * CAPACITY <= rate <= CAPACITY
    assert (made["verdict"], made["limit"], made["status"]) == ("pass", "cluster", "complete")
    assert made["interval"][0] <= rate < made["interval"][1]
    assert made["failing"]["slo"] == "latency.p99 < 50ms"
    held = [probe for probe in made["probes"] if probe["kind"] == "hold" and probe["rate"] == rate]
    assert [probe["verdict"] for probe in held].count("pass") == 3
    over = made["probes"][-1]
    assert (over["kind"], over["verdict"], round(over["rate"] / rate, 2)) == ("over", "fail", 1.1)
    for probe in made["probes"]:
        assert (place / "found" / probe["folder"] / "result.json").exists()
        assert not (place / "found" / probe["folder"] / "report.html").exists()
    assert (place / "found" / "report.html").stat().st_size


def test_json_keeps_the_contract(done: dict[str, Done]) -> None:
    """Every word is there, each null has its reason, and the metrics are those of the last clean hold."""
    made = document(done["found"])

    assert {"schema", "command", "status", "limit", "verdict", "metrics", "withheld", "warnings", "out"} <= set(made)
    assert {"interval", "failing", "probes"} <= set(made)
    assert made["command"] == "max"
    for name, value in made["metrics"].items():
        assert (value is None) == (name in made["withheld"]), name
    assert made["metrics"]["throughput"] == pytest.approx(made["metrics"]["max_rate"], rel=0.01)


def test_all_classes_are_scaled_alike(done: dict[str, Done], place: Path) -> None:
    """Three messages of four are Checkout's at every rate."""
    for probe in document(done["found"])["probes"]:
        facts = json.loads((place / "found" / probe["folder"] / "result.json").read_text())
        rates = {name: one["rate"] for name, one in facts["classes"].items() if one["role"] == "producer"}
        assert rates == pytest.approx({"Checkout": 0.75 * probe["rate"], "Refund": 0.25 * probe["rate"]})


def test_holds_are_longer_than_probes_and_every_trial_is_a_fresh_one(done: dict[str, Done]) -> None:
    """The lengths are those asked for, or what the objective's quantile takes; no two trials saw the same noise."""
    probes = document(done["found"])["probes"]

    assert probes[0]["seconds"] == 6.0  # 1,100 messages at 200 a second: ten and a tenth beyond the 99th percentile
    assert {probe["seconds"] for probe in probes[1:] if probe["kind"] == "probe"} == {5.0}
    assert {probe["seconds"] for probe in probes if probe["kind"] in ("hold", "over")} == {8.0}
    held = [probe["metrics"]["latency.mean"] for probe in probes if probe["kind"] == "hold"]
    assert len(set(held)) == len(held)


def test_a_finished_search_is_only_shown(done: dict[str, Done]) -> None:
    """The same command again runs no trial, prints the same answer and exits alike."""
    assert done["again"].code == 0
    assert document(done["again"]) == document(done["found"])
    assert "more" not in done["again"].err


def test_the_answer_is_a_sentence(done: dict[str, Done]) -> None:
    """On the terminal the rate, what failed above it and whose limit it was are read off."""
    rate = f"{document(done['found'])['metrics']['max_rate']:,.0f} msg/s"

    assert done["table"].code == 0
    for word in (rate, "3 holds", "the cluster", "latency.p99 < 50ms"):
        assert word in done["table"].out


def test_a_generator_that_gives_out_first_is_no_answer(done: dict[str, Done]) -> None:
    """Exit 4, a lower bound, and what it would take to go further, as far as that was measured."""
    made = document(done["generator"])

    assert done["generator"].code == 4
    assert (made["limit"], made["verdict"]) == ("generator", "inconclusive")
    assert 570 <= made["metrics"]["max_rate"] <= 600
    assert made["answer"]["text"].startswith(">= ")
    assert "generator-limited" in made["answer"]["text"]
    assert "the CPU that a message takes was not measured" in made["answer"]["text"]


def test_an_objective_that_no_rate_holds_is_a_failed_judgement(done: dict[str, Done]) -> None:
    """Exit 1, and the reason stands under max_rate."""
    made = document(done["none"])

    assert done["none"].code == 1
    assert made["metrics"]["max_rate"] is None
    assert "no rate that was tried holds latency.p50 < 1us" in made["withheld"]["max_rate"]


def test_slow_consumers_are_the_stage_that_bound_it(done: dict[str, Done]) -> None:
    """One consumer that takes 2 ms a message keeps up with 500 a second; that is where the search ends."""
    made = document(done["consumers"])

    assert 0.95 * 500 <= made["metrics"]["max_rate"] <= 500
    assert made["answer"]["stage"] == "consumers"


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_command_names_the_place_and_the_way_out(done: dict[str, Done], name: str) -> None:
    """Bad input is one clear error with exit code 2."""
    assert done[name].code == 2, done[name].err
    assert done[name].err.count("error:") == 1
    for part in WRONG[name][1]:
        assert part in done[name].err


def test_a_killed_search_goes_on_where_it_was(done: dict[str, Done], place: Path) -> None:
    """kill -9 in the middle: finished trials are kept as they are, a torn one is run anew, the answer is the same."""
    out = place / "killed"
    killed = subprocess.Popen(
        [sys.executable, "-m", "loadkit", *FIND, "--out", str(out)], cwd=place, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    until = time.monotonic() + 50
    while len(list(out.glob("trials/*"))) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert json.loads((out / "max.json").read_text())["status"] == "running"
    *kept, torn = (path / "result.json" for path in sorted(out.glob("trials/*"))[:3])
    before = [path.stat().st_mtime_ns for path in kept]
    torn.write_text(json.dumps({**json.loads(torn.read_text()), "status": "running"}))  # as a kill within it leaves it

    made = document(run_all({"on": [*FIND, "--json", "--out", str(out)]}, place)["on"])

    whole = document(done["found"])
    assert [path.stat().st_mtime_ns for path in kept] == before
    assert json.loads(torn.read_text())["status"] == "complete"
    assert [(probe["kind"], probe["rate"], probe["metrics"]) for probe in made["probes"]] == [
        (probe["kind"], probe["rate"], probe["metrics"]) for probe in whole["probes"]
    ]
    assert made["answer"] == whole["answer"]
