"""Topics, groups and offsets of a real Kafka."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka as ck
import pytest

from loadkit import ledger
from loadkit.errors import TargetError, TopicError
from loadkit.target import Target, load_target
from loadkit.targets import admin
from loadkit.targets.admin import Connection, TopicPlan
from loadkit.targets.embedded import EmbeddedCluster

pytestmark = pytest.mark.kafka


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the ledger of these tests to themselves."""
    monkeypatch.setenv("LOADKIT_STATE", str(tmp_path))


@pytest.fixture
def target(kafka1: EmbeddedCluster, tmp_path: Path) -> Target:
    """Return the one-node cluster as a team would name it: by a file."""
    path = tmp_path / "t.toml"
    path.write_text(
        f'[client]\n"bootstrap.servers" = "{kafka1.bootstrap}"\n[topics]\nreplication_factor = 1\n'
        '[limits]\nmax_rate = "1MB/s"\nmax_bytes = "1MB"\nmax_partitions = 9\n'
    )
    return load_target(str(path))


@pytest.fixture
def connection(target: Target) -> Connection:
    """Return a connection to it."""
    return admin.connect(target.client_config("admin"))


@pytest.fixture
def topic(connection: Connection) -> Iterator[str]:
    """Return a topic of three partitions, gone afterwards."""
    name = f"loadkit.{uuid.uuid4().hex[:8]}.orders"
    admin.create_topics(connection, [TopicPlan(name, 3, 1, {"retention.ms": "3600000"})])
    yield name
    admin.delete_topics(connection, [name])


def fill(connection: Connection, topic: str, counts: dict[int, int]) -> None:
    """Send so many messages to each partition."""
    producer = ck.Producer({"bootstrap.servers": connection.address})
    for partition, count in counts.items():
        for _ in range(count):
            producer.produce(topic, b"x", partition=partition)
    assert producer.flush(20) == 0


def test_a_cluster_tells_who_it_is(connection: Connection, kafka1: EmbeddedCluster) -> None:
    """Id, brokers, controller, release."""
    cluster = connection.cluster
    assert cluster.id
    assert [f"{broker.host}:{broker.port}" for broker in cluster.brokers] == [kafka1.bootstrap]
    assert cluster.controller == cluster.brokers[0].id
    assert cluster.racks == ()
    assert kafka1.kafka_version.startswith(cluster.version)
    assert cluster.version


def test_a_topic_is_ready_when_it_was_created(connection: Connection, topic: str) -> None:
    """Every partition has a leader, and the properties asked for."""
    partitions = admin.describe_topics(connection, [topic])[topic]
    assert [part.id for part in partitions] == [0, 1, 2]
    assert all(part.leader == part.replicas[0] and part.in_sync == part.replicas for part in partitions)
    assert admin.topic_configs(connection, topic)["retention.ms"] == "3600000"


def test_a_topic_that_exists_is_left_alone(connection: Connection, topic: str) -> None:
    """The way out is to say so in the scenario and the target."""
    fill(connection, topic, {0: 2})
    with pytest.raises(TopicError, match=rf"{topic}.*existing=True.*allow_existing"):
        admin.create_topics(connection, [TopicPlan(topic, 1, 1)])
    assert admin.end_offsets(connection, topic) == {0: 2, 1: 0, 2: 0}


@pytest.mark.parametrize(
    ("plan", "part"),
    [
        (TopicPlan("loadkit.r.x", 3, 5), "replication factor 5 is not possible on 1 brokers"),
        (TopicPlan("loadkit.r.x", 3, 1, {"retention.msx": "1"}), "retention.msx"),
        (TopicPlan("loadkit.r.x", 3, 1, {"min.insync.replicas": "many"}), "min.insync.replicas"),
        (TopicPlan("not a name", 3, 1), "is not a name this cluster takes"),
    ],
)
def test_a_topic_that_cannot_be_says_why(connection: Connection, plan: TopicPlan, part: str) -> None:
    """And is not there afterwards."""
    with pytest.raises(TopicError, match=part):
        admin.create_topics(connection, [plan])
    assert admin.describe_topics(connection, ["loadkit.r.x"], absent_is_error=False) == {}


def test_a_missing_topic_is_named_and_not_created(connection: Connection) -> None:
    """Asking must never make one."""
    for ask in (lambda: admin.describe_topics(connection, ["nope"]), lambda: admin.end_offsets(connection, "nope")):
        with pytest.raises(TopicError, match="'nope' does not exist"):
            ask()
    assert "nope" not in connection.client.list_topics(timeout=10).topics


def test_offsets_count_what_was_sent_and_committed(connection: Connection, topic: str) -> None:
    """First, end and committed offsets by partition; none is not 0."""
    fill(connection, topic, {0: 3, 2: 5})
    group = f"{topic}-group"
    assert admin.beginning_offsets(connection, topic) == {0: 0, 1: 0, 2: 0}
    assert admin.end_offsets(connection, topic) == {0: 3, 1: 0, 2: 5}
    assert admin.committed(connection, group, topic) == {}
    consumer = ck.Consumer({"bootstrap.servers": connection.address, "group.id": group})
    consumer.commit(offsets=[ck.TopicPartition(topic, 2, 4)], asynchronous=False)
    consumer.close()
    assert admin.committed(connection, group, topic) == {2: 4}
    assert admin.delete_groups(connection, [group, "nope"]) == [group]
    assert admin.committed(connection, group, topic) == {}


def test_settings_of_groups_and_brokers(connection: Connection) -> None:
    """A share group's start is set; a broker tells its settings."""
    admin.set_group_config(connection, "loadkit.r.share", {"share.auto.offset.reset": "earliest"})
    with pytest.raises(TargetError, match="Unknown group config"):
        admin.set_group_config(connection, "loadkit.r.share", {"share.auto.offset.rest": "earliest"})
    assert int(admin.broker_configs(connection, connection.cluster.brokers[0].id)["min.insync.replicas"]) >= 1


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"bootstrap.servers": "127.0.0.1:1"}, ["127.0.0.1:1", "Connection refused", "check bootstrap.servers"]),
        ({"bootstrap.servers": "no.such.host.invalid:9092"}, ["no.such.host.invalid", "resolve"]),
        ({"security.protocol": "ssl"}, ["security.protocol", "PLAINTEXT"]),
        ({"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "me",
          "sasl.password": "pw"}, ["takes no login", "security.protocol = PLAINTEXT"]),
    ],
)  # fmt: skip
def test_a_cluster_out_of_reach_says_what_to_check(target: Target, change: dict[str, str], parts: list[str]) -> None:
    """Within the time limit, and at once where waiting is of no use."""
    began = time.monotonic()
    with pytest.raises(TargetError) as caught:
        admin.connect({**target.client_config("admin"), **change}, timeout=2)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert caught.value.exit_code == 3
    assert time.monotonic() - began < 20


def test_clean_deletes_what_the_ledger_says_and_nothing_else(target: Target, connection: Connection) -> None:
    """A stranger's topic stays, even where the ledger was edited to name it; a second clean finds nothing."""
    run = uuid.uuid4().hex[:8]
    ours, stranger = target.named(run, "orders"), f"orders-{run}"
    ledger.note(
        target, connection.cluster.id, run, [ours, target.named(run, "never-made")], [target.named(run, "group")]
    )
    forged = ledger.Entry("made", connection.cluster.id, "t", "loadkit.", run, (stranger,))
    ledger.record(forged)
    admin.create_topics(connection, [TopicPlan(name, 1, 1) for name in (ours, stranger)])
    try:
        assert ours in ledger.clean(target, connection).topics
        assert set(admin.describe_topics(connection, [ours, stranger], absent_is_error=False)) == {stranger}
        assert ledger.clean(target, connection) == ledger.Cleaned()
        assert ledger.clean_named(target) == ["nothing to clean on t"]
    finally:
        admin.delete_topics(connection, [stranger])


@pytest.mark.parametrize("gone", [0])
@pytest.mark.long
def test_a_dead_broker_shows_as_under_replicated(kafka3: EmbeddedCluster, gone: int) -> None:
    """Of three nodes one dies: its replicas are out of sync, and the doctor's question names them."""
    connection = admin.connect({"bootstrap.servers": kafka3.bootstrap})
    name = f"loadkit.{uuid.uuid4().hex[:8]}.replicated"
    admin.create_topics(connection, [TopicPlan(name, 3, 3, {"min.insync.replicas": "2"})])
    limit = time.monotonic() + 60
    while [part for part in admin.under_replicated(connection) if part.startswith(name)]:
        assert time.monotonic() < limit, "replicas of a new topic never caught up"
        time.sleep(0.2)
    kafka3.kill_node(gone)
    try:
        limit = time.monotonic() + 60
        while not (behind := [part for part in admin.under_replicated(connection) if part.startswith(name)]):
            assert time.monotonic() < limit
            time.sleep(0.2)
        assert set(behind) <= {f"{name}-{number}" for number in range(3)}
    finally:
        kafka3.start_node(gone)
    while admin.under_replicated(connection):
        assert time.monotonic() < limit + 60
        time.sleep(0.2)
    admin.delete_topics(connection, [name])
