"""Sizes of blind spots: those that are worked out, and that each spot on the page has a size and says where from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trust.blind import __main__ as blind
from trust.blind import exact, spots

RUNS = [
    {"target": target, "rate": "1k/s", "seconds": 10, "status": "complete", "limit": "none", "poll_gap_p99": gap,
     "poll_gap_widest": gap and 20 * gap, "latency.p50": p50, "latency.p99": 3 * p50, "end_to_end.p50": p50,
     "send_delay.p50": 1e-4, "send_delay.p99": 1e-3}
    for target, gap, p50 in (("embedded", 3e-4, 6e-3), ("simulated", None, 7e-3))
]  # fmt: skip


def test_a_histogram_is_as_coarse_as_three_digits_allow() -> None:
    found = exact.histogram()
    assert found["widest"] == pytest.approx(1 / 1024, rel=0.01)
    assert found["exact_below_us"] == 2048
    assert (found["two_hours_us"], found["overflow"]) == (pytest.approx(3.6e9, rel=1e-3), 1)


def test_ten_values_are_few() -> None:
    """The known interval of a Poisson count of ten (Garwood)."""
    assert (exact.few()["low"], exact.few()["high"]) == (pytest.approx(4.795, abs=1e-3), pytest.approx(18.39, abs=1e-2))


def test_a_stamp_costs_less_than_its_bytes_and_more_than_nothing() -> None:
    for one in exact.stamps():
        assert 1 < one["bytes_a_message"] < 24
        assert one["ratio"] < one["ratio_without"]


def test_a_duplicate_is_told_until_its_twin_is_forgotten() -> None:
    assert exact.judged(1000) == "duplicated"
    assert exact.judged(exact.REMEMBERED + 100_000) == "reordered"


def test_every_spot_has_a_size_and_a_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the figures of this repository and made-up runs; all stand on the page."""
    (tmp_path / blind.LIVE).write_text(json.dumps({"runs": RUNS}))
    assert blind.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / blind.FIGURES).read_text())
    assert {"command", "date", "commit", "machine"} <= found.keys()
    assert all(spot[name] for spot in found["spots"] for name in ("what", "effect", "size", "source"))
    assert "up to 300 µs" in capsys.readouterr().out
    page = (tmp_path / "report.html").read_text()
    assert all(word in page for word in ("acks=0", "simulated cluster is a model", "Measured "))


def test_a_figure_that_is_not_there_leaves_no_spot_without_a_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = spots.spots(exact.sizes(), [])
    assert made
    assert all(spot.size for spot in made)
    assert not any("bench" in spot.source for spot in made)


def test_what_the_client_library_costs_is_read_from_the_comparison_with_peers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cell(mode: str, nodes: int, asked: int | None, **ratios: float) -> dict[str, object]:
        told = {name: {"ratio": value, "interval": [value - 0.1, value + 0.1]} for name, value in ratios.items()}
        return {"mode": mode, "nodes": nodes, "size": 100, "asked": asked, "ratios": told}

    cells = [cell("flat", 1, None, rate=1.1, cpu=0.7), cell("flat", 3, None, rate=0.6, cpu=1.7),
             cell("rate", 1, 20_000, cpu=1.5, p99=0.9), cell("rate", 3, 2_500, cpu=1.3, p99=1.9)]  # fmt: skip
    path = tmp_path / "peers.json"
    path.write_text(json.dumps({"cells": cells}))
    monkeypatch.setattr(spots, "PEERS", path)
    sizes = [spot.size for spot in spots.spots(exact.sizes(), []) if spot.source == str(path)]
    assert sizes == [
        "0.60 (0.50 to 0.70) of the Java client's rate at 1.70 (1.60 to 1.80) of its CPU a message, 100 B, 3 nodes",
        "p99 1.90 (1.80 to 2.00) of the Java client's at 2,500 msg/s, 100 B, 3 nodes",
        "1.50 (1.40 to 1.60) of the Java client's at 20,000 msg/s, 100 B, 1 node",
    ]
