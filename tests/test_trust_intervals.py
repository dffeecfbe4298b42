"""The study of coverage: what counts as evidence, what is judged, and that a miss is shown as a miss."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from scipy import signal, stats

from loadkit.report.block import Table
from trust.intervals import coverage, figures
from trust.intervals.coverage import CLAIMED, Evidence, Row

EVIDENCE = {label: Evidence(latency, 2.0, 3.0, 0.5, 0.001)
            for label, latency in zip(coverage.QUANTILES, (2000.0, 4950.0, 10362.0, 17784.0), strict=True)}  # fmt: skip
ROW = Row("level, 1 s", "p50", 300, 150.0, 2000, 2000, 1900, 140.0, 0.2)


def test_evidence_is_the_time_and_the_weight_of_what_varies() -> None:
    """Seconds that keep half of the last one: a time of 3 s and normal blocks. Rare ones: few blocks."""
    rng = np.random.default_rng(1)
    messages = np.full((400, 1000), 100.0)
    level = signal.lfilter([1.0], [1.0, -0.5], rng.standard_normal((400, 1000)), axis=1)
    found = coverage._evidence(5.0, 0.5, messages, 50 + level)
    assert found.time == pytest.approx(3, rel=0.2)
    assert found.kurtosis == pytest.approx(3, abs=0.2)
    assert found.blocks(600) == pytest.approx(200, rel=0.2)
    assert found.seen == pytest.approx(0.5, abs=5 * found.error)
    rare = 50.0 * (rng.random((400, 1000)) < 0.01)
    assert coverage._evidence(5.0, 0.995, messages, rare).blocks(1000) == pytest.approx(3 * 0.01 * 1000, rel=0.1)


def test_coverage_is_judged_by_the_lower_end_of_its_interval() -> None:
    """1,900 of 2,000 prove 92 %, 1,850 do not; 200 runs can only refute it."""
    around = stats.binomtest(1900, 2000).proportion_ci(0.95)
    assert ROW.coverage == (0.95, around.low, around.high)
    assert ROW.kept
    less = replace(ROW, held=1850)
    assert less.coverage[0] > CLAIMED > less.coverage[1]
    assert not less.kept
    assert replace(ROW, runs=200, given=200, held=185).kept
    assert not replace(ROW, runs=200, given=200, held=170).kept
    assert not replace(ROW, blocks=59.0).judged
    assert "kept" not in replace(ROW, blocks=59.0).facts()


def test_a_cell_counts_every_run_once() -> None:
    """20 runs of 30 s: too few values for p99.9, and of each other percentile every run is given or too short."""
    rows = coverage.cell("level, 1 s", 30, 20, EVIDENCE)
    assert [row.quantile for row in rows] == ["p50", "p90", "p99"]
    assert all(row.runs == 20 >= row.given >= row.held > 0 for row in rows)
    assert rows[0].held / rows[0].given > 0.7
    assert rows == coverage.cell("level, 1 s", 30, 20, EVIDENCE)
    wrong = {label: replace(one, quantile=2 * one.quantile) for label, one in EVIDENCE.items()}
    assert coverage.cell("level, 1 s", 30, 20, wrong)[0].held == 0


def test_a_miss_is_shown_as_a_miss(tmp_path: Path) -> None:
    """In the exit code's flag, in the file and on the page."""
    truths = {"level, 1 s": EVIDENCE}
    assert figures.write(tmp_path, truths, [ROW], ["x"])
    assert not figures.write(tmp_path, truths, [ROW, replace(ROW, quantile="p90", held=1700)], ["x"])
    found = json.loads((tmp_path / figures.FIGURES).read_text())
    assert (found["kept"], found["judged"]) == (False, 2)
    made = figures.section(found)
    assert made
    (shown,) = (part for part in made.parts if isinstance(part, Table))
    assert [row[-1].text for row in shown.rows] == ["kept", "missed"]


def test_cells_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    """Of the same code and job the file is read."""
    job = ("level, 1 s", 300, 2000)
    figures._file(tmp_path, job).write_text(json.dumps([asdict(ROW)]))
    assert list(figures._all(tmp_path, [job], {})) == [(job, [asdict(ROW)])]
