"""The evidence for searches and guided sweeps: its short way of running the model is the long one, and a slice of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loadkit.boundaries import Options
from loadkit.result import load
from loadkit.simulation import simulate
from loadkit.summary import summarise
from loadkit.sweep.observation import observe
from loadkit.sweep.scaling import at_rate
from trust.search import __main__ as section
from trust.search import agreement, guided, maximum, measure, page
from trust.search.clusters import FAMILIES, cluster
from trust.search.hunt import hunt

QUICK = (165, 41, 206, 81, 51, 94, 174, 209, 16, 56, 198, 119, 73)
"""Clusters that are drawn in a moment: whose highest rate is arithmetic, and one whose low rates fail."""
ABOUT = {"command": "python -m x", "date": "2026-01-01", "commit": "abc",
         "machine": {"cpu": "x", "cores": 2, "memory": 1, "kernel": "6"}}  # fmt: skip


@pytest.mark.parametrize("number", [41, 174, 73])
def test_the_model_without_files_tells_what_the_files_of_a_trial_tell(number: int, tmp_path: Path) -> None:
    """What a search looks at is the same, be it read from a trial's files or taken from the model's arrays."""
    given = cluster(number)
    scenario = at_rate(given.scenario, 0.9 * given.truth)
    simulate(scenario, given.target, Options(out=tmp_path / "out", duration=10.0))
    result = load(tmp_path / "out")
    wanted = observe(result, summarise(result, [given.objective.metric]), 0.9 * given.truth)
    found = measure.observe(scenario, given.target, 10.0, 0.9 * given.truth)
    for name, value in found.metrics.items():
        there = wanted.metrics.get(name)
        if value is None or there is None or not name.startswith(("latency", "end_to_end", "offered", "throughput")):
            continue
        assert there == pytest.approx(value, rel=2e-3, abs=2e-6), name
    assert found.limit == wanted.limit
    assert found.achieved == pytest.approx(wanted.achieved, abs=2e-3)


def test_a_slice_of_the_clusters_is_answered_rightly() -> None:
    """No answer lies 5 % above the truth, and of thirteen clusters at most one is missed."""
    rows = [hunt(cluster(number)) for number in QUICK]
    assert {row["family"] for row in rows} == {"queue", "batching", "gap", "generator", "linger"}
    assert not [row for row in rows if row["rate"] and row["rate"] > 1.05 * row["truth"]]
    assert sum(maximum.right(row) for row in rows) >= len(rows) - 1


def test_every_family_is_drawn_in_its_share() -> None:
    """Of forty clusters each family has as many as it says."""
    assert sum(weight for _, weight in FAMILIES.values()) == 40


def test_a_killed_measurement_goes_on_with_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished searches are kept, a torn line and those of other code are made anew."""
    monkeypatch.setattr(maximum, "cluster", lambda number: replace(cluster(QUICK[number + 4]), number=number))
    first = maximum.run(tmp_path, 2, 1)
    lines = (tmp_path / maximum.LINES).read_text().splitlines()
    stale = json.dumps({**json.loads(lines[1]), "code": "other", "rate": 1.0})
    (tmp_path / maximum.LINES).write_text(f'{lines[0]}\n{stale}\n{{"number": 7, "fam')
    again = maximum.run(tmp_path, 2, 1)
    assert [row["rate"] for row in again] == [row["rate"] for row in first]
    assert again[0]["drawing_s"] == first[0]["drawing_s"]


def test_figures_that_miss_a_bound_are_named() -> None:
    """A share below what is promised, one above, and too many probes are each said."""
    kept = {"near": 0.96, "above": 0.0, "probes": 14.0}
    assert not maximum.missed(kept)
    for name, value in (("near", 0.94), ("above", 0.02), ("probes", 17.0)):
        assert len(maximum.missed({**kept, name: value})) == 1


def test_a_guided_sweep_beats_chance_on_a_slice() -> None:
    """On a quarter of the trials of one grid it finds most of the front, and more than points drawn by chance."""
    found = [guided.shares(2, seed) for seed in (1,)]
    assert min(one["guided"] for one in found) >= 0.9
    assert all(one["guided"] > one["random"] for one in found)


def test_searches_that_disagree_are_told() -> None:
    """Answers 15 % apart still agree; one that is missing agrees with nothing."""
    assert agreement.spread([100.0, 115.0, 105.0]) == pytest.approx(0.15)
    assert agreement.spread([100.0, None, 105.0]) is None
    kept = {"spread": 0.1, "hold": {"verdict": "pass"}}
    assert agreement.met(kept)
    assert not agreement.met({**kept, "spread": 0.16})
    assert not agreement.met({**kept, "hold": {"verdict": "fail"}})


def test_the_page_has_a_section_for_each_file_and_says_where_it_is_from(tmp_path: Path) -> None:
    """The committed figures make the page; each section names its command."""
    run = {"max_rate": 1000.0, "interval": [980.0, 1100.0], "verdict": "pass", "limit": "cluster", "probes": 9,
           "holds": 4, "seconds": 120.0}  # fmt: skip
    found = {"scenario": "s.py", "target": "embedded", "slo": "latency.p99 < 1ms", "sets": ["a=1"], "allowed": 0.15,
             "runs": [run], "spread": 0.0, "hold": {"rate": 1000.0, "verdict": "pass", "end_to_end.p50": 0.001}, **ABOUT}  # fmt: skip
    (tmp_path / agreement.FIGURES).write_text(json.dumps(found))
    text = page.write(tmp_path).read_text()
    assert "Searches on a real Kafka agree" in text
    assert "by commit abc" in text
    assert "A sweep within a budget" not in text


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The parts there are stand in the error."""
    with pytest.raises(SystemExit):
        section.main(["maximum"])
    assert "there are max, guided, effects, embedded" in capsys.readouterr().err
