"""What results on disk say of ceilings: what was reached, what was only carried, and what may not be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import max_fixture
import pytest
import sweep_fixture

from loadkit.errors import UsageError
from loadkit.sizing import choices
from loadkit.sizing.ceilings import measure
from loadkit.sizing.evidence import Evidence, Point, gather
from loadkit.sizing.model import cpu


@pytest.fixture(scope="module")
def sweep() -> Path:
    """Return a sweep of linger.ms, batch.size and acks on a simulated cluster that has room to spare."""
    return sweep_fixture.whole()


@pytest.fixture(scope="module")
def search() -> Path:
    """Return a search that found 1,345 msg/s."""
    return max_fixture.whole()


def changed(folder: Path, to: Path, **target: Any) -> Path:
    """Return a copy of a folder of results whose targets say something else."""
    shutil.copytree(folder, to)
    for path in to.rglob("result.json"):
        facts = json.loads(path.read_text(encoding="utf-8"))
        facts["target"] |= target
        path.write_text(json.dumps(facts), encoding="utf-8")
    return to


def test_a_search_gives_the_ceiling_of_a_broker_with_its_interval(search: Path) -> None:
    """Its answer in write equivalents: with one copy and one reader, what comes in and a quarter of what goes out."""
    found = measure(gather([search]), max_fixture.SLO, demo=True)
    assert found.messages is not None
    assert found.work is not None
    assert found.messages.low <= 1345 <= found.messages.high
    assert found.work.mid == pytest.approx(found.messages.mid * 1024 * 1.25, rel=0.01)
    assert found.demo == "simulated"
    assert found.broken == ""


def test_unsafe_trials_never_count(sweep: Path) -> None:
    """Points with acks=1 are read, set aside with the reason, and give no ceiling."""
    found = gather([sweep])
    assert found.points
    assert all(point.settings.get("acks", "all") == "all" for point in found.points)
    assert any("acks=1" in said for said in found.set_aside)


def test_a_load_that_was_merely_carried_is_no_ceiling(sweep: Path) -> None:
    """The lower bound is kept, and that the limit was not reached is said."""
    found = measure(gather([sweep]), (), demo=True)
    assert found.work is None
    assert found.work_at_least > 0
    assert any("no trial reached" in note for note in found.notes)


def test_an_objective_that_no_trial_holds_is_told_with_the_best_seen(search: Path) -> None:
    """And one that was never measured is told apart from that."""
    strict = measure(gather([search]), ("latency.p99 < 0.1ms",), demo=True)
    assert strict.broken.startswith("latency.p99 < 0.1ms: the best of 14 trials is")
    odd = measure(gather([search], ["commit.p99"]), ("commit.p99 < 1s",), demo=True)
    assert odd.broken == ""
    assert odd.unknown == ("commit.p99 < 1s",)
    further = gather([search], ["latency.p99.5"])
    assert further.points[0].metrics["latency.p99.5"] is not None


def test_simulated_and_co_located_results_are_refused_without_demo(search: Path, tmp_path: Path) -> None:
    """The message says what to do."""
    with pytest.raises(UsageError, match=r"simulated cluster.*--demo"):
        measure(gather([search]), (), demo=False)
    near = changed(search, tmp_path / "near", kind="embedded", co_located=True)
    with pytest.raises(UsageError, match=r"the generator's own machine.*--demo"):
        measure(gather([near]), (), demo=False)
    assert measure(gather([near]), (), demo=True).demo == "co-located"


def test_a_real_cluster_is_taken_with_its_shape_brokers_and_copies(search: Path, tmp_path: Path) -> None:
    """Three brokers with three copies: a broker's share is the whole rate, and followers read twice."""
    real = changed(search, tmp_path / "real", kind="external", co_located=False, cluster={"brokers": 3},
                   topics={"orders": {"replication_factor": 3}}, properties={"cluster": {"shape": "m7g.large"}})  # fmt: skip
    found = measure(gather([real]), max_fixture.SLO, demo=False)
    assert (found.demo, found.shape, found.brokers) == ("", "m7g.large", 3)
    assert found.messages is not None
    assert found.messages.low <= 1345 <= found.messages.high
    assert found.work is not None
    assert found.work.mid == pytest.approx(found.messages.mid * 1024 * (3 + 0.25 * (2 + 1)) / 3, rel=0.01)


def test_what_is_no_result_is_told_so(tmp_path: Path) -> None:
    """An empty folder, one that is not there, and one whose trials died."""
    with pytest.raises(UsageError, match="no such folder"):
        gather([tmp_path / "none"])
    with pytest.raises(UsageError, match="holds no trial"):
        gather([tmp_path])
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / "result.json").write_text('{"status": "running"}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"no trial can be used \(.*running"):
        measure(gather([tmp_path]), (), demo=True)


def point(rate: float, limit: str = "none", **fields: Any) -> Point:
    """Return one trial of a real cluster at a rate."""
    throughput = fields.pop("throughput", rate)
    standard: dict[str, Any] = {"kind": "external", "co_located": False, "shape": "s", "brokers": 1, "copies": 1, "settings": {},
                                "metrics": {"throughput": throughput, "latency.p99": 0.005}}  # fmt: skip
    return Point(f"t{rate}", "f", "2026-11-20T00:00:00+00:00", limit=limit, offered=rate, throughput=throughput,
                 wire=throughput * 1000, read=0.0, ratio=None, consumer_rate=0.0, **{**standard, **fields})  # fmt: skip


def test_a_failure_far_above_says_little() -> None:
    """Between 1,000 that passed and 8,000 that failed the ceiling is taken a tenth above what passed."""
    made = measure(Evidence(("x",), (point(1000), point(8000, "cluster", throughput=5000)), ()), (), demo=False)
    assert made.messages is not None
    assert made.messages.low <= 1000 < made.messages.mid <= 1100
    assert made.messages.high == 8000


def test_a_generator_that_gave_out_gives_no_ceiling() -> None:
    """What it carried is a lower bound of nobody's capacity."""
    made = measure(Evidence(("x",), (point(1000), point(9000, "generator", throughput=4000)), ()), (), demo=False)
    assert made.work is None
    assert made.messages_at_least == 1000
    assert any("limited by the generator" in note for note in made.notes)


def test_a_generator_that_gave_out_breaks_no_objective() -> None:
    """Its latencies are its own: whether the cluster holds the objective is not known."""
    late = {"throughput": 900.0, "latency.p99": 0.8}
    made = measure(
        Evidence(("x",), (point(1000, "generator", throughput=900, metrics=late),), ()),
        ("latency.p99 < 0.2s",),
        demo=False,
    )
    assert made.broken == ""
    assert made.unknown == ("latency.p99 < 0.2s",)


def test_cpu_is_fitted_over_the_brokers_of_all_trials() -> None:
    """Twelve readings of busy cores over a factor of ten in load."""
    busy = tuple((cpu.Load(x * 1e6), 0.1 + 0.04 * x) for x in range(2, 26, 2))
    made = measure(Evidence(("x",), (point(1000, busy=busy),), ()), (), demo=False)
    assert made.cpu is not None
    assert made.cpu.by_work.mid == pytest.approx(4e-8)


def test_settings_come_with_their_effect_and_who_measured_it(sweep: Path) -> None:
    """Those that were varied as measured, the others as they were."""
    found = measure(gather([sweep]), (), demo=True)
    made = {one.effect.setting: one for one in choices.choices([sweep], found)}
    linger = made["linger.ms"]
    assert linger.effect.measured
    assert linger.effect.client.startswith("librdkafka")
    assert linger.levels
    assert linger.effect.low is not None
    assert linger.effect.mid is not None
    assert linger.effect.high is not None
    assert linger.effect.low <= linger.effect.mid <= linger.effect.high
    assert made["batch.size"].effect.value in ("16384", "131072")
    assert not made["compression.type"].effect.measured
    assert "acks" not in made
