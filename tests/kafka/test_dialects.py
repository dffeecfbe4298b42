"""Files of a plan, read by what they are for: real clients, real brokers, Kafka's own tools."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import pytest
from confluent_kafka import admin
from facts_fixture import CUSTOMERS, LEDGER, ORDERS, facts
from java_table import printed
from java_tool import CONSUMER, WARNING, at_once, consume, made_topics, produce, tool
from running import QUICK, create, fill

from loadkit import drive_verify
from loadkit.sizing import plan as planning
from loadkit.sizing import requirements
from loadkit.sizing.check.reading.properties import lines
from loadkit.sizing.handover import facts_of
from loadkit.sizing.recommend import write
from loadkit.sizing.settings.tables import java
from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec
from loadkit.targets.embedded_spec import DEFAULT_VERSION

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]

TOPICS = (
    replace(ORDERS, name="dialect-orders", partitions=3, groups=ORDERS.groups[:1]),
    replace(
        CUSTOMERS, name="dialect-customers", partitions=2, cleanup="compact,delete", retention_ms=86_400_000, groups=()
    ),
    replace(LEDGER, name="dialect-ledger", partitions=2),
    replace(ORDERS, name="dialect-old", partitions=4, keyed=False, existing_partitions=2, groups=()),
)


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of a small plan."""
    folder = tmp_path_factory.mktemp("plan") / "configs"
    write(facts(topics=TOPICS), folder)
    return folder


def conf(path: Path) -> dict[str, str]:
    """Return the settings of a file for librdkafka."""
    return {entry.name: entry.value for entry in lines(path.read_text())}


def test_java_clients_start_with_their_files(kafka1: EmbeddedCluster, configs: Path, tmp_path: Path) -> None:
    """A producer, a transactional one and a consumer of Kafka's own: no unknown setting, every message through."""
    create(kafka1, "dialect-java")
    fill(kafka1, "dialect-java", [b"x"])
    producers = [configs / "java" / "producer.properties", configs / "java" / "transactional" / "producer.properties"]
    runs = [produce(kafka1, "dialect-java", file) for file in producers]
    runs.append(consume(kafka1, "dialect-java", configs / "java" / "billing" / "consumer.properties"))
    for (main, words), done in zip(runs, at_once(tmp_path, runs), strict=True):
        assert done.returncode == 0, (words, done.stderr)
        assert WARNING not in done.stderr, done.stderr
        assert "ERROR" not in done.stderr, done.stderr
        assert "50 records sent" in done.stdout or main == CONSUMER


def test_an_unknown_setting_would_be_noticed(kafka1: EmbeddedCluster, configs: Path, tmp_path: Path) -> None:
    """The warning that the test above looks for is there when a setting is unknown."""
    create(kafka1, "dialect-unknown")
    wrong = tmp_path / "producer.properties"
    wrong.write_text((configs / "java" / "producer.properties").read_text() + "linger.millis=5\n")
    (main, words) = produce(kafka1, "dialect-unknown", wrong, 5)
    done = tool(tmp_path, main, *words)
    assert WARNING in done.stderr
    assert "linger.millis" in done.stderr


def test_librdkafka_and_python_take_theirs(kafka1: EmbeddedCluster, configs: Path) -> None:
    """Settings of the files and of the module: a producer, a transaction, a consumer that reads both."""
    create(kafka1, "dialect-native")
    made: dict[str, Any] = {}
    tree = ast.parse((configs / "python" / "kafka_settings.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            made[node.targets[0].id] = ast.literal_eval(node.value)
    native = configs / "librdkafka"
    where = {"bootstrap.servers": kafka1.bootstrap}
    for config in (conf(native / "producer.conf"), made["PRODUCER"]):
        producer = ck.Producer({**config, **where})
        producer.produce("dialect-native", b"plain", key=b"k")
        assert producer.flush(30) == 0
    for config in (conf(native / "transactional" / "producer.conf"), made["TRANSACTIONAL_PRODUCER"]):
        _transaction({**config, **where})
    for config in (conf(native / "billing" / "consumer.conf"), made["CONSUMER_BILLING"]):
        fresh = {
            **config,
            **where,
            "group.id": f"dialect-{len(config)}-{id(config)}",
        }  # of its own: no other test's member
        assert _read(fresh) == [b"plain", b"plain", b"sure", b"sure"]


def _transaction(config: Mapping[str, Any]) -> None:
    producer = ck.Producer(dict(config))
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce("dialect-native", b"sure")
    producer.commit_transaction(30)


def _read(config: Mapping[str, Any]) -> list[bytes]:
    consumer = ck.Consumer(dict(config))
    consumer.subscribe(["dialect-native"])
    try:
        found = [message for _ in range(4) if (message := consumer.poll(40)) is not None]
        return sorted(message.value() for message in found)
    finally:
        consumer.close()


def test_a_broker_starts_with_its_file_and_the_jvms_options(configs: Path) -> None:
    """The settings of one zone, and all options but the size of the heap."""
    given = conf(configs / "server" / "zone-1" / "server.properties")
    env = (configs / "machine" / "kafka-env.sh").read_text()
    options = env.split("KAFKA_JVM_PERFORMANCE_OPTS='")[1].split("'")[0]
    spec = EmbeddedSpec(1, params={**given, "jvm": f"{options} {QUICK.removeprefix('jvm=')}"})
    with embedded.start(spec) as cluster:
        client = admin.AdminClient({"bootstrap.servers": cluster.bootstrap})  # type: ignore[attr-defined]
        resource = admin.ConfigResource("broker", "1")  # type: ignore[attr-defined]
        found = client.describe_configs([resource])[resource].result(30)
        assert {name: found[name].value for name in given} == given


def test_the_commands_make_the_topics(kafka3: EmbeddedCluster, configs: Path, tmp_path: Path) -> None:
    """By Kafka's own tools: copies, partitions and every property as written; one that exists is changed."""
    client = admin.AdminClient({"bootstrap.servers": kafka3.bootstrap})  # type: ignore[attr-defined]
    old = admin.NewTopic("dialect-old", 2, 3)  # type: ignore[attr-defined]
    client.create_topics([old])["dialect-old"].result(30)
    made_topics(configs / "topics" / "create-topics.sh", kafka3, tmp_path)
    for topic in TOPICS:
        described = client.list_topics(topic.name, timeout=30).topics[topic.name].partitions
        assert len(described) == topic.partitions
        assert {len(part.replicas) for part in described.values()} == {3}
        resource = admin.ConfigResource("topic", topic.name)  # type: ignore[attr-defined]
        config = client.describe_configs([resource])[resource].result(30)
        wanted = {"min.insync.replicas": "2", "retention.ms": str(topic.retention_ms), "cleanup.policy": topic.cleanup,
                  "unclean.leader.election.enable": "false", "max.message.bytes": str(topic.max_message_bytes)}  # fmt: skip
        assert {name: config[name].value for name in wanted} == wanted


def test_both_clients_are_verified_with_one_plans_files(kafka1: EmbeddedCluster, tmp_path: Path) -> None:
    """Kafka's own test and librdkafka, each with its file, transactional ones too: both figures, for as many messages."""
    needs = requirements.read(ROOT / "scenarios" / "sizing" / "ledger.toml")
    plan = planning.make(needs, None, date(2026, 1, 1))
    assert plan.fit is not None
    write(facts_of(plan), tmp_path)
    found = list(drive_verify.each(tmp_path, plan.fit.splits, kafka1, print, most=2_000))
    assert [one.file.parent.name for one in found] == ["transactional"]
    for one in (found[0].both.java, found[0].both.librdkafka):
        assert one.messages == 2_000
        assert one.per_second > 0
        assert 0 <= one.p50_s <= one.p99_s
    assert found[0].both.java.client == f"java {DEFAULT_VERSION}"
    assert found[0].text().count("msg/s") == 2


def test_the_table_of_javas_settings_is_what_the_jars_print() -> None:
    """Names, types, defaults and ranges; an update of Kafka makes it anew."""
    assert printed() == java()
