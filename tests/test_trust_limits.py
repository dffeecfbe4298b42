"""A coarse slice of `make trust-limits`: the cases themselves, what harms a run, and how answers are counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from running import ROOT, Command, eventually
from test_limit import FINE, LATE, SHORT

from trust.limits import figures, harm, page
from trust.limits.cases import CASES, QUICK, Case

PUBLISHED = ROOT / "reports" / "trust" / "limits"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_each_kind_of_case_trains_once_and_tests_once() -> None:
    """At least 30 cases, two of a kind that differ; every truth is among those that test."""
    assert len(CASES) >= 30
    assert [case.number for case in CASES] == list(range(1, len(CASES) + 1))
    for train, test in zip(CASES[::2], CASES[1::2], strict=True):
        assert (train.kind, train.truth, train.trains, test.trains) == (test.kind, test.truth, True, False)
        assert {**train.facts(), "number": 0} != {**test.facts(), "number": 0}
    truths = Counter(case.truth for case in CASES if not case.trains)
    assert min(truths[name] for name in ("generator", "cluster", "none")) >= 3
    assert {case.truth for case in CASES if case.number in QUICK} == {"generator", "cluster", "none"}


def test_every_case_is_one_that_loadkit_can_run(tmp_path: Path) -> None:
    """Its scenario loads and takes its settings; in a process of its own, because that brings Locust."""
    code = """
import sys
from pathlib import Path
from loadkit import session
from loadkit.capacity import Point, Setting
from loadkit.changes import changed
from loadkit.scenario_file import load_scenario
from trust.limits.cases import CASES
from trust.limits import lab
lab.Lab.points = lambda _: [Point(Setting("sink"), size, 1e6) for size in (100, 1024)]
for name in ("plain", "heavy", "held"):
    file = load_scenario(lab.SCENARIOS / f"{name}.py")
    for case in (one for one in CASES if one.scenario == name):
        sets = [word for word in lab.Lab(Path("."), print)._sets(case) if word != "--set"]
        flow = changed(file.scenario, sets).producers[0]
        assert flow.rate == (case.rate if case.rate > 2 else round(case.rate * 1e6)), case
        assert flow.fixed_count == case.users
        print(case.number)
"""
    ended = Command(tmp_path / "out", code=code).ended().ok()
    assert sorted(map(int, ended.stdout.split())) == [case.number for case in CASES]


@pytest.mark.parametrize(
    ("truth", "answer", "verdict"),
    [
        ("generator", "generator", "right"),
        ("generator", "cluster", "wrong"),
        ("cluster", "generator", "wrong"),
        ("none", "cluster", "wrong"),
        ("cluster", "none", "wrong"),
        ("none", "unknown", "unknown"),
        ("cluster", "unknown", "unknown"),
    ],
)
def test_a_certain_answer_that_is_not_true_is_wrong(truth: str, answer: str, verdict: str) -> None:
    """Also that nothing was slow, where something was."""
    assert figures.verdict(truth, answer) == verdict


def row(number: int, truth: str, **changes: Any) -> dict[str, Any]:
    """Return the row of a made-up case."""
    facts = {**asdict(FINE), **changes}
    case = Case(number, "made up", truth, "sink", 0.5).facts()  # type: ignore[arg-type]
    return {"case": case, "trains": number % 2 == 1, "facts": facts, "status": "complete", "evidence": ["because"],
            "answer": truth, "verdict": "right"}  # fmt: skip


def test_thresholds_are_tried_on_the_training_cases_alone() -> None:
    """A process at 0.93 of a core accuses the generator up to there; the test case beside it does not count."""
    rows = [
        row(1, "generator", **SHORT, send_delay_p99=None, process_cores=0.93),
        row(2, "cluster", **SHORT, **LATE, process_cores=0.99),
    ]
    busy = next(one for one in figures.trained(rows) if one["name"] == "busy")
    assert [(tried["value"], tried["right"], tried["unknown"]) for tried in busy["tried"][-3:]] == [
        (0.9, 1, 0), (0.95, 0, 1), (0.98, 0, 1),
    ]  # fmt: skip
    assert page._between(busy) == "0.5 ... 0.9"


def test_the_page_shows_every_case_and_claims_no_wrong_answer(tmp_path: Path) -> None:
    """Rows become tables; one wrong answer of a test case misses the claim."""
    rows = [row(1, "generator"), row(2, "cluster"), {**row(4, "none"), "answer": "cluster", "verdict": "wrong"}]
    found = {
        "rows": rows, "test": figures.counts(rows[1:]), "training": figures.counts(rows[:1]), "failed": [],
        "thresholds": figures.trained(rows), "date": "today", "commit": "abc", "command": "python -m trust.limits",
        "machine": {"cpu": "x", "cores": 2, "memory": 1, "kernel": "y"},
    }  # fmt: skip
    assert [claim.met for claim in page.claims(found)] == [False, None]
    assert [claim.met for claim in page.claims({**found, "rows": rows * 2})] == [False, False, None]
    assert page.claims({**found, "test": {"right": 2, "wrong": 0, "unknown": 0}})[0].met
    (tmp_path / figures.FIGURES).write_text(json.dumps(found))
    text = page.write(tmp_path).read_text()
    assert text.count("made up") == 3
    assert "because" in text


def test_what_is_published_is_of_these_cases() -> None:
    """Every row's case is one of the table, unchanged."""
    if not (PUBLISHED / figures.FIGURES).exists():
        pytest.skip("no figures are published")
    found = json.loads((PUBLISHED / figures.FIGURES).read_text())
    ours = {case.number: json.loads(json.dumps(case.facts())) for case in CASES}
    assert [one["case"] for one in found["rows"]] == [ours[one["case"]["number"]] for one in found["rows"]]
    assert len(found["rows"]) >= 30
    assert found["test"]["wrong"] == 0


@LINUX
def test_hogs_are_on_their_core_and_gone_afterwards() -> None:
    """Two on the first core that this process may use."""
    core = min(os.sched_getaffinity(0))
    before = set(_children())
    with harm.hogs([core], 2):
        mine = set(_children()) - before
        assert len(mine) == 2
        assert all(os.sched_getaffinity(pid) == {core} for pid in mine)
    assert not set(_children()) & mine


@LINUX
def test_a_process_is_stopped_while_its_run_is_under_load_and_runs_on_afterwards(tmp_path: Path) -> None:
    """From its first rows to its last; before and after them it is left alone."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], text=True)
    run = harm.Run(tmp_path, process)
    series = tmp_path / "series.jsonl"
    thread = threading.Thread(target=harm.bursts(lambda run: [run.process.pid], 30.0, 0.05), args=(run,))
    try:
        thread.start()
        time.sleep(0.3)
        assert _state(process.pid) != "T"
        series.write_text('{"phase": "warmup"}\n{"phase": "measure"}\n{"pha')
        assert eventually(lambda: _state(process.pid) == "T", 20)
        series.write_text('{"phase": "measure"}\n{"phase": "drain"}\n')
        thread.join(20)
        assert not thread.is_alive()
        assert _state(process.pid) != "T"
    finally:
        process.kill()
        process.wait()
        thread.join(20)


def _children() -> list[int]:
    text = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text()
    return [int(pid) for pid in text.split()]


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
