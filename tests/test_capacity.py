"""What one load process makes: stored by class of machine, looked up by setting and size, and told in a result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import result_fixture as made
from running import Command

from loadkit import calibrated
from loadkit.capacity import CLASS, TYPICAL, Point, Setting, capacity, changes, settings
from loadkit.changes import with_settings
from loadkit.report.sections import generator
from loadkit.report.view import view_of
from loadkit.result import load
from loadkit.scenario import ProducerWorkload, Scenario, Topic
from loadkit.summary import summarise

PLAIN = Setting("fast")
FLOOD = ProducerWorkload(name=CLASS, topic=Topic("flood", partitions=6), payload="constant(size='1KiB')")
POINTS = [
    Point(PLAIN, 100, 1_000_000), Point(PLAIN, 10_000, 10_000),
    Point(TYPICAL, 100, 400_000), Point(TYPICAL, 10_000, 20_000),
    Point(Setting("sink"), 1_000, 3_000_000),
]  # fmt: skip


def test_between_two_sizes_the_rate_is_linear_in_logarithms() -> None:
    """Half-way between 100 B and 10 kB is 1 kB; at the ends it is what was measured."""
    for size, rate in ((100, 1_000_000), (1000, 100_000), (10_000, 10_000), (200, 500_000)):
        found = capacity(POINTS, PLAIN, size)
        assert found
        assert (found.rate, found.exact) == (pytest.approx(rate), True)


@pytest.mark.parametrize(
    ("setting", "size", "rate", "exact"),
    [
        (PLAIN, 108, 920_000, True),
        (PLAIN, 95, 1_000_000, True),
        (PLAIN, 60, 1_000_000, False),
        (PLAIN, 15_000, 10_000, False),
        (PLAIN, 40, None, False),
        (PLAIN, 25_000, None, False),
        (Setting("standard"), 1000, None, False),
        (Setting("fast", "json_like", True, "zstd"), 100, 400_000, False),
        (Setting("fast", "constant", False, "none", ("TLS",)), 100, 1_000_000, False),
        (Setting("fast", "random", True, "lz4"), 100, 400_000, False),
        (Setting("sink", "json_like", True), 1000, 3_000_000, False),
        (Setting("sink"), 1050, 3_000_000, True),
    ],
)
def test_the_nearest_of_a_lane_stands_in_and_says_so(setting: Setting, size: float, rate: Any, exact: bool) -> None:
    """Another lane or a size far beyond fits nothing; another setting fits, and judges nothing."""
    found = capacity(POINTS, setting, size)
    if rate is None:
        assert found is None
    else:
        assert found
        assert (found.rate, found.exact) == (pytest.approx(rate, rel=0.02), exact)


def test_a_point_comes_back_as_it_was_stored() -> None:
    """Through JSON, with what costs besides."""
    point = Point(Setting("fast", "random", True, "zstd", ("TLS", "transactions")), 1024.0, 5.5, 1e-6)
    assert Point.of(json.loads(json.dumps(point.facts()))) == point


def with_changes(pairs: list[tuple[str, Any]]) -> ProducerWorkload:
    """Return the producing class of a calibration with settings of its own."""
    return with_settings(Scenario(name="calibrate", producers=(FLOOD,)), pairs).producers[0]


def of(**fields: Any) -> ProducerWorkload:
    """Return the same with some of its fields changed."""
    return with_changes([(f"{CLASS}.{name}", value) for name, value in fields.items()])


@pytest.mark.parametrize(
    ("fields", "lane", "config", "setting"),
    [
        ({}, "fast", {}, PLAIN),
        ({"payload": "json_like", "key": "zipf(10)"}, "fast", {"compression.type": "lz4"}, TYPICAL),
        ({"payload": "random"}, "sink", {"compression.type": "lz4"}, Setting("sink", "random")),
        ({}, "standard (batches carry no headers)", {}, Setting("standard")),
        ({"stamp": "header"}, "standard", {}, Setting("standard", more=("headers",))),
        ({}, "fast", {"security.protocol": "sasl_ssl"}, Setting("fast", more=("TLS",))),
        (
            {}, "fast", {"compression.type": "lz4", "compression.level": "9"},
            Setting("fast", compression="lz4", more=("compression level",)),
        ),
        (
            {"payload": "constant(size={'kind': 'uniform', 'low': 100, 'high': 200})"}, "fast", {},
            Setting("fast", more=("mixed sizes",)),
        ),
    ],
)  # fmt: skip
def test_the_setting_of_a_class_names_what_costs(
    fields: dict[str, Any], lane: str, config: dict[str, str], setting: Setting
) -> None:
    """From a scenario's class, the lane it took and the client settings in force."""
    assert calibrated.setting_of(of(**fields), lane, config) == setting


def test_a_point_of_a_calibration_is_measured_at_the_setting_that_it_names() -> None:
    """What the trial's class becomes reads back as the same setting and size, for every point there is."""
    for quick in (True, False):
        for setting, sizes in settings(quick):
            for size in sizes:
                workload = with_changes(changes(setting, size))
                config = {**workload.config, "compression.type": setting.compression}
                assert calibrated.setting_of(workload, setting.lane, config) == setting
                assert workload.mean_size == size
    everything = {(setting, size) for setting, sizes in settings(False) for size in sizes}
    assert {(setting, size) for setting, sizes in settings(True) for size in sizes} <= everything


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what is stored in a folder of the test."""
    monkeypatch.setenv("LOADKIT_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def stored(**changes: Any) -> None:
    """Store a calibration of this machine."""
    found = {"date": "2026-01-02", "busy": False, "points": [point.facts() for point in POINTS], **changes}
    calibrated.store(calibrated.machine(), found)


def test_what_is_stored_for_this_class_of_machine_stands_beside_a_class(state: Path) -> None:
    """Rate, setting and date; nothing without a calibration, with a damaged one, or where none fits."""
    workload = of(**{"payload.size": 100})
    assert calibrated.beside(workload, "fast", {}) == {}
    stored()
    told = {
        "rate": 1_000_000,
        "exact": True,
        "of": "100 B by fast lane, constant values without keys",
        "date": "2026-01-02",
    }
    assert calibrated.beside(workload, "fast", {}) == {"calibrated": told}
    assert calibrated.beside(workload, "simulated", {}) == {}
    stored(busy=True)
    assert calibrated.beside(workload, "fast", {})["calibrated"]["exact"] is False
    stored(points=[{"lane": "fast"}])
    assert calibrated.beside(workload, "fast", {}) == {}
    (place,) = (state / "calibration").glob("*.json")
    place.write_text('{"schema": 9}')
    assert calibrated.stored(calibrated.machine()) is None


def test_a_calibration_of_another_class_of_machine_is_not_taken(state: Path) -> None:
    """It is stored under the class's id."""
    calibrated.store({"id": "another"}, {"points": [point.facts() for point in POINTS]})
    assert calibrated.beside(of(**{"payload.size": 100}), "fast", {}) == {}
    assert (state / "calibration" / "another.json").exists()


def test_a_summary_says_the_same_wherever_it_is_made_again(tmp_path: Path, state: Path) -> None:
    """The figure a trial was compared with stands in its result, and counts classes and processes together."""
    out = made.several(tmp_path / "run", seconds=12, warmup=1)
    assert not [text for text in summarise(load(out)).evidence if "one of this machine" in text]
    facts = json.loads((out / "result.json").read_text())
    for name, rate in (("Checkout", 40_000), ("Refund", 80_000)):
        facts["classes"][name]["calibrated"] = {"rate": rate, "exact": True, "of": "x", "date": "2026-01-02"}
    (out / "result.json").write_text(json.dumps(facts))
    result = load(out)
    processes = len({row["name"] for row in result.of_kind("host")})
    assert f"at {(20 / 40 + 20 / 80) / processes:.0%} of what one of this machine makes" in str(
        summarise(result).evidence
    )
    del facts["classes"]["Refund"]["calibrated"]
    (out / "result.json").write_text(json.dumps(facts))
    assert not [text for text in summarise(load(out)).evidence if "one of this machine" in text]


def test_the_report_says_how_the_trial_compares_or_how_to_find_out(tmp_path: Path) -> None:
    """In the section of the load generator, class by class; a nearest setting is named as such."""
    out = made.healthy(tmp_path / "run", seconds=12, warmup=1)
    view = view_of(result := load(out), summarise(result))
    assert "`loadkit calibrate` finds out" in str(generator.build(view))
    facts = json.loads((out / "result.json").read_text())
    for exact, words in ((True, "makes of x (calibrated"), (False, "makes of x, the nearest that was calibrated (")):
        facts["classes"]["Checkout"]["calibrated"] = {"rate": 80_000, "exact": exact, "of": "x", "date": "2026-01-02"}
        (out / "result.json").write_text(json.dumps(facts))
        view = view_of(result := load(out), summarise(result))
        said = str(generator.build(view))
        assert f"Checkout: {20 / 80:.0%} of the 80,000 msg/s that one load process {words}" in said
        assert "2026-01-02" in said


def test_the_command_measures_prints_and_stores(tmp_path: Path) -> None:
    """A process of its own, its loop and the mock cluster and all, at two points and tiny lengths."""
    code = (
        "from loadkit import drive_capacity as d; from loadkit.capacity import Setting as S; from loadkit.cli import main; "
        "d.QUICK = d.Length(0.0, 1.0); d.settings = lambda quick: ((S('fast'), (1024,)), (S('sink'), (1024,))); main()"
    )
    ended = Command(tmp_path / "out", "calibrate", "--quick", "--json", code=code).ended().ok()
    document = ended.document
    assert (document["command"], document["status"], document["limit"]) == ("calibrate", "complete", "generator")
    fast, sink = map(Point.of, document["points"])
    assert (fast.setting.lane, sink.setting.lane) in {("fast", "sink"), ("standard", "sink")}
    assert min(fast.rate, sink.rate) > 1000
    assert all(point.cpu is None or point.cpu > 0 for point in (fast, sink))
    kept = json.loads(Path(document["out"]).read_text())
    assert kept["points"] == document["points"]
    assert Path(document["out"]).parent == tmp_path / "state" / "calibration"
    assert "1.00 KiB" in ended.stderr
    assert "fast lane, constant values without keys" in " ".join(ended.stderr.split())
