"""What a planner may type, and what a wrong file is told."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from sizing_fixture import data, needs

from loadkit import init
from loadkit.errors import UsageError
from loadkit.sizing.requirements import parse, read

EXAMPLES = sorted((Path(__file__).parent.parent / "scenarios" / "sizing").glob("*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_can_be_read(path: Path) -> None:
    """An example says what it is for, and states a peak and an objective or a group."""
    made = read(path)
    assert made.description
    assert all(topic.peak for topic in made.topics)


def test_the_template_is_a_whole_file(tmp_path: Path) -> None:
    """What `loadkit init requirements` writes can be planned as it is."""
    path = init.write("requirements", tmp_path / "r.toml")
    assert read(path).topics[0].name == "orders"
    assert str(path) in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rate", "messages"),
    [("20k/s", 20_000), (300, 300), ("1MB/s", 1e6 / 1024), ("86400M/day", 1e6), ("2TB/day", 2e12 / 86400 / 1024), ("0/s", 0)],
)  # fmt: skip
def test_a_rate_is_of_messages_or_of_bytes(rate: Any, messages: float) -> None:
    """Bytes a second are turned into messages by the mean size."""
    assert needs(topics__0__rate=rate, topics__0__peak=None).topics[0].messages == pytest.approx(messages)


@pytest.mark.parametrize(
    ("text", "seconds"), [("7d", 604_800), ("2w", 1_209_600), ("1y", 31_536_000), ("forever", math.inf)]
)
def test_retention_is_a_time_or_for_ever(text: str, seconds: float) -> None:
    """Weeks and years are understood, and an end is not needed."""
    assert needs(topics__0__retention=text).topics[0].retention == seconds


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"topics__0__rate": "fast"}, "topics[0].rate: 'fast' is not a rate"),
        ({"topics__0__peak": "1k/s"}, "topics[0]: peak 1000 msg/s is below the average rate 8000 msg/s"),
        ({"topics__0__ratee": "1/s"}, "unknown key topics[0].ratee (did you mean 'rate'?)"),
        ({"topics__0__size": None}, "topics[0].size is missing"),
        ({"topics__0__size": 0}, "topics[0].size: input should be greater than 0"),
        ({"topics__0__cleanup": "compact"}, "topics[0]: live_keys is missing"),
        ({"topics__0__cleanup": "compact", "topics__0__keyed": False}, "topics[0]: cleanup compacts by key"),
        ({"topics__0__slo": "latency.p99 < soon"}, "topics[0].slo: 'latency.p99 < soon'"),
        ({"topics__0__slo": "speed < 1ms"}, "topics[0].slo: speed: no such metric"),
        ({"topics__0__hottest_key": "150%"}, "topics[0].hottest_key: input should be less than or equal to 1"),
        ({"topics__0__groups__0__process_time": "-1ms"}, "topics[0].groups[0].process_time"),
        ({"topics": []}, "topics: tuple should have at least 1 item"),
        ({"platform__kind": "kafka"}, "platform.kind: input should be 'self-managed', 'strimzi'"),
        ({"platform__shapes": None}, "platform: shapes is missing"),
        ({"platform__kind": "msk-standard"}, "platform: shapes is given"),
        ({"platform__replication_factor": 2}, "replication_factor = 2 with min_insync_replicas = 2 is never recommended"),
        ({"platform__min_insync_replicas": 3}, "is never recommended"),
        ({"prices": {"currency": "EUR"}}, "prices.date is missing"),
        ({"prices": {"currency": "EUR", "date": "2026-11-01", "hour": {"x": -1}}}, "prices.hour: x: -1.0 is no price"),
        ({"growth__per_month": "much"}, "growth.per_month: 'much' is not a share"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_its_path(changes: dict[str, Any], says: str) -> None:
    """The message names the place in the file and what was expected there."""
    with pytest.raises(UsageError) as refused:
        parse(data(**changes), "r.toml")
    assert says in str(refused.value)
    assert str(refused.value).startswith("r.toml: ")
    assert refused.value.exit_code == 2


def test_what_is_no_file_or_no_toml_is_told_so(tmp_path: Path) -> None:
    """Both say what to do."""
    with pytest.raises(UsageError, match="loadkit init requirements"):
        read(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = [", encoding="utf-8")
    with pytest.raises(UsageError, match="is not TOML"):
        read(tmp_path / "bad.toml")
