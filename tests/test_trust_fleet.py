"""The evidence for fleets: its own accounts find what is planted, and its page says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadkit.histogram import Histogram, LogLine
from loadkit.result import Writer
from trust.fleet import __main__ as section
from trust.fleet import figures, losses, merging, offsets, page

ABOUT = {"command": "python -m x", "date": "2026-01-01", "commit": "abc",
         "machine": {"cpu": "x", "cores": 2, "memory": 1, "kernel": "6"}}  # fmt: skip
CLOCK = "offset=2h,drift=-250ppm"


def _values(folder: Path, parts: dict[str, list[int]]) -> list[Path]:
    folder.mkdir()
    for name, values in parts.items():
        np.array(values, np.int64).tofile(folder / name)
    return sorted(folder.iterdir())


def test_a_histogram_of_all_values_is_the_merged_one_or_they_differ(tmp_path: Path) -> None:
    """Two processes' values, one of them below 0 and one above an hour; without one value a bucket differs."""
    values = [1_000_400, 1_000_500, 2_500_000_000, -700_000, 4_000_000_000_000]
    recorded = Histogram()
    recorded.record_ns(np.array(values, np.int64))
    writer = Writer(tmp_path / "run", {})
    writer.begin(1000.0, "1970-01-01T00:16:40Z")
    writer.append([LogLine("Checkout.latency", 3, 1.0, recorded)], [])
    writer.close()
    merged = merging.of_log(tmp_path / "run" / "histograms.hlog")
    halves = {"12-measure-Checkout.latency": values[:2], "13-measure-Checkout.latency": values[2:]}
    assert merging.of_values(_values(tmp_path / "all", halves)) == merged
    halves["12-measure-Checkout.latency"].pop()
    fewer = merging.of_values(_values(tmp_path / "fewer", halves))
    assert merging.unlike(merged["Checkout.latency"], fewer["Checkout.latency"]) == 1


def _told(error_ns: int, bound_ns: int, breaks: int = 0) -> dict[str, Any]:
    """Return a row of the clock whose reading is wrong by so much."""
    machine = 40_000_000_000_000
    raw = machine + 7_200 * 10**9 - machine * 250_000 // 10**9
    return {"at_ns": raw, "offset_ns": machine + error_ns - raw, "bound_ns": bound_ns, "breaks": breaks,
            "round_trip_ns": 400_000}  # fmt: skip


def test_a_reading_outside_of_its_bound_is_counted() -> None:
    """The truth follows from the injected offset and drift to the nanosecond."""
    assert offsets.injected(CLOCK, _told(0, 0)["at_ns"]) == 40_000_000_000_000
    found = offsets.judged(CLOCK, [_told(-90, 100), _told(100_000, 99_999), _told(3, 50)])
    assert (found["outside"], found["rows"], found["breaks"]) == (1, 3, 0)
    assert found["error_max"] == pytest.approx(1e-4)


def test_what_is_there_by_the_same_code_is_not_made_again(tmp_path: Path) -> None:
    """A run that was broken off is: its folder is begun anew."""
    made: list[Path] = []

    def make(folder: Path) -> dict[str, Any]:
        folder.mkdir()
        made.append(folder)
        if len(made) == 1:
            raise RuntimeError("broken off")
        return {"n": len(made)}

    with pytest.raises(RuntimeError):
        figures.once(tmp_path / "run", make)
    second = {"n": 2, "lanes": []}
    assert figures.once(tmp_path / "run", make) == second == figures.once(tmp_path / "run", make)
    kept = json.loads((tmp_path / "run" / "row.json").read_text())
    (tmp_path / "run" / "row.json").write_text(json.dumps({**kept, "code": "other"}))
    assert figures.once(tmp_path / "run", make) == {"n": 3, "lanes": []}


def test_a_missed_bound_is_shown_as_missed(tmp_path: Path) -> None:
    """In the page, in the file and by the exit code."""
    named = {"seconds": 6.5, "users": 5, "share": 16, "true": True}
    late = {"same_run": True, "shared_after": 1.0, "notes": ["users_changed"], "acked": 10, "due": 10, "schedule": 10,
            "lanes": ["sink"], "kept": True}  # fmt: skip
    kills = {"fleet": 1, "workers": 6, "named": [named], "lanes": ["fast"], "kept": False}
    found = {"kills": [kills], "late": [late]}
    assert figures.write(tmp_path / losses.FIGURES, found, ["python", "-m", "x"]) == 1
    text = page.write(tmp_path).read_text()
    assert "the bound was MISSED" in text
    assert "Clocks of several hosts" not in text
    document = json.loads((tmp_path / losses.FIGURES).read_text())
    assert (document["kept"], document["lanes"]) == (False, ["fast", "sink"])


def test_the_page_has_a_section_for_each_file_and_says_where_it_is_from(tmp_path: Path) -> None:
    """Figures of clocks and of merging, each with its command."""
    judged = offsets.judged(CLOCK, [_told(-90, 100)])
    run = {"rate": "1k/s", "network": "1ms", "clocks": [judged], "median": 0.003, "bound": 0.001, "withheld": True,
           "must": True, "kept": True}  # fmt: skip
    one = {"workers": 4, "values": 10, "series": 1, "buckets": 3, "unlike": 0, "unlike_one": 0, "acked": 10, "due": 10,
           "kept": True}  # fmt: skip
    (tmp_path / offsets.FIGURES).write_text(json.dumps({"runs": [run], **ABOUT}))
    (tmp_path / merging.FIGURES).write_text(json.dumps({"runs": [one], **ABOUT}))
    text = page.write(tmp_path).read_text()
    for said in ("Clocks of several hosts", "in every bucket", "by commit abc"):
        assert said in text


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The parts there are stand in the error."""
    with pytest.raises(SystemExit):
        section.main(["clocks"])
    assert "there are merging, losses, offsets" in capsys.readouterr().err
