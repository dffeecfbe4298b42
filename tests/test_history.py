"""`--history` of `loadkit gate` and `loadkit report`, and where it finds changes of level, against known truth."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ahead import ahead, parts
from checkout import SCENARIO, TARGET
from commands import Done, run_all

from loadkit.errors import UsageError
from loadkit.gate import trend

GATE = ["gate", "orders.py", "--baseline", TARGET, "--candidate", TARGET, "--duration", "1s", "--max-pairs", "1",
        "--fail-if", "latency.p50 > +10%", "--fail-if", "errors > 0", "--json"]  # fmt: skip
TRIAL = "now/trials/000-candidate"
"""A result by itself: a gate's trial."""
THEN = {
    "few": ["report", "now", "--history", "past/runs", "--json"],
    "any": ["report", "now", "--history", "past", "--history-any-host", "--json"],
    "report": ["report", "now", "--history", "past", "--json"],
    "again": [*GATE, "--out", "now", "--history", "past"],
    "missing": ["report", "now", "--history", "nowhere"],
    "no gate": ["report", TRIAL, "--history", "past"],
    "calibrate": [*GATE, "--calibrate", "--history", "past", "--out", "aa"],
}
SLOWER = 1.3
"""How much slower the last six of twelve earlier gates were, beside noise of 1 %."""
WRONG = {
    "missing": ["--history nowhere: no such folder"],
    "no gate": [f"{TRIAL} holds no gate"],
    "calibrate": ["--history", "a calibration has no part in it"],
}
LEFT_OUT = {
    "elsewhere": "another class of machine: other, 64 cores, 9 GiB; --history-any-host takes it in",
    "setting": "setting linger.ms is 2, not set",
    "scenario": "scenario is shop, not orders",
    "shorter": "measured for 0.5 s, not 1 s",
    "limited": "the load generator was its limit",
    "broken off": "it is interrupted",
    "later": "later/gate.json has schema 9; this loadkit reads 1: use the version that wrote it",
    "empty": "it cannot be read",
}


def gate_of(
    folder: Path, name: str, day: int, factor: float, change: Callable[[dict[str, Any]], object] | None = None
) -> None:
    """Write a gate of another day whose candidate's median latency is a factor of what it was before it got slower."""
    document = json.loads((folder / "now" / "gate.json").read_text())
    document["started_at"] = f"2026-01-{day:02d}T12:00:00.000+00:00"
    for row in document["trials"]:
        row["metrics"]["latency.p50"] *= factor / SLOWER
    if change:
        change(document)
    (folder / "past" / name).mkdir(parents=True)
    (folder / "past" / name / "gate.json").write_text(json.dumps(document))


def limited(document: dict[str, Any]) -> None:
    """Have the load generator give out in every trial."""
    for row in document["trials"]:
        row["limit"] = "generator"


@ahead
def histories(folder: Path) -> tuple[Path, dict[str, Done]]:
    """Return a folder with a gate and twelve earlier ones, and what every command did in it."""
    (folder / "orders.py").write_text(SCENARIO)
    state = {"LOADKIT_STATE": str(folder / "state")}
    done = run_all({"now": [*GATE, "--out", "now"]}, folder, 500, **state)
    noise = np.random.default_rng(1).normal(0, 0.01, 12)
    for at in range(12):  # the names are in another order than the days
        gate_of(folder, f"gate-{at * 5 % 12:02d}", at + 1, float(np.exp(noise[at])) * (SLOWER if at >= 6 else 1.0))
    gate_of(folder, "elsewhere", 20, 1.0, lambda one: one["host"].update(name="other, 64 cores, 9 GiB"))
    gate_of(folder, "setting", 20, 1.0, lambda one: one["sides"][1].update(sets=["linger.ms=2", "seed=4"]))
    gate_of(folder, "scenario", 20, 1.0, lambda one: one["scenario"][1].update(name="shop"))
    gate_of(folder, "shorter", 20, 1.0, lambda one: one.update(duration=0.5))
    gate_of(folder, "limited", 20, 1.0, limited)
    gate_of(folder, "broken off", 20, 1.0, lambda one: one.update(status="interrupted"))
    gate_of(folder, "later", 20, 1.0, lambda one: one.update(schema=9))
    gate_of(folder, "empty", 20, 1.0, lambda one: one.pop("trials"))
    (folder / "past" / "runs" / "one").mkdir(parents=True)
    shutil.copy(folder / TRIAL / "result.json", folder / "past" / "runs" / "one" / "result.json")
    return folder, {**done, **run_all(THEN, folder, 500, **state)}


place, done = parts("histories", "place", "done")


def trend_of(done: dict[str, Done], name: str) -> dict[str, Any]:
    """Return the trend that a command told."""
    found: dict[str, Any] = json.loads(done[name].out)["trend"]
    return found


def test_a_change_of_level_is_told_with_its_size_and_the_first_result_of_it(done: dict[str, Done]) -> None:
    told = trend_of(done, "report")
    assert [one["metric"] for one in told["series"]] == ["latency.p50", "errors"]
    series = told["series"][0]
    first = series["changes"][0]
    assert first["at"] == 6
    assert first["folder"] == f"past/gate-{6 * 5 % 12:02d}"
    assert first["when"].startswith("2026-01-07")
    assert first["change"] == pytest.approx(SLOWER - 1, abs=0.02)
    assert [value["when"] for value in series["values"]] == sorted(value["when"] for value in series["values"])
    assert [value["folder"] for value in series["values"][-2:]] == ["now", "past/runs/one"]
    assert told["series"][1]["why"] == "it is not above zero in all results"


def test_a_run_of_the_same_thing_on_the_same_machine_stands_in_the_row(done: dict[str, Done]) -> None:
    assert len(trend_of(done, "report")["series"][0]["values"]) == 14
    few = trend_of(done, "few")["series"][0]
    assert [value["folder"] for value in few["values"]] == ["now", "past/runs/one"]
    assert few["why"] == "no change is told under 10 results; there are 2"


def test_what_is_not_the_same_thing_is_left_out_with_the_reason(done: dict[str, Done]) -> None:
    left = {Path(one["folder"]).name: one["why"] for one in trend_of(done, "report")["left_out"]}
    assert set(left) == set(LEFT_OUT)
    for name, why in LEFT_OUT.items():
        assert left[name].endswith(why)


def test_another_class_of_machine_is_taken_in_when_told(done: dict[str, Done]) -> None:
    told = trend_of(done, "any")
    assert "elsewhere" not in {Path(one["folder"]).name for one in told["left_out"]}
    assert "past/elsewhere" in {value["folder"] for value in told["series"][0]["values"]}


def test_a_trend_is_no_verdict(done: dict[str, Done]) -> None:
    """The gate of one pair stays inconclusive, whatever the history says."""
    assert (done["now"].code, done["again"].code, done["report"].code) == (4, 4, 0)
    assert json.loads(done["now"].out)["trend"] is None
    assert trend_of(done, "again") == trend_of(done, "report")
    assert json.loads(done["again"].out)["comparisons"] == json.loads(done["now"].out)["comparisons"]


def test_terminal_markdown_page_and_csv_have_it_too(done: dict[str, Done], place: Path) -> None:
    said = " ".join(done["again"].err.split())
    summary = (place / "now" / "summary.md").read_text()
    for text in (said, summary):
        assert "no part of the verdict" in text
        assert "latency.p50: over 14 results, +" in text
        assert "from 2026-01-07 on (past/gate-06)" in text
    page = (place / "now" / "report.html").read_text()
    assert "latency.p50 of stored results" in page
    assert "another class of machine" in page
    assert "This section could not be made" not in page
    rows = list(csv.DictReader((place / "now" / "history.csv").open()))
    assert list(rows[0]) == ["time", "result", "latency.p50", "errors"]
    assert len(rows) == 14
    assert all(float(row["latency.p50"]) > 0 for row in rows)


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_cannot_work_says_why(done: dict[str, Done], name: str) -> None:
    assert done[name].code == 2
    assert all(part in done[name].err for part in WRONG[name])


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trend, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'loadkit\[history\]'"):
        trend.require()


def test_without_a_change_there_is_seldom_one() -> None:
    """At most 1 % of rows, give or take what 500 of them can tell; whatever the noise."""
    rng = np.random.default_rng(3)
    alarms = 0
    for seed in range(500):
        n = (12, 20, 30)[seed % 3]
        logs = rng.normal(0, 0.05, n) if seed % 2 else 0.05 * rng.standard_t(3, n)
        alarms += bool(trend.steps(np.exp(logs)))
    assert alarms <= 11  # of 500 at 1 %, more come in less than 1 of 100 such tests


def test_a_known_change_is_found_where_it_is() -> None:
    """Five times the noise: in its place give or take one result, in at least 95 of 100 rows."""
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(200):
        n = int(rng.integers(14, 40))
        at = int(rng.integers(5, n - 4))
        told = trend.steps(np.exp(rng.normal(0, 0.04, n) + 0.2 * (np.arange(n) >= at)))
        found += len(told) == 1 and abs(told[0].at - at) <= 1 and told[0].change == pytest.approx(0.22, abs=0.1)
    assert found >= 190


def test_a_level_that_comes_back_is_two_changes() -> None:
    rng = np.random.default_rng(5)
    there = (np.arange(30) >= 10) & (np.arange(30) < 20)
    rows = [trend.steps(np.exp(rng.normal(0, 0.04, 30) + 0.25 * there)) for _ in range(50)]
    assert sum(len(row) == 2 and row[0].change > 0 > row[1].change for row in rows) >= 47


def test_rows_that_are_short_constant_or_a_bare_step() -> None:
    assert trend.steps([1.0] * 5 + [2.0] * 4) == []
    assert trend.steps([0.003] * 20) == []
    told = trend.steps([1.0] * 10 + [1.5] * 10)
    assert [(one.at, one.change) for one in told] == [(10, pytest.approx(0.5))]
    assert trend.steps([1.0] * 10 + [9.0] + [1.0] * 9) == []
