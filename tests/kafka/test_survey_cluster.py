"""Requirements proposed from a running cluster, without writing anything to it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import confluent_kafka as ck
import pytest
from running import target_file

from loadkit import drive_size
from loadkit.sizing import plan as planning
from loadkit.sizing import requirements
from loadkit.target import load_target
from loadkit.targets import admin, look
from loadkit.targets.embedded import EmbeddedCluster

pytestmark = pytest.mark.kafka


def test_a_running_cluster_is_read_and_can_be_planned(kafka1: EmbeddedCluster, tmp_path: Path) -> None:
    """Rate, size, skew, retention and lag of a topic as they are; no group, topic or offset is added."""
    target = load_target(str(target_file(tmp_path, kafka1)))
    connection = admin.connect(target.client_config("admin"))
    admin.create_topics(connection, [admin.TopicPlan("surveyed", 4, 1, {"retention.ms": "7200000"})])
    producer = ck.Producer({"bootstrap.servers": kafka1.bootstrap})
    group = ck.Consumer({"bootstrap.servers": kafka1.bootstrap, "group.id": "readers"})
    try:
        for at in range(400):
            producer.produce("surveyed", b"x" * 500, b"hot" if at % 2 else f"key{at}".encode())
        producer.flush(20)
        group.commit(offsets=[ck.TopicPartition("surveyed", 0, 0)], asynchronous=False)
        groups, ends = look.group_names(connection), admin.end_offsets(connection, "surveyed")
        made = drive_size.propose(str(target.path), tmp_path / "proposed", lambda text: None, seconds=1.0)
        assert (look.group_names(connection), admin.end_offsets(connection, "surveyed")) == (groups, ends)
        seen = next(one for one in made["topics"] if one["name"] == "surveyed")
        assert 500 < seen["size"] < 510
        assert seen["partitions"] == 4
        assert 0.45 < seen["hottest_key"] < 0.55
        assert seen["groups"] == {"readers": ends[0]}
        needs = requirements.read(tmp_path / "proposed" / "requirements.toml")
        topic = next(one for one in needs.topics if one.name == "surveyed")
        assert topic.retention == 7200
        assert topic.partitions == 4
        assert [one.name for one in topic.groups] == ["readers"]
        assert planning.make(needs, None, date(2026, 11, 26)).alternatives
    finally:
        group.close()
        admin.delete_topics(connection, ["surveyed"])
        admin.delete_groups(connection, ["readers"])
