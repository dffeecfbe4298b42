"""`sweep.json`: what is written is read, trials are told by their own folders, and the table goes out as a file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import result_fixture
from pyarrow import parquet

from loadkit.errors import UsageError
from loadkit.result import RESULT
from loadkit.sweep import spec, store
from loadkit.sweep.spec import Axis, Point, Record, Sweep

AXES = (Axis("linger.ms", (0, 5)), Axis("acks", ("all", 1)))


def stored(*trials: Record) -> store.Stored:
    """Return a small sweep."""
    points = spec.grid(AXES)
    points[1] = Point("p001", points[1].settings, safe=False, unsafe_because="acks=1")
    return store.Stored(
        sweep=Sweep(AXES, repeats=2, slo=("latency.p99 < 20ms",), sets=("seed=4",)), scenario={"name": "orders"},
        target_name="simulated", strategy="grid", base=points[0].settings, points=tuple(points),
        order=(("p000", 0), ("p001", 0)), trials=trials, not_explored=("nothing",), argv=("loadkit", "sweep"),
    )  # fmt: skip


def record(**changes: object) -> Record:
    """Return a trial of which only the place is known."""
    return Record(
        **{"point": "p000", "repeat": 0, "index": 0, "folder": "trials/p000-0", "status": "complete", **changes}
    )  # type: ignore[arg-type]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Every field survives; nothing but `sweep.json` is left."""
    full = record(metrics={"latency.p99": 0.5, "lost": None}, intervals={"latency.p99": (0.4, 0.6)}, seconds=3.5)
    store.write(tmp_path, stored(full))
    assert store.read(tmp_path) == stored(full)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.json"]
    data = json.loads((tmp_path / "sweep.json").read_text())
    assert (data["schema"], data["command"], data["status"]) == (1, "sweep", "running")
    assert data["axes"][0] == {"path": "linger.ms", "values": [0, 5]}
    assert data["points"][1]["unsafe_because"] == "acks=1"


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    """No file, a torn one and one of another schema each say what to do."""
    with pytest.raises(UsageError, match="holds no sweep"):
        store.read(tmp_path)
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        store.read(tmp_path)
    (tmp_path / "sweep.json").write_text('{"schema": 9}')
    with pytest.raises(UsageError, match="schema 9"):
        store.read(tmp_path)


def test_a_trial_is_told_by_its_own_folder(tmp_path: Path) -> None:
    """Metrics, limit and intervals come from the result; a folder that says nothing is no trial."""
    assert store.recorded(tmp_path, record()) is None
    folder = result_fixture.healthy(tmp_path / "trials" / "p000-0", seconds=12, cached=1)
    found = store.recorded(tmp_path, record(seconds=9.0), ["latency.p99.5"])
    assert found
    assert found.status == "complete"
    assert found.seconds == 9.0
    assert found.metrics["latency.p99.5"] is not None
    assert found.intervals["latency.p99"][0] <= found.metrics["latency.p99"] <= found.intervals["latency.p99"][1]  # type: ignore[operator]
    facts = json.loads((folder / RESULT).read_text())
    (folder / RESULT).write_text(json.dumps({**facts, "status": "failed", "error": "the disk is full"}))
    assert store.recorded(tmp_path, record()).error == "the disk is full"  # type: ignore[union-attr]
    (folder / RESULT).write_text(json.dumps({**facts, "status": "running"}))
    assert store.recorded(tmp_path, record()) is None


def test_an_early_end_is_told_by_its_length(tmp_path: Path) -> None:
    """A whole result of a phase shorter than the sweep's was ended before its time, and says so after a crash too."""
    folder = result_fixture.healthy(tmp_path / "trials" / "p000-0", seconds=12)
    facts = json.loads((folder / RESULT).read_text())
    for duration, status in ((12.0, "complete"), (30.0, "ended-early")):
        (folder / RESULT).write_text(json.dumps({**facts, "sweep": {"duration": duration}}))
        found = store.recorded(tmp_path, record(block=False))
        assert found
        assert (found.status, found.block) == (status, False)
        assert found.seconds == pytest.approx(22, abs=3)  # warm-up, measured phase and drain of the fixture


def test_the_table_is_one_row_a_trial(tmp_path: Path) -> None:
    """CSV and Parquet hold the same: settings by path, how it ended, and metrics, empty where withheld."""
    trials = [
        record(metrics={"latency.p99": 0.5, "lost": None}),
        record(point="p001", index=1, status="failed", error="refused", metrics={"latency.p99": None}),
    ]
    store.export(tmp_path, stored(*trials))
    with (tmp_path / "sweep.csv").open() as file:
        first, second = csv.DictReader(file)
    assert (first["linger.ms"], first["acks"], first["latency.p99"], first["lost"]) == ("0", "all", "0.5", "")
    assert (second["acks"], second["safe"], second["error"]) == ("1", "False", "refused")
    table = parquet.read_table(tmp_path / "sweep.parquet").to_pylist()
    assert [row["acks"] for row in table] == ["all", "1"]
    assert [row["latency.p99"] for row in table] == [0.5, None]
