"""The files of a trial: whole at any instant, and readable however the run ended."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from loadkit import kept
from loadkit import result as module
from loadkit.errors import RunError, UsageError
from loadkit.histogram import Histogram, LogLine, RawLine, read_log, write_log_line
from loadkit.result import HLOG, RESULT, SERIES, Track, Writer, load, merged

ROW = {"t": 3, "phase": "measure", "kind": "producer", "name": "Checkout", "acked": 5}


def histogram(*values: int) -> Histogram:
    """Return a histogram of microseconds."""
    made = Histogram()
    made.record(np.array(values, np.int64))
    return made


def begun(out: Path, **facts: Any) -> Writer:
    """Return a writer that has begun."""
    writer = Writer(out, facts)
    writer.begin(1000.0, "1970-01-01T00:16:40Z")
    return writer


def test_a_trial_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Rows, histograms with their exact maximum, and facts come back."""
    writer = begun(tmp_path / "run", run_id="x")
    writer.append(
        [
            LogLine("Checkout.latency", 3.0, 1.0, histogram(10, 5003)),
            LogLine("Checkout.latency", 5.0, 1.0, histogram(7)),
        ],
        [ROW],
    )
    writer.close(status="complete", phases=[{"name": "measure", "start": 3.0, "end": 6.0}])
    result = load(tmp_path / "run")
    track = result.tracks["Checkout.latency"]
    assert (result.rows, result.torn, result.facts["status"], result.facts["run_id"]) == ([ROW], 0, "complete", "x")
    assert (track.seconds.tolist(), track.maxima.tolist()) == ([3, 5], [5003.0, 7.0])
    assert track.total == histogram(10, 5003, 7)
    assert (track.total.max, result.measured) == (5003, (3.0, 6.0))
    assert parquet.read_table(tmp_path / "run" / "series.parquet").to_pylist() == [ROW]


def test_a_run_that_died_leaves_what_it_had(tmp_path: Path) -> None:
    """A torn last line in both files is passed over, in the rows counted; the status says it never ended."""
    writer = begun(tmp_path / "run")
    writer.append([LogLine("a.latency", 1.0, 1.0, histogram(9))], [ROW])
    with (tmp_path / "run" / HLOG).open("a") as file:
        file.write("Tag=a.latency,2.000,1.000,9.000,HISTFAAA")
    with (tmp_path / "run" / SERIES).open("a") as file:
        file.write('{"t":4,"phase":"mea')
    result = load(tmp_path / "run")
    assert (result.facts["status"], result.rows, result.torn) == ("running", [ROW], 1)
    assert result.tracks["a.latency"].seconds.tolist() == [1]


@pytest.mark.parametrize(
    ("status", "phases", "measured"),
    [
        ("complete", [{"name": "measure", "start": 2.0, "end": 9.0}], (2.0, 9.0)),
        ("complete", [{"name": "measure", "start": 2.0, "end": 4.5}], (2.0, 4.5)),
        ("running", [{"name": "measure", "start": 2.0, "end": 32.0}], (2.0, 6.0)),
        ("running", [{"name": "measure", "start": 2.0, "end": None}], (2.0, 6.0)),
        ("failed", [{"name": "measure", "start": 2.0, "end": None}], (2.0, 6.0)),
        ("failed", [{"name": "measure", "start": 2.0, "end": 32.0}], (2.0, 6.0)),
        ("interrupted", [{"name": "measure", "start": 2.0, "end": 5.2}], (2.0, 5.2)),
        ("running", [{"name": "connect", "start": 0.0, "end": 1.0}], (3.0, 6.0)),
        ("running", [], (3.0, 6.0)),
    ],
)
def test_the_measured_phase_ends_where_the_run_did(
    tmp_path: Path, status: str, phases: list[dict[str, Any]], measured: tuple[float, float]
) -> None:
    """A run that died 4 s into a measured phase of 30 s, or of no stated length, has measured 4 s; rates divide by that."""
    writer = begun(tmp_path / "run", phases=phases)
    gauges = {"t": 8, "phase": "measure", "kind": "host", "name": "w", "cpu": 0.5}
    warm = {**ROW, "t": 1, "phase": "warmup"}
    writer.append(
        [],
        [
            warm,
            {**ROW, "t": 3},
            {**ROW, "t": 5},
            gauges,
            {"t": 7, "phase": "measure", "kind": "consumer", "name": "B", "lag": 5},
        ],
    )
    writer.facts["status"] = status
    writer.write_facts()
    assert load(tmp_path / "run").measured == measured


def test_a_run_that_never_measured_has_no_measured_phase(tmp_path: Path) -> None:
    """Nothing was measured: from 0 to 0, or from its start to its start."""
    begun(tmp_path / "one").append([], [])
    assert load(tmp_path / "one").measured == (0.0, 0.0)
    begun(tmp_path / "two", phases=[{"name": "measure", "start": 5.0, "end": 35.0}])
    assert load(tmp_path / "two").measured == (5.0, 5.0)


def test_result_json_is_whole_while_it_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in the middle of writing leaves the old one."""
    writer = begun(tmp_path / "run", old=1)

    def dies(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "gone")

    monkeypatch.setattr(kept.os, "fsync", dies)
    with pytest.raises(OSError, match="gone"):
        writer.write_facts()
    assert not [path for path in (tmp_path / "run").iterdir() if path.suffix == ".part"]
    assert json.loads((tmp_path / "run" / RESULT).read_text())["old"] == 1


def test_a_full_disk_is_told_and_what_was_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RunError says that the disk is full and that the rest is kept."""
    writer = begun(tmp_path / "run")
    writer.append([], [ROW])

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_log_line", full)
    with pytest.raises(RunError, match="the disk is full; what was measured before is kept"):
        writer.append([LogLine("a", 1.0, 1.0, histogram(1))], [])
    assert load(tmp_path / "run").rows == [ROW]


def test_a_folder_is_used_once(tmp_path: Path) -> None:
    """A folder with another run, with anything else, and a file are refused, each by its name; an empty folder is fine."""
    begun(tmp_path / "run")
    with pytest.raises(UsageError, match="holds another run"):
        Writer(tmp_path / "run", {})
    (tmp_path / "other").mkdir()
    Writer(tmp_path / "other", {})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("x")
    with pytest.raises(UsageError, match="is not empty"):
        Writer(tmp_path / "full", {})
    with pytest.raises(UsageError, match="is a file"):
        Writer(tmp_path / "full" / "thesis.doc", {})


@pytest.mark.parametrize(
    ("content", "says"), [(None, "holds no result"), ("{", "is damaged"), ('{"schema": 99}', "has schema 99")]
)
def test_what_is_no_result_is_refused_by_name(tmp_path: Path, content: str | None, says: str) -> None:
    """A folder without one, a damaged one and one of another version are UsageErrors."""
    if content:
        (tmp_path / RESULT).write_text(content)
    with pytest.raises(UsageError, match=says):
        load(tmp_path)


parts = st.lists(
    st.tuples(st.integers(0, 6), st.lists(st.integers(0, 10**7), min_size=1, max_size=5)), min_size=1, max_size=8
)


def track(tag: str, lines: list[tuple[int, list[int]]]) -> Track:
    """Return the track of some lines, several of one second allowed."""
    import io

    out = io.StringIO()
    for t, values in lines:
        write_log_line(out, LogLine(tag, float(t), 1.0, histogram(*values)))
    raw: list[RawLine] = list(read_log(out.getvalue().splitlines(keepends=True)))
    return module._track(tag, raw)


@given(parts, parts)
def test_lines_of_one_second_and_tracks_of_one_series_add_up(
    one: list[tuple[int, list[int]]], two: list[tuple[int, list[int]]]
) -> None:
    """Late parts of a second and other classes' histograms are sums, second by second, maxima the largest."""
    both = merged("latency", [track("a", one), track("b", two)])
    for second in range(7):
        values = [v for t, many in [*one, *two] if t == second for v in many]
        at = np.flatnonzero(both.seconds == second)
        assert len(at) == bool(values)
        if values:
            assert both.counts[at].toarray().ravel().tolist() == histogram(*values).counts.tolist()
            assert both.maxima[at[0]] == max(values)
    everything = [v for _, many in [*one, *two] for v in many]
    assert both.total == histogram(*everything)
    assert both.total.max == max(everything)
