"""loadkit beside its peers: ratios of pairs, what they claim, and a comparison that goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bench import peers
from bench.process import Ran, run
from trust.peers import __main__ as command
from trust.peers import page
from trust.peers.cells import ALL, LOADKIT, NODES, PEERS, SIZES, Cell
from trust.peers.contest import busy
from trust.peers.figures import ratio, summary

FLAT, STEADY = Cell(1, 100, "flat"), Cell(3, 1024, "rate")
ECHO = """\
0\t12.3
Avg latency: 2.4567 ms
Percentiles: 50th = 2, 99th = 7, 99.9th = 21
"""


def test_all_that_is_asked_for_is_compared() -> None:
    """Three sizes on one node and on three, flat out and at a rate; the other tools where they measure the like."""
    for mode in ("flat", "rate"):
        assert {(one.nodes, one.size) for one in ALL if one.mode == mode} == {(n, s) for n in NODES for s in SIZES}
    assert {one.mode for one in ALL} == set(PEERS)
    assert len({one.key for one in ALL}) == len(ALL)
    assert all((one.rate or 0) * one.seconds >= 10_000 for one in ALL if one.mode == "rate")  # what p99.9 takes


def test_the_interval_of_a_ratio_is_students_of_the_logs() -> None:
    """By scipy's own interval of a mean."""
    ours, theirs = [90.0, 210.0, 400.0, 95.0, 88.0], [100.0, 200.0, 380.0, 100.0, 101.0]
    logs = np.log(np.array(ours) / np.array(theirs))
    low, high = stats.t.interval(0.95, 4, logs.mean(), stats.sem(logs))
    found = ratio(ours, theirs)
    assert found is not None
    assert found["ratio"] == pytest.approx(np.exp(logs.mean()))
    assert found["interval"] == pytest.approx([np.exp(low), np.exp(high)])
    assert found["pairs"] == 5


def test_a_pair_without_a_figure_or_of_zero_milliseconds_has_no_ratio() -> None:
    """With fewer than two of them there is none at all."""
    assert ratio([1.0, None, 3.0], [1.0, 1.0, 0.0]) is None
    assert ratio([1.0, 2.0, None], [1.0, 1.0, 1.0])["pairs"] == 2  # type: ignore[index]


def rounds(ours: float, theirs: float, pairs: int = 5) -> list[dict[str, dict[str, float | None]]]:
    """Return pairs whose rates differ by a little noise."""
    return [{LOADKIT: {"rate": ours * (1 + at / 100), "cpu": 1e-6 + at * 1e-9, "p50": 0.004, "p99": 0.01, "p99.9": None},
             PEERS["flat"]: {"rate": theirs, "cpu": 2e-6, "p50": 0.005, "p99": 0.02, "p99.9": 0.03}}
            for at in range(pairs)]  # fmt: skip


def document(*cells: dict[str, Any], quick: bool = False) -> dict[str, Any]:
    """Return a file of figures."""
    return {"quick": quick, "cells": list(cells), "command": "python -m trust.peers", "date": "2026-01-01", "commit": "a",
            "machine": {"cpu": "x", "cores": 2, "memory": 1, "kernel": "Linux 6"}}  # fmt: skip


def test_the_least_share_of_a_rate_is_told_of_both_and_promised_of_loadkit() -> None:
    """Its peer kept 60 % in one pair; then loadkit does."""
    pairs = rounds(2500, 2500)
    pairs[3][PEERS["rate"]]["rate"] = 1500.0

    def shares() -> list[tuple[float | None, bool | None]]:
        found = page.claims(document(summary(FLAT, pairs), summary(STEADY, pairs)))
        return [(claim.value, claim.met) for claim in found if claim.text.startswith("least share")]

    assert shares() == [(1.0, True), (0.6, None)]
    pairs[2][LOADKIT]["rate"] = 1500.0
    assert shares() == [(0.6, False), (0.6, None)]


@pytest.mark.parametrize(("ours", "slower"), [(150.0, 0), (100.0, 0), (80.0, 1)])
def test_loadkit_is_slower_only_beyond_noise(ours: float, slower: int) -> None:
    """Where the whole interval lies below 1."""
    found = [claim for claim in page.claims(document(summary(FLAT, rounds(ours, 100.0)))) if "slower" in claim.text]
    assert [claim.value for claim in found] == [slower]
    assert found[0].met is (slower == 0)


def test_a_slice_of_two_pairs_claims_nothing_that_takes_five() -> None:
    """Its ratios are there, to be compared by their intervals."""
    found = page.claims(
        document(summary(FLAT, rounds(150, 100, 2)), summary(STEADY, rounds(2500, 2500, 2)), quick=True)
    )
    assert [claim.text for claim in found if claim.met is not None] == ["least share of a fixed rate that loadkit kept"]
    assert "throughput, flat out, 100 B on 1 node: loadkit / kafka-producer-perf-test" in [one.text for one in found]


def test_the_page_has_every_pair_and_says_what_no_ratio_can_be_told_of(tmp_path: Path) -> None:
    """p99.9 of too few messages is no number."""
    made = document(summary(FLAT, rounds(150, 100)), summary(STEADY, rounds(2500, 2500)))
    (tmp_path / page.NAME).write_text(json.dumps(made), "utf-8")
    text = page.write(tmp_path).read_text("utf-8")
    assert "1.53 (" in text
    assert "fewer than two pairs in which both tell it" in text
    assert text.count("Every pair") > 1
    assert "2,500/s" in text


def test_what_endtoendlatency_prints_is_read() -> None:
    """Its mean and whole-millisecond quantiles."""
    assert peers.read_echo(ECHO) == peers.Echoed(2.4567, 2.0, 7.0, 21.0)
    with pytest.raises(ValueError, match="no summary"):
        peers.read_echo("0\t12.3\n")


def test_the_cores_of_a_tool_are_those_of_its_last_seconds() -> None:
    """Two of start at two cores, three at half a core, and what an end takes is left out."""
    watched = tuple((1000 + t / 10, min(t, 20) / 10 * 2 + max(t - 20, 0) / 10 * 0.5) for t in range(54))
    assert busy(Ran("", 0, 5.4, 0, watched), 2.5) == pytest.approx(0.5)
    assert Ran("", 0, 5.4, 0, watched).cores(1000, 1002) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="not watched"):
        Ran("", 0, 5.4, 0).cores(0, 1)


def test_a_process_is_watched_while_it_runs(tmp_path: Path) -> None:
    """Its CPU time only grows, to no more than it took in all."""
    ran = run(
        ["python3", "-c", "import time\nend = time.time() + 0.6\nwhile time.time() < end: pass"], tmp_path, watch=True
    )
    spent = [cpu for _, cpu in ran.watched]
    assert len(spent) >= 3
    assert spent == sorted(spent)
    assert spent[-1] <= ran.cpu + 0.02


def test_a_comparison_that_was_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs on disk are not run again, a torn line is; each begins every second pair."""
    ran: list[str] = []
    stop_after = [3]

    def contestant(name: str, cell: Cell) -> Any:
        def one() -> dict[str, float]:
            if len(ran) == stop_after[0]:
                raise KeyboardInterrupt
            ran.append(f"{cell.nodes} {name}")
            return {"rate": 100.0, "cpu": 1e-6}

        return one

    @contextmanager
    def lab(*_: object) -> Iterator[Any]:
        yield SimpleNamespace(folder=tmp_path / "lab", warm=lambda seconds: None)

    monkeypatch.setattr(command, "ALL", (Cell(1, 100, "flat"), Cell(3, 100, "flat")))
    monkeypatch.setattr(command, "open_lab", lab)
    monkeypatch.setattr(
        command, "contest", lambda lab, cell: {name: contestant(name, cell) for name in (LOADKIT, PEERS[cell.mode])}
    )
    words = ["--pairs", "2", "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    assert command.main(words) == 3
    with (tmp_path / "work" / command.LINES).open("a") as file:
        file.write('{"cell": "fl')
    stop_after[0] = 99
    assert command.main(words) == 1  # two pairs are fewer than five
    first, second = LOADKIT, PEERS["flat"]
    assert ran == [f"1 {first}", f"1 {second}", f"1 {second}",
                   f"1 {second}", f"1 {first}", f"3 {first}", f"3 {second}", f"3 {second}", f"3 {first}"]  # fmt: skip
    found = json.loads((tmp_path / "out" / page.NAME).read_text("utf-8"))
    assert [len(one["rounds"]) for one in found["cells"]] == [2, 2]
    ran.clear()
    command.main(words)
    assert ran == []
