"""`loadkit fleet plan`: processes and machines for a rate, from a stored calibration."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit import calibrated, drive_fleet
from loadkit.capacity import TYPICAL, Capacity, Point, Setting
from loadkit.errors import RunError, UsageError
from loadkit.fleet_plan import FILLED, SHARE, planned
from loadkit.telemetry.host import machine

POINTS = (
    Point(TYPICAL, 100, 400_000, 2e-6),
    Point(TYPICAL, 1024, 150_000, 5e-6),
    Point(TYPICAL, 10_240, 20_000, 4e-5),
    Point(Setting("sink"), 100, 9_000_000, 1e-7),
)


def test_two_million_a_second_by_hand() -> None:
    """280k/s a process at 70 % of 400k/s, so eight; each takes half a core, so on 2 cores at 80 % there are three."""
    made = planned(2e6, 100, Capacity(400_000, True, "", 2e-6), cores=2)
    assert (made.processes, made.machines, made.on_each) == (8, 3, 3)
    assert made.process_rate == 250_000
    assert made.process_cores == pytest.approx(0.5)
    assert made.used == pytest.approx(0.625)
    assert made.machine_bytes == pytest.approx(75e6)


def test_a_process_that_takes_more_than_a_machine_has_is_planned_slower() -> None:
    """Flat out it would take 4 cores; of one core 0.8 are its, which is a fifth of what it makes."""
    made = planned(100_000, 1000, Capacity(100_000, True, "", 4e-5), cores=1)
    assert made.used == pytest.approx(0.2)
    assert (made.processes, made.machines, made.on_each) == (5, 5, 1)
    assert made.process_cores == pytest.approx(0.8)


def test_without_cpu_time_a_process_takes_a_core() -> None:
    """Of 4 cores 3.2 are to be filled."""
    assert planned(1e6, 100, Capacity(100_000, True, "", None), cores=4).machines == math.ceil(15 / 3)


@given(
    st.floats(1, 1e8), st.floats(1, 1e7), st.one_of(st.none(), st.floats(1e-8, 1e-3)), st.integers(1, 128)
)  # fmt: skip
def test_a_plan_makes_its_rate_within_its_headroom_and_no_smaller_one_does(
    rate: float, makes: float, cpu: float | None, cores: int
) -> None:
    """Each process is below its share, each machine below its cores, and one process fewer would be above either."""
    made = planned(rate, 100, Capacity(makes, True, "", cpu), cores)
    assert made.process_rate * made.processes == pytest.approx(rate)
    assert made.machines * made.on_each >= made.processes > (made.machines - 1) * made.on_each
    assert made.used <= SHARE * (1 + 1e-6)
    if cpu:
        assert made.on_each * made.process_rate * cpu <= cores * FILLED * (1 + 1e-6)
    if made.processes > 1:
        more = rate / (made.processes - 1)
        assert more > SHARE * makes * (1 - 1e-6) or (cpu and more * cpu > cores * FILLED * (1 - 1e-6))


@pytest.fixture
def calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return a calibration of this class of machine, stored."""
    monkeypatch.setenv("LOADKIT_STATE", str(tmp_path))
    found = {"date": "2026-11-01", "host": machine(), "busy": False, "points": [one.facts() for one in POINTS]}
    calibrated.store(machine(), found)
    return found


def test_a_plan_says_what_it_rests_on(calibration: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """The process it was calibrated from, the headroom, and what is not in it; nothing to warn of."""
    document = drive_fleet.plan("2M/s", "100B", 2, quiet=False)
    said = capsys.readouterr().out
    assert (document["plan"]["processes"], document["plan"]["machines"]) == (8, 3)
    assert document["warnings"] == []
    for words in ("8 load processes on 3 machines of 2 cores", "400,000 msg/s", "2026-11-01", "planned at 70%",
                  "consumers are not in it", "--expect-workers 8"):  # fmt: skip
        assert words in said, said


def test_another_size_is_interpolated_and_a_doubtful_calibration_warned_of(
    calibration: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Between two sizes it counts as calibrated; just beyond the last one the nearest stands in."""
    exact = drive_fleet.plan("100k/s", "4KiB", None, quiet=True)["plan"]
    assert exact["exact"]
    assert 20_000 < exact["process_makes"] < 150_000
    calibrated.store(machine(), {**calibration, "busy": True})
    doubtful = drive_fleet.plan("100k/s", "20KB", None, quiet=True)
    assert [one["code"] for one in doubtful["warnings"]] == ["nearest", "busy"]
    assert capsys.readouterr().out == ""


def test_without_a_calibration_there_is_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 3 with the way out."""
    monkeypatch.setenv("LOADKIT_STATE", str(tmp_path))
    with pytest.raises(RunError, match="run `loadkit calibrate` here first") as refused:
        drive_fleet.plan("2M/s", "100B", None, quiet=True)
    assert refused.value.exit_code == 3


def test_what_cannot_be_planned_is_refused(calibration: dict[str, Any]) -> None:
    """A rate that is none, nothing at all, and a size of which the calibration says nothing."""
    for rate, size in (("fast", "1KiB"), ("0/s", "1KiB"), ("1k/s", "0B")):
        with pytest.raises(UsageError):
            drive_fleet.plan(rate, size, None, quiet=True)
    with pytest.raises(RunError, match=r"from 100 B to 10\.0 KiB"):
        drive_fleet.plan("1k/s", "1MB", None, quiet=True)
