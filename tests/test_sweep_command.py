"""`loadkit sweep` as a user types it, on the simulated target: what it leaves, what it refuses, and how it goes on."""

from __future__ import annotations

import csv
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ahead import ahead, parts
from commands import Done, run_all
from running import Command, Ended, refused

SCENARIO = """
from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads
orders = Topic("orders", partitions=4)
class Checkout(ProducerUser):
    topic = orders
    rate = "500/s"
    key = keys.uniform(100)
    payload = payloads.constant(size="100B")
class Billing(ConsumerUser):
    topic = orders
"""
TARGET = """
name = "staging"
[client]
"bootstrap.servers" = "127.0.0.1:1"
[topics]
{topics}
[limits]
max_rate = "50MB/s"
max_bytes = "1MB"
max_partitions = 100
"""
FILE = """
scenario = "good.py"
target = "simulated"
duration = "2s"
slo = ["errors == 0"]
[vary]
linger.ms = [0, 5]
[set]
"Checkout.rate" = "200/s"
"""
VARY = "--vary linger.ms=0,5,20 --vary acks=all,1 --vary compression.type=none,lz4"
WRONG = {
    # name: (arguments, what the one error must say)
    "unknown objective": ("--vary linger.ms=0,5 --objective latncy.p99", ["latncy.p99", "'latency.p99'"]),
    "unknown metric in an SLO": ("--vary linger.ms=0,5 --slo latncy.p99<5ms", ["latncy.p99", "'latency.p99'"]),
    "SLO of nobody": ("--vary linger.ms=0,5 --slo Chekout.latency.p99<5ms", ["'Chekout'", "'Checkout'"]),
    "contradictory SLOs": ("--vary linger.ms=0,5 --slo latency.p99<5ms --slo latency.p50>1s", ["contradict"]),
    "unknown property": ("--vary linger.mss=0,5", ["linger.mss", "'linger.ms'"]),
    "unknown class": ("--vary Chekout.rate=1/s,2/s", ["Chekout.rate", "'Checkout.rate'"]),
    "unknown field": ("--vary Checkout.rat=1/s,2/s", ["Checkout.rat", "'rate'"]),
    "wrong unit": ("--vary batch.size=16KiB,3parsec", ["batch.size", "3parsec", "KiB"]),
    "wrong unit of a rate": ("--vary Checkout.rate=1/s,5furlong", ["Checkout.rate", "5furlong"]),
    "topic property with a unit": ("--vary orders.config.retention.ms=1h,2h", ["retention.ms", "whole number"]),
    "nothing varies": ("", ["grid is empty", "--vary"]),
    "axis without values": ("--vary linger.ms=", ["linger.ms", "empty"]),
    "axis given twice": ("--vary linger.ms=0,5 --vary linger.ms=7", ["linger.ms", "twice"]),
    "value given twice": ("--vary linger.ms=0,5,5", ["linger.ms", "twice"]),
    "grid too large": (
        "--vary linger.ms=" + ",".join(map(str, range(101))) + " --vary seed=" + ",".join(map(str, range(100))),
        ["10,100 points", "--budget"],
    ),
    "no point can work": (
        "--vary linger.ms=5,20 --set delivery.timeout.ms=1s --set request.timeout.ms=1000",
        ["no point", "delivery.timeout.ms", "linger.ms"],
    ),
    "versions of what has none": ("--target simulated --vary target.version=3.9.1,4.0.0", ["target.version", "embedded"]),
    "not a version": ("--vary target.version=3.9.1,4.1 --target embedded", ["4.1", "version of Kafka"]),
    "max without SLO": ("--vary linger.ms=0,5 --objective max", ["--slo"]),
    "too many partitions": (
        "--target small.toml --vary orders.partitions=6,500", ["orders.partitions=500", "max_partitions", "500"],
    ),
    "too many bytes": ("--target small.toml --vary linger.ms=0,5 --duration 1h", ["max_bytes"]),
    "more copies than brokers": ("--target copies.toml --vary linger.ms=0,5", ["replication_factor = 3", "brokers = 1"]),
    "no such scenario": ("nowhere.toml", ["nowhere.toml", "loadkit init sweep"]),
    "file with an unknown key": ("unknown.toml", ["unknown.toml", "'repaets'", "'repeats'"]),
    "file whose axis is no list": ("scalar.toml", ["linger.ms", "[5]"]),
    "another sweep's folder": ("--vary linger.ms=0,7 --target simulated --out grid", ["another sweep", "linger.ms=0,5,20"]),
    "another target in its folder": (f"{VARY} --repeats 2 --duration 2s --target simulated?seed=4 --out grid", ["another sweep", "simulated?seed=4"]),
    "something else in its folder": ("--vary linger.ms=0,7 --target simulated --out full", ["something else"]),
}  # fmt: skip


def _files(folder: Path) -> None:
    for name, text in {
        "good.py": SCENARIO, "sweep.toml": FILE, "unknown.toml": FILE.replace("duration", "repaets"),
        "scalar.toml": FILE.replace("[0, 5]", "5"),
        "small.toml": TARGET.format(topics=""),
        "copies.toml": TARGET.format(topics="replication_factor = 3\n[cluster]\nbrokers = 1"),
    }.items():  # fmt: skip
        (folder / name).write_text(text)
    (folder / "full").mkdir()
    (folder / "full" / "something").write_text("here already")


def _words(arguments: str) -> list[str]:
    words = arguments.split()
    return ["sweep", *([] if words and words[0].endswith(".toml") else ["good.py"]), *words]


@ahead
def ran(folder: Path) -> tuple[Path, dict[str, Done]]:
    """Return a folder with scenarios, sweeps and targets, and what every command did in it that is not killed."""
    _files(folder)
    grid = f"{VARY} --repeats 2 --duration 2s --target simulated --out grid --json"
    commands = {
        "grid": _words(grid), "again": _words(grid),
        "report": ["report", "grid", "--json"],
        "dry": _words(f"{VARY} --vary max.in.flight=5,10 --set enable.idempotence=true --dry-run --json"),
        "file": _words("sweep.toml --repeats 2 --out file --json"),
        "strict": _words("--vary linger.ms=5,20 --target simulated --duration 2s --slo latency.p99<1ms --out strict --json"),
        "init": ["init", "sweep", "mine.toml"],
        **{name: _words(words) for name, (words, _) in WRONG.items()},
    }  # fmt: skip
    return folder, run_all(commands, folder, 300, LOADKIT_STATE=str(folder / "state"))


place, done = parts("ran", "place", "done")


def test_every_point_is_tried_in_every_repeat(done: dict[str, Done], place: Path) -> None:
    """The document, `sweep.json` and the table tell the same; unsafe points are measured and marked."""
    assert done["grid"].code == 0, done["grid"].err
    document, data = json.loads(done["grid"].out), json.loads((place / "grid" / "sweep.json").read_text())
    assert data["status"] == document["status"] == "complete"
    assert len(data["points"]) == 12
    tried = [(trial["point"], trial["repeat"]) for trial in data["trials"]]
    base = next(point["id"] for point in data["points"] if point["base"])
    assert {(point["id"], repeat) for point in data["points"] for repeat in (0, 1)} <= set(tried)
    assert {point for point, repeat in tried if repeat > 1} == {base}
    assert [trial["index"] for trial in data["trials"]] == list(range(len(tried)))
    assert {point["settings"]["acks"] for point in data["points"] if not point["safe"]} == {1}
    assert data["base"] == {"linger.ms": 5, "acks": "all", "compression.type": "none"}, "the scenario's own values"
    with (place / "grid" / "sweep.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(tried)


def test_best_is_a_safe_point(done: dict[str, Done]) -> None:
    """An unsafe point has lower latency here, and is not named."""
    document = json.loads(done["grid"].out)
    by_id = {point["id"]: point for point in document["points"]}
    latency = {name: point["metrics"]["latency.p99"] for name, point in by_id.items()}
    best = document["best"]
    assert by_id[best]["safe"]
    assert latency[best] == document["metrics"]["latency.p99"] == min(latency[n] for n, p in by_id.items() if p["safe"])
    assert min(latency.values()) < latency[best]


def test_a_trial_inside_a_sweep_has_no_page(place: Path, done: dict[str, Done]) -> None:
    """It has all the files of a trial but the page."""
    trials = sorted((place / "grid" / "trials").iterdir())
    assert {path.name for path in trials[0].iterdir()} == {
        "result.json",
        "histograms.hlog",
        "series.jsonl",
        "series.parquet",
    }
    assert not list((place / "grid" / "trials").glob("*/report.html"))


def test_a_finished_sweep_only_renders(done: dict[str, Done]) -> None:
    """The same command again runs nothing and says the same."""
    assert (done["again"].code, done["again"].out) == (0, done["grid"].out)
    assert (done["report"].code, done["report"].out) == (0, done["grid"].out)
    assert "going on" not in done["again"].err


def test_a_dry_run_says_what_it_would_do(done: dict[str, Done], place: Path) -> None:
    """Points, those that cannot work with the reason, the time with its model, and the bytes; nothing is made."""
    assert done["dry"].code == 0, done["dry"].err
    document = json.loads(done["dry"].out)
    invalid = [point for point in document["points"] if point["invalid"]]
    assert len(document["points"]) == 24
    assert {(p["settings"]["max.in.flight"], p["settings"]["acks"]) for p in invalid} == {(10, "all"), (10, 1), (5, 1)}
    assert all("enable.idempotence" in point["invalid"] for point in invalid)
    assert document["trials"] == len(document["order"]) == 6 + 1
    assert document["seconds"] == pytest.approx(7 * (2 + 12 + 30 + 2) + 20)
    assert document["bytes"] == pytest.approx(7 * 500 * 42 * 100, rel=1e-3)
    assert "connect 2 s" in document["model"]
    assert "cannot work" in done["dry"].err
    assert not (place / "reports").exists()


def test_a_file_says_the_same_as_flags(done: dict[str, Done], place: Path) -> None:
    """A dotted path in TOML needs no quotes; a flag is stronger than the file."""
    assert done["file"].code == 0, done["file"].err
    data = json.loads((place / "file" / "sweep.json").read_text())
    assert data["axes"] == [{"path": "linger.ms", "values": [0, 5]}]
    assert (data["repeats"], data["duration"], data["slo"]) == (2, 2.0, ["errors == 0"])
    assert json.loads(done["file"].out)["verdict"] == "pass"
    result = json.loads((place / "file" / "trials" / "p000-0" / "result.json").read_text())
    assert result["totals"]["Checkout"]["due"] == 400


def test_an_slo_that_no_safe_point_keeps_is_exit_code_1(done: dict[str, Done]) -> None:
    """The judgement failed; the measuring did not."""
    document = json.loads(done["strict"].out)
    assert (done["strict"].code, document["verdict"], document["best"], document["status"]) == (
        1,
        "fail",
        None,
        "complete",
    )
    assert document["metrics"]["latency.p99"] is None
    assert document["withheld"]["latency.p99"]


def test_a_sweep_to_start_from_is_read_by_the_command(done: dict[str, Done], place: Path) -> None:
    """`loadkit init sweep` writes one that only lacks its scenario."""
    assert done["init"].code == 0
    (place / "scenario.py").write_text(SCENARIO)
    answer = run_all({"dry": ["sweep", "mine.toml", "--dry-run"]}, place)["dry"]
    assert answer.code == 0, answer.err
    assert "12 points" in answer.out


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_work_is_refused_in_one_sentence(name: str, done: dict[str, Done]) -> None:
    """Exit code 2 before any load, naming the place and the way out."""
    said = [line for line in done[name].err.splitlines() if line.startswith("error:")]
    assert (done[name].code, len(said)) == (2, 1), done[name].err
    for words in WRONG[name][1]:
        assert words in done[name].err


# killed, interrupted, and gone on with


def begin(
    place: Path, out: Path, target: str, duration: str, vary: str = "linger.ms=0,5 acks=all,1", code: str | None = None
) -> Command:
    """Return a small sweep under way."""
    axes = [word for axis in vary.split() for word in ("--vary", axis)]
    repeats = str(len(axes) // 2)
    return Command(
        out, "sweep", str(place / "good.py"), "--target", target, *axes, "--repeats", repeats, "--duration", duration,
        "--warmup", "0s", "--out", str(out), "--json", code=code,
    )  # fmt: skip


def trials(out: Path) -> dict[tuple[str, int], Any]:
    """Return what each trial measured, by point and repeat, and fail when one stands twice."""
    data = json.loads((out / "sweep.json").read_text())
    found = {(t["point"], t["repeat"]): (t["index"], t["status"], t["metrics"]) for t in data["trials"]}
    assert len(found) == len(data["trials"])
    return found


def until(out: Path, folders: int) -> Callable[[], bool]:
    """Return what is true once so many trials have begun."""
    return lambda: len(list((out / "trials").glob("*"))) >= folders


def test_killed_at_any_instant_it_goes_on_where_it_was(place: Path, tmp_path: Path) -> None:
    """Three times kill -9, then to the end: the same trials in the same order with the same numbers as at one go."""
    whole = begin(place, tmp_path / "whole", "simulated", "20s").ended()
    assert whole.code == 0, whole.stderr
    out = tmp_path / "killed"
    for folders in (1, 2, 4):
        with begin(place, out, "simulated", "20s") as command:
            command.until(until(out, folders), f"trial {folders}")
            time.sleep(0.03 * folders)
            command.signal(signal.SIGKILL)
            command.process.wait()
        left = [json.loads(path.read_text())["status"] for path in out.glob("trials/*/result.json")]
        assert left.count("running") <= 1
    ended = begin(place, out, "simulated", "20s").ended()
    assert ended.code == 0, ended.stderr
    assert "going on" in ended.stderr
    assert trials(out) == trials(tmp_path / "whole")
    assert len(trials(out)) == 9
    assert sorted(path.name for path in (out / "trials").iterdir()) == sorted(
        path.name for path in (tmp_path / "whole" / "trials").iterdir()
    )


@pytest.mark.long
def test_a_trial_that_ended_unheard_is_counted_once(place: Path, tmp_path: Path) -> None:
    """The process may die between a trial's last byte and `sweep.json`: its folder is the truth."""
    out = tmp_path / "unheard"
    begin(place, out, "simulated", "10s").ended()
    data = json.loads((out / "sweep.json").read_text())
    before = trials(out)
    (out / "sweep.json").write_text(json.dumps({**data, "status": "running", "trials": data["trials"][:4]}))
    torn = out / "trials" / "p003-1"
    result = json.loads((torn / "result.json").read_text())
    (torn / "result.json").write_text(json.dumps({**result, "status": "running"}))
    ended = begin(place, out, "simulated", "10s").ended()
    assert ended.code == 0, ended.stderr
    after = trials(out)
    assert {key: value[1:] for key, value in after.items()} == {key: value[1:] for key, value in before.items()}
    assert sorted(value[0] for value in after.values()) == list(range(9))


def hunt(place: Path, out: Path) -> Command:
    """Return a sweep that searches for the highest rate at each of two points under way."""
    return Command(
        out, "sweep", str(place / "good.py"), "--target", "simulated?service_rate=5k/s", "--vary", "linger.ms=0,20",
        "--objective", "max", "--slo", "latency.p99 < 100ms", "--duration", "4s", "--out", str(out), "--json",
    )  # fmt: skip


@pytest.mark.long
def test_a_search_at_each_point_names_the_highest_rate_and_goes_on_when_killed(place: Path, tmp_path: Path) -> None:
    """Lingering makes batches, so the cluster takes more; a search that was killed goes on with its next trial."""
    whole = hunt(place, tmp_path / "whole").ended()
    assert whole.code == 0, whole.stderr
    points = {point["settings"]["linger.ms"]: point for point in whole.document["points"]}
    rates = {linger: point["metrics"]["max_rate"] for linger, point in points.items()}
    assert whole.document["best"] == points[20]["id"]
    assert whole.document["metrics"]["max_rate"] == rates[20] > 1.2 * rates[0]
    assert not list((tmp_path / "whole" / "trials").rglob("report.html"))
    out = tmp_path / "killed"
    with hunt(place, out) as command:
        command.until(lambda: len(list(out.glob("trials/*/trials/*"))) >= 4, "the fourth trial")
        command.signal(signal.SIGKILL)
        command.process.wait()
    done = {path: path.stat().st_mtime for path in out.glob("trials/*/trials/00[0-2]*/result.json")}
    assert len(done) == 3
    again = hunt(place, out).ended()
    assert again.code == 0, again.stderr
    assert {path: path.stat().st_mtime for path in done} == done, "what had ended is not run again"
    assert trials(out) == trials(tmp_path / "whole")


SECOND = """
import os, signal
from loadkit import cli, session, trial  # session first: it brings Locust
tick, sent = trial.Trial._tick, []
def ticked(self, phase, total):
    if phase == "measure" and self.options.facts["sweep"]["index"] == 1 and not sent:
        self._wait(0.5)
        sent.append(os.kill(os.getpid(), signal.SIGINT))
    tick(self, phase, total)
trial.Trial._tick = ticked
cli.main()
"""
"""A command that hears Ctrl-C half a second into its second trial."""


def interrupted(place: Path, out: Path) -> Ended:
    """Return a sweep on the simulated sink that got Ctrl-C in its second trial."""
    with begin(place, out, "simulated?sink=1", "1.5s", "linger.ms=0,5", code=SECOND) as command:
        return command.ended()


def test_ctrl_c_finishes_the_trial_in_good_order_and_stops(place: Path, tmp_path: Path) -> None:
    """Exit code 130 with the table of what there is; started again, the interrupted trial is run anew."""
    out = tmp_path / "interrupted"
    ended = interrupted(place, out)
    assert ended.code == 130, ended.stderr
    data = json.loads((out / "sweep.json").read_text())
    assert data["status"] == "interrupted"
    assert [trial["status"] for trial in data["trials"]] == ["complete", "interrupted"]
    assert "Interrupted: 2 of 3 trials" in " ".join(ended.stderr.split())
    again = begin(place, out, "simulated?sink=1", "1.5s", "linger.ms=0,5").ended()
    assert again.code == 0, again.stderr
    found = trials(out)
    assert [status for _, status, _ in found.values()] == ["complete"] * 3


def test_two_sweeps_do_not_share_a_folder(place: Path, tmp_path: Path) -> None:
    """The second is refused while the first runs."""
    out = tmp_path / "shared"
    with begin(place, out, "simulated?sink=1", "20s") as first:
        first.until(until(out, 1), "the first trial")
        axes = ["--vary", "linger.ms=0,5"]
        second = Command(
            tmp_path / "second", "sweep", str(place / "good.py"), *axes, "--target", "simulated", "--out", str(out)
        )
        refused(second.ended(), 2, "a sweep is running in it")
