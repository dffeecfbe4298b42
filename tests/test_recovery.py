"""Time to recover from a fault: seconds made by hand, and a result's page, text and document."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import result_fixture as made

from loadkit import result
from loadkit.analysis.recovery import Recovery, Seconds, recovery, told
from loadkit.document import document_of
from loadkit.report import page, text
from loadkit.report.block import Chart
from loadkit.report.sections import over_time
from loadkit.report.view import view_of
from loadkit.summary import summarise


def seconds(acked: list[float], p99: list[float] | None = None, due: float = 100.0) -> Seconds:
    """Return seconds from 5 on in which so much of what was due was acknowledged."""
    n = len(acked)
    return Seconds(np.arange(5.0, 5 + n), np.full(n, due), np.array(acked), np.array(p99 or [0.01] * n))


def found(made: Seconds, begin: float, end: float, until: float | None = None) -> Recovery:
    """Return the recovery from a fault that is the first one."""
    return recovery(made, made.as_before(begin), begin, end, until or float(made.t[-1]) + 1)


def test_the_time_counts_from_the_fault_to_three_calm_seconds() -> None:
    """Before: 5 to 9 s. Nothing acknowledged in 9 to 12 s, the backlog in 12 s, then as before."""
    acked = [100.0] * 5 + [20, 0, 0, 380] + [100] * 6
    p99 = [0.01, 0.012, 0.011, 0.01, 0.01, 0.01, np.nan, np.nan, 2.9] + [0.02] * 6
    assert found(seconds(acked, p99), 10.25, 12.5) == Recovery(3.75, 1.5, 4)


def test_a_second_is_disturbed_by_throughput_or_latency_alone() -> None:
    """The bounds are nine tenths of the lowest share and twice the highest p99 of the seconds before."""
    fine = [95.0, 100, 100, 100, 86, 86, 86]
    assert found(seconds(fine), 9.0, 10.0) == Recovery(0.0, 0.0, 0)
    assert found(seconds([*fine[:4], 85, 86, 86, 86]), 9.0, 10.0) == Recovery(1.0, 0.0, 1)
    slow = [0.01, 0.03, 0.01, 0.01, 0.061, 0.06, 0.06, 0.06]
    assert found(seconds([100.0] * 8, slow), 9.0, 10.0) == Recovery(1.0, 0.0, 1)


def test_calm_in_between_is_no_recovery() -> None:
    """Two calm seconds among disturbed ones are waited out, and a later disturbance by the mending is told apart."""
    acked = [100.0] * 4 + [0, 100, 100, 0, 100, 100, 100, 100, 0, 100, 100, 100]
    assert found(seconds(acked), 9.0, 16.5) == Recovery(4.0, 1.5, 3)


def test_what_cannot_be_told_says_why() -> None:
    """Too little before, no calm until the end, no calm until the next fault."""
    few = found(seconds([100.0] * 12), 7.9, 9.0)
    assert (few.recovered, few.disturbed) == (None, None)
    assert few.why is not None
    assert "fewer than 3" in few.why
    down = seconds([100.0] * 4 + [0.0] * 4 + [100] * 5)
    assert found(down, 9.0, 10.0, until=15.0) == Recovery(
        None, None, 4, "not as before for 3 seconds in a row until 15 s"
    )
    assert found(down, 9.0, 10.0) == Recovery(4.0, 3.0, 4)


def test_seconds_in_which_nothing_is_due_disturb_nothing() -> None:
    """A shape that pauses is not a fault."""
    made = seconds([100.0] * 12)
    made.due[6:9] = made.acked[6:9] = 0
    made.p99[6:9] = np.nan
    assert found(made, 9.0, 10.0) == Recovery(0.0, 0.0, 0)


FAULT = {
    "fault": "kill broker 2", "verb": "kill", "broker": 2, "planned": [38.0, 43.0], "begin": 38.1, "end": 43.2,
    "back": 47.0, "error": None,
}  # fmt: skip
NEVER = {**FAULT, "fault": "pause broker 1", "planned": [50.0, 51.0], "begin": None, "end": None, "back": None}


def with_faults(out: Path, *faults: dict[str, Any]) -> Path:
    """Return a run whose cluster acknowledged nothing from 38 to 40 s, with these faults."""
    made.stalled(out)
    facts = json.loads((out / "result.json").read_text())
    (out / "result.json").write_text(json.dumps({**facts, "faults": faults}))
    return out


def test_a_run_tells_its_faults_on_page_terminal_and_document(tmp_path: Path) -> None:
    """The same recovery in each; a band in every chart over time; one that never began is there with the reason."""
    out = with_faults(tmp_path / "run", FAULT, NEVER)
    loaded = result.load(out)
    first, second = told(loaded)
    assert 0 < first["recovered"] < 10
    assert first["disturbed"] >= 2
    assert (second["recovered"], second["why"]) == (None, "it never began")
    document = document_of(out)
    assert document["faults"] == [first, second]
    said = text.plain(loaded, summarise(loaded))
    assert "kill broker 2: as before" in said
    html = page.write(out).read_text()
    assert "recovered after" in html
    assert html.count('"kill broker 2"') >= 3  # the annotation of each chart over time
    assert "pause broker 1" in html


def test_a_fault_that_was_never_mended_lasts_until_the_end(tmp_path: Path) -> None:
    """A run that was given up at once leaves no end of it: the page and the times are made all the same."""
    out = with_faults(tmp_path / "run", {**FAULT, "end": None, "back": None})
    (row,) = told(result.load(out))
    assert row["recovered"] > 0
    assert row["after_end"] is None
    assert row["why"].startswith("it lasted until")
    assert "kill broker 2" in page.write(out).read_text()


def test_seconds_in_which_nothing_came_are_drawn_as_nothing(tmp_path: Path) -> None:
    """A stall has no rows of acknowledged messages: no line joins the second before it with the one after."""
    out = made.stalled(tmp_path / "run")
    rows = [json.loads(line) for line in (out / "series.jsonl").read_text().splitlines()]
    for row in rows:
        if row["kind"] == "producer" and (row["t"] in (38, 39) or row["t"] > 60):
            row.pop("acked", None)
    (out / "series.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    loaded = result.load(out)
    block = over_time.build(view_of(loaded, summarise(loaded)))
    assert block is not None
    (chart,) = (part for part in block.parts if isinstance(part, Chart) and part.key == "throughput")
    (line,) = (trace for trace in chart.figure["data"] if trace["name"] == "acknowledged")
    x, y = (np.frombuffer(base64.b64decode(line[axis]["bdata"]), line[axis]["dtype"]).tolist() for axis in "xy")
    drawn = dict(zip(x, y, strict=True))
    assert (drawn[38.0], drawn[39.0]) == (0.0, 0.0)
    assert drawn[37.0] > 0 < drawn[40.0]
    last = max(row["t"] for row in rows if row["kind"] == "producer" and row.get("due"))
    assert drawn[float(last)] == 0.0


def test_a_run_without_faults_has_no_word_of_them(tmp_path: Path) -> None:
    """Neither section, band nor field."""
    out = made.stalled(tmp_path / "run")
    assert told(result.load(out)) == []
    assert "faults" not in document_of(out)
    assert "recovered after" not in page.write(out).read_text()


def test_bands_have_a_colour_for_either_ground() -> None:
    """What is drawn on the light page is exchanged on the dark one."""
    from loadkit.report import charts
    from loadkit.report.view import Phase

    line = charts.Line("due", np.arange(10.0), np.ones(10))
    figure = charts.over_time([line], "rate", "msg/s", (Phase("kill broker 2", 3.0, 5.0, fault=True),))
    (band,) = figure["layout"]["shapes"]
    assert (band["x0"], band["x1"]) == (3.0, 5.0)
    assert band["fillcolor"] in charts.DARK
    assert figure["layout"]["annotations"][0]["text"] == "kill broker 2"
