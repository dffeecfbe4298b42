"""`loadkit gate` as a user types it, on the simulated target."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ahead import ahead, parts
from checkout import SCENARIO, TARGET
from commands import ROOT, Done, run_all

from loadkit import gate_host

SLOWER = "simulated?service_rate=1k/s&noise=0.2"
SLOWEST = "simulated?service_rate=850/s&noise=0.2"
LIMITED = "simulated?generator_rate=500"
BOTH = ["--baseline", TARGET, "--candidate", TARGET, "--duration", "2s", "--json"]
GATE = ["gate", "orders.py", *BOTH, "--fail-if", "latency.p50 > +10%"]

WRONG = {
    # name: (arguments, exit code, what the one error must say)
    "no threshold": (["gate", "orders.py", *BOTH], 2, ["--fail-if", "latency.p99 > +10%"]),
    "no such metric": (["gate", "orders.py", *BOTH, "--fail-if", "latenzy.p99 > +10%"], 2, ["latency.p99"]),
    "no scenario": (["gate", "order.py", *BOTH, "--fail-if", "latency.p50 > +10%"], 2, ["order.py", "no such file"]),
    "no such target": (
        ["gate", "orders.py", "--candidate", "simulated?servicerate=1", "--fail-if", "latency.p50 > +1%"], 2,
        ["service_rate"],
    ),
    "no such path": ([*GATE, "--candidate-set", "Checkout.rat=5"], 2, ["Checkout.rat"]),
    "one side lacks it": (
        ["gate", "orders.py", *BOTH, "--fail-if", "end_to_end.p99 > +10%"], 2, ["the baseline has no end_to_end.p99"],
    ),
    "nothing is a share of zero": ([*GATE, "--fail-if", "errors > +10%"], 2, ["errors is 0", "errors > 1"]),
    "no messages": ([*GATE, "--candidate-set", "Checkout.rate=0"], 3, ["the candidate moved no message"]),
    "no such python": ([*GATE, "--candidate-env", "/no/such/python"], 2, ["--candidate-env", "/no/such/python"]),
    "no such revision": ([*GATE, "--candidate-rev", "no-such-rev"], 2, ["--candidate-rev no-such-rev"]),
    "tight budget": (
        ["gate", "orders.py", "--budget", "30s", "--fail-if", "latency.p50 > +10%"], 2, ["under 7", "at least"],
    ),
    "max_rate of nothing": ([*GATE[:-2], "--fail-if", "max_rate < -5%"], 2, ["--slo 'latency.p99 < 20ms'"]),
    "slo of nothing": ([*GATE, "--slo", "latency.p99 < 20ms"], 2, ["--slo", "max_rate < -5%"]),
    "slo of a count": (
        [*GATE[:-2], "--fail-if", "max_rate < -5%", "--slo", "errors < 1"], 2, ["an upper bound", "--full"],
    ),
    "other gate": ([*GATE, "--max-pairs", "1", "--out", "first", "--seed", "7"], 2, ["holds another gate", "--seed"]),
    "of a run": ([*GATE, "--out", "run"], 2, ["holds something else"]),
}  # fmt: skip
COMMANDS = {
    "same": [*GATE, "--out", "same"],
    "again": [*GATE, "--out", "same"],
    "slower": ["gate", "orders.py", "--baseline", TARGET, "--candidate", SLOWER, "--duration", "2s", "--json",
               "--fail-if", "latency.p50 > +10%", "--fail-if", "throughput < -5%", "--out", "slower"],
    "linger": [*GATE, "--candidate-set", "linger.ms=2", "--out", "linger"],
    "quicker": [*GATE, "--baseline-set", "linger.ms=2", "--out", "quicker"],
    "few": [*GATE, "--max-pairs", "3", "--out", "few"],
    "absolute": ["gate", "orders.py", *BOTH, "--fail-if", "latency.p50 > 1us", "--out", "absolute"],
    "generator": ["gate", "orders.py", "--baseline", TARGET, "--candidate", LIMITED, "--duration", "2s", "--json",
                  "--fail-if", "throughput < -5%", "--out", "generator"],
    "capacity": ["gate", "orders.py", "--baseline", SLOWER, "--candidate", SLOWEST, "--duration", "2s", "--json",
                 "--fail-if", "max_rate < -5%", "--slo", "latency.p95 < 20ms", "--max-pairs", "7", "--out", "capacity"],
    "text": ["gate", "orders.py", *BOTH[:-1], "--fail-if", "latency.p50 > +10%", "--max-pairs", "7", "--out", "text"],
    "report": ["report", "same"],
}  # fmt: skip
REFUSED = {
    "run": ["run", "orders.py", "--target", "simulated", "--duration", "1s", "--out", "run"],
    "few first": [*GATE, "--max-pairs", "1", "--out", "first"],
    **{name: words if "--out" in words else [*words, "--out", name] for name, (words, _, _) in WRONG.items()},
}


def repository(folder: Path) -> Path:
    """Return a folder with a scenario, of a git repository with one commit."""
    (folder / "orders.py").write_text(SCENARIO)
    git(folder, "init", "--quiet")
    git(folder, "add", "orders.py")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "first")
    return folder


def git(folder: Path, *words: str) -> None:
    """Run git in a folder."""
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


@ahead
def gates(folder: Path) -> tuple[Path, dict[str, Done]]:
    """Return the folder of a repository, and what every command did in it."""
    env = {
        "LOADKIT_STATE": str(folder / "state"),
        "GITHUB_STEP_SUMMARY": str(folder / "step.md"),
        "GITHUB_ACTIONS": "true",
    }
    return folder, run_all(COMMANDS, repository(folder), 500, **env)


place, done = parts("gates", "place", "done")


@ahead
def refusals(folder: Path) -> tuple[Path, dict[str, Done]]:
    """Return the folder of another repository, and what every command did in it that cannot work."""
    return folder, run_all(REFUSED, repository(folder), 500, LOADKIT_STATE=str(folder / "state"))


@pytest.fixture(scope="module")
def refused(refusals: tuple[Path, dict[str, Done]]) -> dict[str, Done]:
    """Return what every command did that cannot work."""
    return refusals[1]


def document(done: dict[str, Done], name: str) -> dict[str, Any]:
    """Return what a command printed."""
    assert done[name].out, done[name].err
    found: dict[str, Any] = json.loads(re.sub(r"^::.*\n", "", done[name].out, flags=re.M))
    return found


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_cannot_work_says_why_in_one_error(refused: dict[str, Done], name: str) -> None:
    _, code, says = WRONG[name]
    done = refused
    assert done[name].code == code, done[name].err
    error = done[name].err[done[name].err.index("error: ") :]
    assert all(part in error for part in says), error


@pytest.mark.parametrize(
    ("name", "code", "verdict", "improved"),
    [
        ("same", 0, "pass", False),
        ("slower", 1, "fail", False),
        ("linger", 1, "fail", False),
        ("quicker", 0, "pass", True),
        ("few", 4, "inconclusive", False),
        ("absolute", 1, "fail", False),
        ("generator", 4, "inconclusive", False),
        ("capacity", 1, "fail", False),
    ],
)
def test_a_verdict_and_its_exit_code(done: dict[str, Done], name: str, code: int, verdict: str, improved: bool) -> None:
    assert done[name].code == code, done[name].err
    found = document(done, name)
    assert (found["verdict"], found["improved"], found["command"], found["status"]) == (
        verdict, improved, "gate", "complete",
    )  # fmt: skip


def test_each_comparison_has_its_interval_margin_and_smallest_effect(done: dict[str, Done]) -> None:
    for name in ("same", "slower", "linger", "quicker"):
        for one in document(done, name)["comparisons"]:
            low, high = one["interval"]
            assert low <= one["effect"] <= high
            assert abs(one["margin"]) in (pytest.approx(0.10), pytest.approx(0.05))
            assert abs(one["detectable"]) >= abs(one["margin"])


def test_a_planted_slowdown_is_measured_in_its_size(done: dict[str, Done]) -> None:
    """Two milliseconds of linger are two milliseconds of latency."""
    one = document(done, "linger")["comparisons"][0]
    assert one["candidate"] - one["baseline"] == pytest.approx(2e-3, rel=0.2)


def test_a_highest_rate_is_told_from_three_rates_around_the_baselines(done: dict[str, Done], place: Path) -> None:
    """What a batch of one message takes, 50 us and one service time, bounds the rate: 952/s and 815/s."""
    one = document(done, "capacity")["comparisons"][0]
    assert one["baseline"] == pytest.approx(1 / (50e-6 + 1 / 1000), rel=0.12)
    assert one["effect"] == pytest.approx(815 / 952 - 1, abs=0.06)
    found = json.loads((place / "capacity" / "max-search" / "max.json").read_text())["answer"]["max_rate"]
    stored = json.loads((place / "capacity" / "gate.json").read_text())
    assert [rate["rate"] / found for rate in stored["rates"]] == pytest.approx([0.85, 1.0, 1.15], rel=1e-3)
    assert len(list((place / "capacity" / "trials").glob("*/rate-*/result.json"))) == 3 * len(stored["trials"])


@pytest.mark.long
def test_a_full_search_of_each_side_is_taken_when_asked_for(place: Path) -> None:
    words = ["gate", "orders.py", "--baseline", SLOWER, "--candidate", SLOWEST, "--full", "--max-pairs", "1", "--json",
             "--fail-if", "max_rate < -5%", "--slo", "latency.p95 < 20ms", "--out", "full"]  # fmt: skip
    found = run_all({"it": words}, place, 170, LOADKIT_STATE=str(place / "state-full"))["it"]
    assert found.code == 4, found.err
    one = json.loads(found.out)["comparisons"][0]
    assert one["effect"] == pytest.approx(815 / 952 - 1, abs=0.1)
    assert (place / "full" / "trials" / "000-candidate" / "max.json").exists()


def test_pairs_are_interleaved_each_trial_has_its_own_seed_and_noise(done: dict[str, Done], place: Path) -> None:
    assert done["same"].code == 0
    stored = json.loads((place / "same" / "gate.json").read_text())
    first = [row["side"] for row in stored["trials"] if row["place"] == 0]
    assert {first.count("baseline"), first.count("candidate")} <= {3, 4}
    values = [row["metrics"]["latency.p50"] for row in stored["trials"]]
    assert len(set(values)) > 3


def test_a_finished_gate_is_only_shown(done: dict[str, Done]) -> None:
    assert document(done, "again") == document(done, "same")
    assert "pair " not in done["again"].err
    assert "Passed" in done["report"].out


def test_what_it_can_tell_is_said_before_and_after(done: dict[str, Done]) -> None:
    assert "gate: at most 7 pairs" in done["text"].err
    assert "no A/A noise is stored" in done["text"].err
    assert "Passed" in done["text"].out
    assert "detectable" in done["text"].out


def test_a_ci_server_is_told_by_junit_markdown_and_annotations(
    done: dict[str, Done], refusals: tuple[Path, dict[str, Done]], place: Path
) -> None:
    assert refusals[1]["no messages"].code == 3
    suite = ElementTree.parse(place / "slower" / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "latency.p50" in str(failure.get("message"))
    skipped = ElementTree.parse(place / "few" / "junit.xml").getroot()[0].find("testcase/skipped")
    assert skipped is not None
    summary = (place / "step.md").read_text()
    assert "| `latency.p50 > +10%` |" in summary
    assert "●" in summary
    assert "::error title=loadkit gate%3A latency.p50 > +10%25::" in done["slower"].err + done["slower"].out
    broken = ElementTree.parse(refusals[0] / "no messages" / "junit.xml").getroot()[0].find("testcase/error")
    assert broken is not None


def test_the_page_holds_verdict_pairs_percentiles_and_what_was_compared(done: dict[str, Done], place: Path) -> None:
    assert done["slower"].code == 1
    page = (place / "slower" / "report.html").read_text()
    for part in ("Verdict", "Change of latency.p50 by pair", "Shift of each percentile", "by second of the trial",
                 "Where their results differ" if "linger" in page else "What was compared"):  # fmt: skip
        assert part in page
    assert "This section could not be made" not in page


@pytest.mark.long
def test_a_side_of_another_revision_runs_from_that_revision(place: Path) -> None:
    """The working copy lingers for 5 ms, the commit does not."""
    (place / "orders.py").write_text(SCENARIO.replace('"linger.ms": 0', '"linger.ms": 5'))
    try:
        words = ["gate", "orders.py", *BOTH, "--baseline-rev", "HEAD", "--max-pairs", "1", "--fail-if",
                 "latency.p50 > +10%", "--out", "revision"]  # fmt: skip
        found = run_all({"it": words}, place, 170, LOADKIT_STATE=str(place / "state"))["it"]
    finally:
        (place / "orders.py").write_text(SCENARIO)
    assert found.code == 4, found.err
    one = json.loads(found.out)
    assert one["comparisons"][0]["effect"] > 0.5
    assert [row["path"] for row in one["differences"]] == ["Checkout.config.linger.ms"]
    trees = subprocess.run(["git", "-C", str(place), "worktree", "list"], capture_output=True, text=True, check=True)
    assert len(trees.stdout.splitlines()) == 1


def interpreter(folder: Path, linger: int) -> str:
    """Return an interpreter that has what this one has, and besides a package of its own."""
    venv.create(folder, symlinks=True, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "as_here.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    (packages / "tuning.py").write_text(f"LINGER = {linger}\n")
    return str(folder / "bin" / "python")


@pytest.mark.parametrize(("lingers", "code"), [((5, 5), 4), pytest.param((0, 5), 2, marks=pytest.mark.long)])
def test_a_side_of_another_interpreter_has_its_packages(
    lingers: tuple[int, int], code: int, place: Path, tmp_path: Path
) -> None:
    """Both sides run one file, whose setting a package of the environment gives; a setting must not differ by that."""
    tuned = tmp_path / "tuned.py"
    tuned.write_text("from tuning import LINGER\n" + SCENARIO.replace('"linger.ms": 0', '"linger.ms": LINGER'))
    envs = [word for side, linger in zip(("baseline", "candidate"), lingers, strict=True)
            for word in (f"--{side}-env", interpreter(tmp_path / side, linger))]  # fmt: skip
    out = tmp_path / "out"
    words = ["gate", str(tuned), *BOTH, *envs, "--max-pairs", "1", "--fail-if", "latency.p50 > +10%", "--out", str(out)]
    found = run_all({"it": words}, place, 170, LOADKIT_STATE=str(tmp_path / "state"))["it"]
    assert found.code == code, found.err
    assert code != 2 or "Checkout.config.linger.ms: 0 (baseline), 5 (candidate)" in found.err
    for side, linger in zip(("baseline", "candidate"), lingers, strict=True):
        (result,) = (json.loads(path.read_text()) for path in out.glob(f"trials/*-{side}/result.json"))
        assert result["classes"]["Checkout"]["config"]["linger.ms"] == str(linger)


def test_two_gates_at_once_are_refused_by_a_lock_that_says_who_holds_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADKIT_STATE", str(place / "held"))
    with gate_host.alone("the gate of a test"):
        held = run_all({"it": [*GATE, "--out", "held-gate"]}, place, 170)["it"]
    assert held.code == 2
    assert f"process {os.getpid()} since" in held.err
    assert "the gate of a test" in held.err
    assert not (place / "held-gate").exists()
    with gate_host.alone("another, after it"):
        pass


@pytest.mark.long
def test_an_interrupted_gate_keeps_its_pairs_and_goes_on(place: Path) -> None:
    words = [sys.executable, "-m", "loadkit", *GATE, "--out", "cut", "--duration", "60s"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LOADKIT_STATE": str(place / "state-cut")}
    begun = subprocess.Popen(words, cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert begun.stderr
    assert any(line.startswith("pair 2") for line in begun.stderr)
    begun.send_signal(signal.SIGINT)
    begun.communicate(timeout=170)
    assert begun.returncode == 130
    cut = json.loads((place / "cut" / "gate.json").read_text())
    assert cut["status"] == "interrupted"
    assert len(cut["trials"]) >= 4
    after = subprocess.run(words, cwd=place, env=env, capture_output=True, text=True, timeout=170, check=False)
    assert after.returncode == 0, after.stderr
    assert f"going on: {len(cut['trials']) // 2} pairs" in after.stderr
    assert json.loads(after.stdout)["verdict"] == "pass"


def test_a_calibration_stores_the_noise_that_later_gates_go_by(place: Path) -> None:
    ours = ["--baseline", TARGET, "--duration", "2s", "--max-pairs", "8"]
    words = {
        "calibrate": ["gate", "orders.py", "--calibrate", *ours, "--json", "--out", "aa"],
        "after": ["gate", "orders.py", *ours, "--candidate", TARGET, "--fail-if", "latency.p50 > +0.01%", "--json",
                  "--out", "after"],
    }  # fmt: skip
    found = run_all(words, place, 170, LOADKIT_STATE=str(place / "state-aa"))
    assert found["calibrate"].code == 0, found["calibrate"].err
    noise = json.loads(found["calibrate"].out)["noise"]["metrics"]["latency.p50"]
    assert noise["pairs"] == 8
    assert "stored for" in found["calibrate"].err
    after = json.loads(found["after"].out)
    one = after["comparisons"][0]
    assert one["margin"] == pytest.approx(math.expm1(noise["far"]))
    assert one["asked"] == pytest.approx(0.0001)
    assert after["forecast"][0] > one["margin"]
    assert "by stored A/A noise" in found["after"].err
    assert "margin_widened" in {row["code"] for row in after["warnings"]}
