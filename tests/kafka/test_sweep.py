"""A small sweep on a real Kafka: every trial on topics of its own, which are gone when it has ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import SCENARIOS, Command, Ended, topic_names

from loadkit.targets.embedded import EmbeddedCluster

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def swept(target: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A 2 x 2 sweep of trials of a second."""
    out = tmp_path_factory.mktemp("sweeps") / "sweep"
    return Command(
        out, "sweep", str(SCENARIOS / "steady.py"), "--target", str(target), "--vary", "linger.ms=0,20", "--vary",
        "ticks.partitions=1,3", "--set", "Clock.rate=200/s", "--duration", "1s", "--warmup", "500ms",
        "--slo", "errors == 0", "--objective", "latency.p50", "--out", str(out), "--json",
    ).ended()  # fmt: skip


def test_every_point_is_measured_whole(swept: Ended) -> None:
    """Nothing is lost between trials; a target that keeps one copy makes every point unsafe, so none can pass."""
    assert swept.code == 1, swept.stderr
    assert (swept.document["verdict"], swept.document["best"]) == ("fail", None)
    assert "no_safe_point" in {warning["code"] for warning in swept.document["warnings"]}
    data = json.loads((swept.out / "sweep.json").read_text())
    assert [trial["status"] for trial in data["trials"]] == ["complete"] * 5
    assert data["target"]["kind"] == "external"
    for trial in data["trials"]:
        result = json.loads((swept.out / trial["folder"] / "result.json").read_text())
        assert result["totals"]["Clock"]["acked"] == 200
        assert result["integrity"]["lost"] == result["integrity"]["unread"] == 0


def test_each_trial_had_fresh_topics_and_none_is_left(swept: Ended, kafka1: EmbeddedCluster) -> None:
    """A point's partitions are its own, and the cluster is as it was before."""
    data = json.loads((swept.out / "sweep.json").read_text())
    names, partitions = set(), {}
    for trial in data["trials"]:
        topic = json.loads((swept.out / trial["folder"] / "result.json").read_text())["target"]["topics"]["ticks"]
        names.add(topic["name"])
        partitions[trial["point"]] = topic["partitions"]
    assert len(names) == 5
    assert partitions == {"p000": 1, "p001": 3, "p002": 1, "p003": 3}
    assert not names & topic_names(kafka1)
