"""The cases of `python -m trust.stages` without a cluster: judged from runs that are there, kept or missed, and shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_stages import Run

from loadkit.analysis.stages import BROKER, STAGES
from trust.stages import __main__ as stages
from trust.stages.cases import CASES, NOT_PLANTED, QUICK, Case

LATE = next(case for case in CASES if case.stage == "send delay")


def lay(work: Path, case: Case, planted: str) -> None:
    """Leave a made-up run where one of a case would lie."""
    folder = work / case.name.replace(" ", "-")
    folder.mkdir(parents=True)
    (folder / "case.json").write_text(json.dumps(stages.definition(case)))
    Run().plant(planted, 0.05).write(folder / "run")


def test_every_stage_is_planted_or_it_is_said_why_not() -> None:
    """What is left over when a stage has no name of its own is no stage to plant."""
    planted = {case.stage for case in CASES if case.stage}
    assert planted | set(NOT_PLANTED) == set(STAGES) - {"round trip", "unexplained"}
    assert set(NOT_PLANTED) <= set(BROKER)
    assert set(QUICK) <= {case.name for case in CASES}


@pytest.mark.parametrize(("planted", "code"), [("send", 0), ("local", 1)])
def test_a_run_that_is_there_is_judged_and_not_run_again(planted: str, code: int, tmp_path: Path) -> None:
    """A miss is shown as a miss: in the figures, on the page and by the exit code."""
    lay(tmp_path / "work", LATE, planted)
    out = tmp_path / "out"
    assert stages.main([LATE.name, "--work", str(tmp_path / "work"), "--out", str(out)]) == code
    found = json.loads((out / "planted.json").read_text())
    (row,) = found["cases"]
    assert found["kept"] == row["kept"] == (code == 0)
    assert row["named"] == {"send": "send delay", "local": "broker local"}[planted]
    assert {"date", "commit", "command", "machine", "lanes"} <= set(found)
    page = (out / "report.html").read_text()
    assert LATE.how in page
    assert f'<td class="text {"bad" if code else "good"}">{row["named"]}</td>' in page


def test_a_run_by_other_settings_counts_for_nothing(tmp_path: Path) -> None:
    """So that figures follow from the cases as they stand."""
    lay(tmp_path, LATE, "send")
    folder = tmp_path / LATE.name.replace(" ", "-")
    assert stages.done(LATE, folder)
    (folder / "case.json").write_text(json.dumps({**stages.definition(LATE), "sets": ["linger.ms=1"]}))
    assert not stages.done(LATE, folder)
    assert stages.judge(LATE, folder)["because"] == ["the run failed"]


def test_the_published_figures_follow_from_their_rows() -> None:
    """And say of each whether it was kept."""
    path = Path(__file__).parent.parent / "reports" / "trust" / "stages" / "planted.json"
    if not path.exists():
        pytest.skip("not measured yet")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert {row["case"] for row in found["cases"]} == {case.name for case in CASES}
    for row in found["cases"]:
        assert row["kept"] == (not row["planted"] or (row["clear"] and row["named"] == row["planted"]))
    assert found["kept"] == all(row["kept"] for row in found["cases"])
