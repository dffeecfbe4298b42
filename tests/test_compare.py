"""`loadkit compare` as a user types it, on the simulated target, and its arithmetic against known truth."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import result_fixture
from ahead import ahead, parts
from checkout import SCENARIO, TARGET
from commands import Done, run_all
from scipy import stats

from loadkit.compare.within import log_ends, ratio
from loadkit.gate.statistics import ALPHA, two_samples
from trust.intervals.processes import Run

RUN = ["run", "orders.py", "--target", TARGET, "--duration"]
RUNS = {
    "old": [*RUN, "12s", "--out", "old"],
    "new": [*RUN, "12s", "--set", "linger.ms=2", "--set", "seed=2", "--out", "new"],
    "limited": ["run", "orders.py", "--target", "simulated?generator_rate=500", "--duration", "4s", "--out", "limited"],
    "gate": ["gate", "orders.py", "--baseline", TARGET, "--candidate", TARGET, "--candidate-set", "linger.ms=2",
             "--duration", "1s", "--max-pairs", "7", "--fail-if", "latency.p50 > +10%", "--json", "--out", "gate"],
}  # fmt: skip
COMPARED = {
    "single": ["compare", "old", "new", "--json", "--out", "single"],
    "pairs": ["compare", "gate/trials/*-baseline", "gate/trials/*-candidate", "--json", "--out", "pairs"],
    "samples": ["compare", "before", "gate/trials/*-candidate", "--json", "--out", "samples"],
    "few": ["compare", "old", "gate/trials/*-candidate", "--json", "--out", "few"],
    "classes": ["compare", "both", "consumers", "--out", "classes"],
    "doubtful": ["compare", "elsewhere", "limited", "--json", "--out", "doubtful"],
}
WRONG = {
    # name: (A and B, what the one error must say)
    "no such folder": (["old", "nowhere"], ["B: nowhere: no such folder", "loadkit run --out"]),
    "no result in it": (["state", "new"], ["A: state holds no result"]),
    "no such pattern": (["old", "nowhere/*"], ["B: no folder of the pattern 'nowhere/*'"]),
    "a file": (["old/result.json", "new"], ["A: old/result.json is a file", "like old"]),
    "against itself": (["old", "./old"], ["old is on both sides"]),
    "overlapping": (["gate/trials/*-baseline", "gate/trials/00[01]-baseline"], ["000-baseline is on both sides"]),
    "a gate": (["gate", "new"], ["A: gate holds a gate", "'gate/trials/*-baseline'", "'gate/trials/*-candidate'"]),
    "a sweep": (["new", "swept"], ["B: swept holds a sweep", "'swept/trials/p000-*'"]),
    "a search": (["searched", "new"], ["A: searched holds a search", "searched/trials"]),
    "different things": (["gate/trials", "new"], ["Checkout.config.linger.ms: 0 and 2", "'gate/trials/*-baseline'"]),
    "another schema": (["old", "later"], ["later/result.json has schema 9", "use the version that wrote it"]),
    "zero messages": (["none", "new"], ["A: none moved no message", "loadkit report none"]),
    "no metric in common": (["old", "consumers"], ["no metric in common", "A has throughput", "B has consumed"]),
    "a full folder": (["old", "new", "--out", "old"], ["--out old holds another run"]),
}


def changed(folder: Path, new: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Copy the result `old` under a new name, with its facts changed."""
    shutil.copytree(folder / "old", folder / new)
    path = folder / new / "result.json"
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))


@ahead
def comparisons(folder: Path) -> tuple[Path, dict[str, Done]]:
    """Return the folder of some results, and what every command did in it."""
    (folder / "orders.py").write_text(SCENARIO)
    state = {"LOADKIT_STATE": str(folder / "state")}
    done = run_all(RUNS, folder, 500, **state)
    for one in sorted((folder / "gate" / "trials").glob("*-baseline")):
        shutil.copytree(one, folder / "before" / one.name)
    for name, file in (("swept", "sweep.json"), ("searched", "max.json")):
        (folder / name).mkdir()
        (folder / name / file).write_text("{}")
    (folder / "state").mkdir(exist_ok=True)
    changed(folder, "later", lambda facts: facts.update(schema=9))
    changed(folder, "elsewhere", lambda facts: facts["environment"].update(cores=64))
    changed(folder, "none", lambda facts: facts.update(status="failed"))  # before its first message
    for file in ("histograms.hlog", "series.jsonl"):
        (folder / "none" / file).write_text("")
    result_fixture.write(folder / "both", result_fixture.Shape(seconds=12, warmup=0, rate=1000))
    result_fixture.write(folder / "consumers", result_fixture.Shape(seconds=12, warmup=0, producers=()))
    wrong = {name: ["compare", *words, *([] if "--out" in words else ["--out", f"no {name}"])]
             for name, (words, _) in WRONG.items()}  # fmt: skip
    return folder, {**done, **run_all({**COMPARED, **wrong}, folder, 500, **state)}


place, done = parts("comparisons", "place", "done")


def document(done: dict[str, Done], name: str) -> dict[str, Any]:
    """Return what a comparison printed; it must have ended well."""
    assert done[name].code == 0, done[name].err
    found: dict[str, Any] = json.loads(done[name].out)
    return found


def by_metric(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the comparisons of a document by metric."""
    return {one["metric"]: one for one in found["comparisons"]}


def codes(found: dict[str, Any]) -> set[str]:
    """Return the codes of a document's warnings."""
    return {one["code"] for one in found["warnings"]}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_cannot_be_compared_says_why_in_one_sentence(done: dict[str, Done], place: Path, name: str) -> None:
    assert done[name].code == 2, done[name].err
    error = done[name].err
    assert error.startswith("error: ")
    assert all(part in error for part in WRONG[name][1]), error
    assert not (place / f"no {name}").exists()


def test_two_single_results_have_intervals_of_their_seconds_and_no_verdict(done: dict[str, Done], place: Path) -> None:
    """Two milliseconds of linger are two milliseconds of latency."""
    found = document(done, "single")
    assert (found["command"], found["status"], found["verdict"]) == ("compare", "complete", None)
    assert (found["basis"], found["level"]) == ("within", 1 - ALPHA)
    p50 = by_metric(found)["latency.p50"]
    assert p50["b"] - p50["a"] == pytest.approx(2e-3, rel=0.05)
    low, high = p50["interval"]
    assert low < p50["change"] < high
    assert p50["change"] == pytest.approx(p50["b"] / p50["a"] - 1)
    assert p50["b"] == found["metrics"]["latency.p50"]
    rate = by_metric(found)["throughput"]
    assert rate["interval"] is None
    assert "percentiles alone" in rate["why"]
    assert found["differences"] == [{"path": "Checkout.config.linger.ms", "a": "0", "b": "2"}]
    assert codes(found) == {"single_results"}
    assert json.loads((place / "single" / "compare.json").read_text()) == found


def test_the_terminal_says_what_changed_where_they_differ_and_that_it_judges_nothing(done: dict[str, Done]) -> None:
    said = " ".join(done["single"].err.split())
    for part in ("latency.p99 from", "99 % interval", "Run-to-run noise is not in them, so this is no verdict",
                 "Checkout.config.linger.ms 0 2", "loadkit gate", "report: single/report.html"):  # fmt: skip
        assert part in said


def test_the_sides_of_a_gate_stay_paired(done: dict[str, Done]) -> None:
    found = document(done, "pairs")
    told = json.loads(done["gate"].out)["comparisons"][0]
    p50 = by_metric(found)["latency.p50"]
    assert (found["basis"], codes(found)) == ("pairs", set())
    assert p50["change"] == pytest.approx(told["effect"])
    assert p50["interval"] == pytest.approx(told["interval"])


def test_several_results_a_side_are_two_samples(done: dict[str, Done], place: Path) -> None:
    found = document(done, "samples")
    assert (found["basis"], codes(found)) == ("samples", set())
    logs = [
        [np.log(one["metrics"]["latency.p90"]) for one in json.loads((place / "gate" / "gate.json").read_text())["trials"]
         if one["side"] == side] for side in ("baseline", "candidate")
    ]  # fmt: skip
    known = stats.ttest_ind(logs[1], logs[0], equal_var=False).confidence_interval(1 - ALPHA)
    assert by_metric(found)["latency.p90"]["interval"] == pytest.approx([np.expm1(known.low), np.expm1(known.high)])
    assert [len(side["results"]) for side in found["sides"]] == [7, 7]


def test_with_few_results_a_side_there_is_a_change_and_no_interval(done: dict[str, Done]) -> None:
    found = document(done, "few")
    p50 = by_metric(found)["latency.p50"]
    assert p50["change"] == pytest.approx(1.2, abs=0.1)
    assert p50["interval"] is None
    assert p50["why"] == "no interval under 7 results a side; there are 1 and 7"
    assert by_metric(found)["latency.p99.9"]["why"].startswith("B: ")
    assert codes(found) == {"few_results", "other_duration"}


def test_what_makes_a_change_doubtful_is_said(done: dict[str, Done]) -> None:
    found = document(done, "doubtful")
    assert codes(found) == {"single_results", "generator_limited", "other_host", "other_duration"}
    assert found["limit"] == "generator"
    paths = {one["path"] for one in found["differences"]}
    assert {"environment.cores", "Checkout.config.linger.ms"} & paths == {"environment.cores"}


@pytest.mark.parametrize("name", ["single", "pairs", "samples", "few"])
def test_the_page_has_what_changed_the_percentiles_the_seconds_and_the_differences(
    done: dict[str, Done], place: Path, name: str
) -> None:
    assert done[name].code == 0
    page = (place / name / "report.html").read_text()
    for part in ("What changed", "Latency by percentile", "Shift of each percentile", "of the trial, all trials",
                 "Where they differ", "Checkout.config.linger.ms"):  # fmt: skip
        assert part in page
    assert "This section could not be made" not in page


def test_a_class_of_one_side_alone_is_said_to_be_there(done: dict[str, Done]) -> None:
    said = " ".join(done["classes"].out.split())
    assert "Checkout there –" in said
    assert "end_to_end.p50" in said
    assert "B: no class of the scenario produces" in said


def test_two_samples_are_yuens_and_under_ten_welchs() -> None:
    rng = np.random.default_rng(1)
    few, many = rng.normal(0, 1, 8), rng.normal(0.4, 3, 25)
    welch = stats.ttest_ind(many[:9], few, equal_var=False).confidence_interval(0.98)
    assert two_samples(few, many[:9], 0.01)[1:] == pytest.approx((welch.low, welch.high))
    other = rng.normal(0, 1, 14)
    yuen = stats.ttest_ind(many, other, equal_var=False, trim=0.1)
    middle, low, high = two_samples(other, many, yuen.pvalue / 2)
    assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-9)
    assert middle == pytest.approx(stats.trim_mean(many, 0.1) - stats.trim_mean(other, 0.1))


def test_two_samples_of_unlike_noise_miss_a_known_difference_as_seldom_as_said() -> None:
    """At 5 % an end, 2,000 comparisons miss in 10 %, give or take 2 %."""
    rng = np.random.default_rng(2)
    missed = 0
    for _ in range(2000):
        _, low, high = two_samples(rng.normal(1, 0.2, 7), rng.normal(1.5, 1.0, 12), 0.05)
        missed += not low <= 0.5 <= high
    assert 0.08 <= missed / 2000 <= 0.12


def test_one_result_a_side_has_no_ends_and_equal_ones_no_width() -> None:
    assert two_samples([1.0], [2.0, 2.5], 0.005) == (pytest.approx(1.25), -np.inf, np.inf)
    assert two_samples([1.0, 1.0], [2.0, 2.0], 0.005) == (1.0, 1.0, 1.0)


def test_the_interval_of_a_ratio_follows_from_those_of_both_sides() -> None:
    """Ends of equal distance add up as standard deviations do; ends of unlike distance each to the side they push to."""
    around = np.log([2.0, 1.0, 4.0])
    middle, low, high = ratio(tuple(around), tuple(around))
    assert middle == 0
    assert (low, high) == (pytest.approx(-np.sqrt(2) * np.log(2)), pytest.approx(np.sqrt(2) * np.log(2)))
    sure, unsure = np.log([2.0, 2.0, 2.0]), np.log([6.0, 5.0, 9.0])
    assert np.exp(ratio(tuple(sure), tuple(unsure))) == pytest.approx([3, 2.5, 4.5])
    assert np.exp(ratio(tuple(unsure), tuple(sure))) == pytest.approx([1 / 3, 1 / 4.5, 1 / 2.5])


def test_intervals_of_the_ratio_of_two_runs_cover_the_truth() -> None:
    """Two runs of 60 s whose p90 is the same: at 99 % the ratio's interval misses 1 in about 1 % of 200 comparisons."""
    rng, missed = np.random.default_rng(4), 0
    for _ in range(200):
        around = []
        for _ in range(2):
            track = Run(np.repeat(np.arange(60), 50), rng.exponential(1e4, 3000)).track
            low, high = log_ends(track, [0.9], 0.99)
            around.append((np.log(track.total.quantiles([0.9]) / 1e6), low, high))
        _, low, high = ratio(*around)
        missed += not low[0] <= 0 <= high[0]
    assert missed <= 7
