"""The command as a user types it, on the simulated target."""

from __future__ import annotations

import json
import math
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from ahead import ahead, parts
from commands import ROOT, Done, run_all

SCENARIO = """
from loadkit import ConsumerUser, ProducerUser, Topic, payloads
orders = Topic("orders", partitions=4)
class Checkout(ProducerUser):
    topic = orders
    rate = "{rate}"
    payload = payloads.constant(size="100B")
    {more}
class Billing(ConsumerUser):
    topic = orders
"""
TARGET = """
name = "staging"
[client]
"bootstrap.servers" = "127.0.0.1:1"
{client}
{limits}
"""
LIMITS = '[limits]\nmax_rate = "50MB/s"\nmax_bytes = "1GB"\nmax_partitions = 100'


def write(path: Path, text: str) -> str:
    """Write a file and return its path as text."""
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return str(path)


def files(folder: Path) -> Path:
    """Return a folder with scenarios and targets, right and wrong."""
    write(folder / "good.py", SCENARIO.format(rate="1k/s", more=""))
    write(folder / "unknown_field.py", SCENARIO.format(rate="1k/s", more="rat = 5"))
    write(folder / "wrong_unit.py", SCENARIO.format(rate="1 parsec", more=""))
    write(folder / "negative.py", SCENARIO.format(rate="-5/s", more=""))
    write(folder / "empty_class.py", "from loadkit import ProducerUser\nclass Nothing(ProducerUser):\n    pass\n")
    write(folder / "no_class.py", "x = 1\n")
    write(folder / "syntax.py", "from loadkit import ProducerUser\nclass (\n")
    write(folder / "raises.py", "x = 1\ny = x / 0\n")
    write(folder / "unlimited.toml", TARGET.format(client="", limits=""))
    write(folder / "literal.toml", TARGET.format(client='"sasl.password" = "hunter2"', limits=LIMITS))
    write(folder / "twice.toml", TARGET.format(client='"metadata.broker.list" = "127.0.0.1:1"', limits=LIMITS))
    write(folder / "unknown_key.toml", TARGET.format(client='"linger.mss" = 5', limits=LIMITS))
    write(folder / "broken.toml", "name = \n")
    write(folder / "a_file", "not a folder")
    (folder / "full").mkdir()
    write(folder / "full" / "something", "here already")
    return folder


WRONG = {
    # name: (arguments, exit code, what the one error must say)
    "unknown field": ("run unknown_field.py --target simulated", 2, ["Checkout.rat", "'rate'"]),
    "wrong unit": ("run wrong_unit.py --target simulated", 2, ["Checkout.rate", "'1 parsec'", "20k/s"]),
    "negative rate": ("run negative.py --target simulated", 2, ["Checkout.rate", "0 or more"]),
    "empty class": ("run empty_class.py --target simulated", 2, ["Nothing.topic", "missing"]),
    "no user class": ("run no_class.py --target simulated", 2, ["no ProducerUser or ConsumerUser"]),
    "syntax error": ("run syntax.py --target simulated", 2, ["syntax.py:2"]),
    "error in the scenario": ("run raises.py --target simulated", 2, ["raises.py:2", "ZeroDivisionError"]),
    "no such scenario": ("run nowhere.py --target simulated", 2, ["nowhere.py", "loadkit init scenario"]),
    "unknown target": ("run good.py --target simulatde", 2, ["simulatde", "simulated"]),
    "unknown parameter": ("run good.py --target simulated?service_rat=5", 2, ["service_rat", "service_rate"]),
    "no limits": ("run good.py --target unlimited.toml", 2, ["[limits]", "max_rate"]),
    "literal secret": ("run good.py --target literal.toml", 2, ["sasl.password", "${"]),
    "two spellings": ("run good.py --target twice.toml", 2, ["bootstrap.servers", "metadata.broker.list"]),
    "unknown property": ("run good.py --target unknown_key.toml", 2, ["linger.mss", "linger.ms"]),
    "broken target": ("run good.py --target broken.toml", 2, ["broken.toml"]),
    "set without value": ("run good.py --target simulated --set Checkout.rate", 2, ["PATH=VALUE"]),
    "set unknown path": ("run good.py --target simulated --set Chekout.rate=5", 2, ["Chekout.rate", "Checkout.rate"]),
    "set wrong value": ("run good.py --target simulated --set Checkout.rate=fast", 2, ["Checkout.rate", "'fast'"]),
    "set a secret": ("run good.py --target simulated --set Checkout.config.sasl.password=x", 2, ["sasl.password"]),
    "set unknown property": ("run good.py --target simulated --set linger.mz=5", 2, ["linger.mz"]),
    "wrong duration": ("run good.py --target simulated --duration 5parsec", 2, ["5parsec", "30s"]),
    "out holds something": ("run good.py --target simulated --out full", 2, ["full", "not empty"]),
    "out is a file": ("run good.py --target simulated --out a_file", 2, ["a_file", "is a file"]),
    "wrong slo": ("run good.py --target simulated --slo latency", 2, ["latency.p99 < 20ms"]),
    "unknown metric": ("run good.py --target simulated --slo latencyy.p99<5ms", 2, ["latencyy.p99", "latency.p99"]),
    "unknown flag": ("run good.py --targett simulated", 2, ["--targett"]),
    "fault elsewhere": ("run good.py --target simulated --fault 'kill broker 1 at 1s for 1s'", 2, ["--target embedded"]),
    "fault of nobody": ("run good.py --target embedded --fault 'kill broker 2 at 1s for 1s'", 2, ["no such broker"]),
    "late fault": ("run good.py --target embedded --fault 'pause broker 1 at 29s for 2s'", 2, ["longer --duration"]),
    "wrong fault": ("run good.py --target embedded --fault 'stop broker 1'", 2, ["broker N at TIME for TIME"]),
    "no result": ("report nowhere", 2, ["nowhere", "no result"]),
    "unknown template": ("init scenrio", 2, ["'scenario'"]),
}  # fmt: skip


@ahead
def refused(folder: Path) -> tuple[Path, dict[str, Done]]:
    """Return a folder and what every wrong command did in it."""
    return folder, run_all({name: shlex.split(case[0]) for name, case in WRONG.items()}, files(folder), 300)


@pytest.fixture(scope="module")
def wrong(refused: tuple[Path, dict[str, Done]]) -> dict[str, Done]:
    """Return what every wrong command did."""
    return refused[1]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_command_names_the_place_and_the_way_out(wrong: dict[str, Done], name: str) -> None:
    """Bad input is one clear error with the exit code of the design, never a traceback."""
    _, code, parts = WRONG[name]

    assert wrong[name].code == code, wrong[name].err
    assert wrong[name].err.count("error:") == 1
    for part in parts:
        assert part in wrong[name].err
    assert "Traceback" not in wrong[name].err + wrong[name].out
    assert "hunter2" not in wrong[name].err + wrong[name].out


def test_a_wrong_command_leaves_no_result(refused: tuple[Path, dict[str, Done]]) -> None:
    """What is refused before the load begins writes nothing."""
    assert refused[1]
    assert not (refused[0] / "reports").exists()


@ahead
def ran(folder: Path) -> tuple[Path, dict[str, Done]]:
    """Return a folder and what commands that work did in it."""
    run = "run good.py --target simulated --duration 5s --json --out".split()
    return folder, run_all({
        "plain": [*run, "plain"],
        "again": [*run, "again"],
        "same folder": [*run, "plain"],
        "set": [*run, "set", "--set", "Checkout.rate=2k/s", "--set", "linger.ms=0", "--set", "orders.partitions=2"],
        "messages": [*run, "messages", "--messages", "1234", "--set", "Checkout.arrivals=poisson"],
        "slo holds": [*run, "slo1", "--slo", "latency.p99 < 1s", "--slo", "errors == 0"],
        "slo fails": [*run, "slo2", "--slo", "latency.p99 < 1us"],
        "slo unknown": [*run, "slo3", "--slo", "commit.p99 < 1s"],
        "slo p99.5": [*run, "slo4", "--slo", "latency.p99.5 < 1s"],
        "pause": [*"run good.py --target simulated?pause=8s:2s&request_overhead=0s --duration 20s --json --out pause".split()],
        "overload": [*"run good.py --target simulated?service_rate=500 --duration 5s --json --out over".split(), "--set", "linger.ms=0"],
        "generator": [*"run good.py --target simulated?generator_rate=500 --duration 5s --json --out generator".split()],
        "loss": [*"run good.py --target simulated?lose=1% --duration 5s --json --out loss".split()],
        "duplicates": [*"run good.py --target simulated?duplicate=1% --duration 5s --json --out duplicates".split()],
        "errors": [*"run good.py --target simulated?errors=1% --duration 5s --json --out errors".split()],
        "report": ["report", "plain", "--json"],
        "table": ["report", "plain"],
    }, files(folder), 300)  # fmt: skip


place, right = parts("ran", "place", "right")


def document(done: Done) -> dict:
    """Return the one JSON document on stdout."""
    assert done.out, done.err
    return json.loads(done.out)


def test_json_is_one_document_of_the_contract(right: dict[str, Done], place: Path) -> None:
    """stdout holds one document with every word of the contract; the page and files are there."""
    made = document(right["plain"])

    assert right["plain"].code == 0
    assert {"schema", "command", "status", "limit", "verdict", "metrics", "withheld", "warnings", "out"} <= set(made)
    assert (made["schema"], made["command"], made["status"], made["verdict"]) == (1, "run", "complete", None)
    assert made["metrics"]["offered"] == 1000.0
    for name, value in made["metrics"].items():
        assert (value is None) == (name in made["withheld"]), name
    for name in ("result.json", "histograms.hlog", "series.jsonl", "series.parquet", "report.html"):
        assert (place / "plain" / name).stat().st_size


def test_a_simulated_run_repeats_exactly(right: dict[str, Done]) -> None:
    """The same scenario, seed and target give the same numbers."""
    assert document(right["plain"])["metrics"] == document(right["again"])["metrics"]


def test_a_folder_with_a_run_is_refused(right: dict[str, Done]) -> None:
    """A result is never overwritten."""
    assert right["same folder"].code == 2
    assert "holds another run" in right["same folder"].err


def test_set_reaches_scenario_client_and_topic(right: dict[str, Done], place: Path) -> None:
    """`--set` moves the class's rate, a bare client property and the topic's partitions."""
    facts = json.loads((place / "set" / "result.json").read_text())

    assert document(right["set"])["metrics"]["offered"] == 2000.0
    assert facts["scenario"]["declared"]["producers"][0]["config"]["linger.ms"] == "0"
    assert len(facts["integrity"]["partitions"]) == 2


def test_messages_are_counted_exactly(right: dict[str, Done], place: Path) -> None:
    """`--messages N` sends N, also with random arrivals."""
    facts = json.loads((place / "messages" / "result.json").read_text())

    assert facts["totals"]["Checkout"]["due"] == 1234
    assert facts["totals"]["Checkout"]["acked"] == 1234


def test_an_objective_decides_the_exit_code(right: dict[str, Done]) -> None:
    """A failed SLO is exit 1 and nothing else is; a withheld metric is no pass."""
    found = {
        name: (right[name].code, document(right[name])["verdict"])
        for name in ("slo holds", "slo fails", "slo unknown", "slo p99.5")
    }

    assert found == {
        "slo holds": (0, "pass"),
        "slo fails": (1, "fail"),
        "slo unknown": (0, "inconclusive"),
        "slo p99.5": (0, "pass"),
    }


def test_a_stall_is_in_the_percentiles(right: dict[str, Done]) -> None:
    """A 2 s stall in 20 s at a steady rate: the messages due in it waited evenly from 2 s down to 0."""
    metrics = document(right["pause"])["metrics"]

    # a tenth of all messages is due in the stall, so the top 5 % waited more than 1.0 s, the top 1 % more than 1.8 s
    base = metrics["latency.p50"]
    assert math.isclose(metrics["latency.p95"], 1.0, abs_tol=base + 0.02)
    assert math.isclose(metrics["latency.p99"], 1.8, abs_tol=base + 0.02)
    assert math.isclose(metrics["latency.max"], 2.0, abs_tol=base + 0.02)


def test_the_limit_is_named(right: dict[str, Done]) -> None:
    """An overloaded cluster and a slow generator are told apart; neither is called a success."""
    limits = {name: document(right[name])["limit"] for name in ("plain", "overload", "generator")}

    assert limits == {"plain": "none", "overload": "cluster", "generator": "generator"}
    assert "generator_limited" in {warning["code"] for warning in document(right["generator"])["warnings"]}


def test_loss_duplicates_and_errors_are_counted_exactly(right: dict[str, Done]) -> None:
    """One message in a hundred of 5,000."""
    found = {name: document(right[name])["metrics"] for name in ("plain", "loss", "duplicates", "errors")}

    assert [found[name]["lost"] for name in found] == [0, 50, 0, 0]
    assert [found[name]["duplicated"] for name in found] == [0, 0, 50, 0]
    assert [found[name]["errors"] for name in found] == [0, 0, 0, 50]


def test_report_makes_the_same_numbers_from_the_files(right: dict[str, Done]) -> None:
    """`loadkit report` computes what the run printed, from what it left."""
    assert document(right["report"])["metrics"] == document(right["plain"])["metrics"]
    assert "p99" in right["table"].out


@pytest.mark.parametrize(("slo", "code"), [("latency.p50 < 9s", 0), ("latency.p50 < 1us", 1)])
def test_a_reader_that_goes_away_changes_no_exit_code(slo: str, code: int, tmp_path: Path) -> None:
    """`loadkit run ... | head`: 1 is a judgement that failed and nothing else, so a closed pipe is not that."""
    scenario = write(tmp_path / "one.py", SCENARIO.format(rate="200/s", more=""))
    words = ["run", scenario, "--target", "simulated", "--duration", "2s", "--slo", slo, "--out", str(tmp_path / "out")]
    command = [sys.executable, "-m", "loadkit", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stderr.close()
        assert process.wait(100) == code
    assert json.loads((tmp_path / "out" / "result.json").read_text())["status"] == "complete"
    assert (tmp_path / "out" / "report.html").exists()


def test_every_template_runs(tmp_path: Path) -> None:
    """`loadkit init` writes a scenario that runs and a target file that is checked, and never overwrites."""
    done = run_all({
        "scenario": ["init", "scenario"], "target": ["init", "target"], "twice": ["init", "target"],
        "run": "run scenario.py --target simulated --duration 2s --out out".split(),
        "doctor": "doctor --target target.toml --offline".split(),
    }, tmp_path, STAGING_USER="u", STAGING_PASSWORD="p")  # fmt: skip

    assert (done["scenario"].code, done["target"].code, done["twice"].code) == (0, 0, 2)
    assert done["run"].code == 0, done["run"].err
    assert done["doctor"].code in (0, 3), done["doctor"].err


def test_help_is_complete() -> None:
    """Every command explains itself."""
    names = ["run", "report", "doctor", "init", "clean", "cluster"]
    done = run_all({name: [name, "--help"] for name in names}, ROOT)

    assert all(done[name].code == 0 and len(done[name].out) > 100 for name in names)
