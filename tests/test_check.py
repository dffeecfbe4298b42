"""Configs as people have them, judged: each format, what is unsafe in it, and what cannot be told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import run_all

from loadkit.sizing import check
from loadkit.sizing.check.model import Finding
from loadkit.sizing.check.reading import detect
from loadkit.sizing.check.reading.properties import lines

SAFE_PRODUCER = (
    "acks=all\nenable.idempotence=true\nmax.in.flight.requests.per.connection=5\nrequest.timeout.ms=45000\n"
    "delivery.timeout.ms=120000\nlinger.ms=10\nkey.serializer=org.example.Own\n"
)
SAFE_CONSUMER = (
    "group.id=g\nenable.auto.commit=false\nauto.offset.reset=earliest\nisolation.level=read_committed\n"
    "partition.assignment.strategy=org.apache.kafka.clients.consumer.CooperativeStickyAssignor\n"
)


def judged(text: str, name: str = "producer.properties", **flags: float) -> list[Finding]:
    """Return what is found in one file, what cannot be judged left out."""
    return [one for one in check.judge({name: text}, flags.get("away_s")) if one.level != "unjudged"]


def rules(text: str, name: str = "producer.properties", **flags: float) -> set[str]:
    """Return the rules that one file breaks."""
    return {one.rule for one in judged(text, name, **flags) if one.level == "unsafe"}


def test_properties_are_read_as_java_reads_them() -> None:
    """Separators, spaces, continued lines, escapes, comments of both kinds."""
    text = "! a remark\n# another\na.b : 1\nc.d=x\\\n   y\n  e.f  g\\u00e9\\:\nacks\\=b = c\nempty.one=\nk.l=a=b:c\r\n"
    found = {entry.name: (entry.value, entry.line) for entry in lines(text)}
    assert found == {"a.b": ("1", 3), "c.d": ("xy", 4), "e.f": ("gé:", 6), "acks=b": ("c", 7), "empty.one": ("", 8),
                     "k.l": ("a=b:c", 9)}  # fmt: skip


def test_safe_settings_are_fine() -> None:
    """Neither a finding nor advice."""
    assert judged(SAFE_PRODUCER) == []
    assert judged(SAFE_CONSUMER, "consumer.properties") == []


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("acks=1", "acks"), ("acks: 0", "acks"), ("acks = \\\n  1", "acks"), ('acks="all"', "value"), ("acks=al", "value"),
        ("enable.idempotence=false", "idempotence"), ("max.in.flight.requests.per.connection=6", "in-flight"),
        ("retries=0", "retries"), ("delivery.timeout.ms=1000", "delivery-timeout"), ("linger.ms=90000", "delivery-timeout"),
        ("partitioner.ignore.keys=true", "partitioner"), ("linger.ms=5ms", "value"), ("enable.idempotance=true", "unknown"),
        ("partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner", "partitioner"),
        ("transactional.id=a\ntransaction.timeout.ms=1000000", "transaction-timeout"), ("acks=all", "twice"),
        ("batch.size=-1", "value"),
    ],
)  # fmt: skip
def test_one_unsafe_line_of_a_java_producer_is_found(line: str, rule: str) -> None:
    """At its own line, with a way out."""
    name = line.replace(":", "=").partition("=")[0].strip()
    text = (
        "".join(row + "\n" for row in SAFE_PRODUCER.splitlines() if not row.startswith(name + "=") or rule == "twice")
        + line
        + "\n"
    )
    found = [one for one in judged(text) if one.rule == rule]
    assert found
    assert all(one.level == "unsafe" and one.fix and one.line for one in found)


def test_idempotence_that_is_not_written_is_found_in_both_clients() -> None:
    """Java's default may be dropped in silence, librdkafka's is off."""
    assert "idempotence" in rules("acks=all\nlinger.ms=5\nkey.serializer=x\n")
    found = rules("acks=all\nqueue.buffering.max.ms=5\n", "producer.conf")
    assert {"idempotence", "in-flight", "partitioner"} <= found


def test_librdkafkas_names_and_aliases_are_understood() -> None:
    """Aliases are the same settings; what only Java has is refused by librdkafka."""
    text = "metadata.broker.list=b\nrequest.required.acks=1\nmax.in.flight=9\nmessage.send.max.retries=0\nenable.idempotence=true\n"
    assert {"acks", "in-flight", "retries", "partitioner"} <= rules(text, "kcat.conf")
    safe = "acks=-1\nenable.idempotence=true\npartitioner=murmur2_random\nqueue.buffering.max.messages=5\nrequest.timeout.ms=45000\n"
    assert judged(safe, "p.conf") == []
    assert "unknown" in rules(safe + "max.block.ms=5\n", "p.conf")


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("enable.auto.commit=true", "auto-commit"), ("auto.offset.reset=latest", "offset-reset"),
        ("session.timeout.ms=6000\nheartbeat.interval.ms=3000", "heartbeat"), ("max.poll.interval.ms=1000", "poll-interval"),
    ],
)  # fmt: skip
def test_one_unsafe_line_of_a_consumer_is_found(line: str, rule: str) -> None:
    """A setting that skips messages or loses the group."""
    name = line.partition("=")[0]
    rest = "".join(row + "\n" for row in SAFE_CONSUMER.splitlines() if not row.startswith(name))
    assert rule in rules(rest + line + "\n", "consumer.properties")
    assert rule in rules(rest + line + "\n", "x.conf") or rule == "poll-interval"


def test_a_bare_consumer_is_unsafe_by_its_defaults() -> None:
    """The defaults commit what is not processed, and skip to the newest."""
    assert {"auto-commit", "offset-reset"} <= rules("group.id=g\n", "consumer.properties")


def test_transactions_need_readers_that_wait() -> None:
    """Read uncommitted is advice alone, and unsafe beside a transactional producer."""
    loose = SAFE_CONSUMER.replace("read_committed", "read_uncommitted")
    assert rules(loose, "consumer.properties") == set()
    pair = {"consumer.properties": loose, "producer.properties": SAFE_PRODUCER + "transactional.id=t-1\n"}
    assert "isolation" in {one.rule for one in check.judge(pair) if one.level == "unsafe"}


TOPIC = "kafka-topics.sh --bootstrap-server b:9092 --create --topic orders --partitions 12"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (" --replication-factor 3 --config min.insync.replicas=2", set()),
        (" --replication-factor=3 --config min.insync.replicas=2 \\\n  --config retention.ms=3600000", {"retention"}),
        (" --replication-factor 1 --config min.insync.replicas=2", {"copies", "in-sync"}),
        (" --replication-factor 3 --config min.insync.replicas=3", {"in-sync"}),
        (" --replication-factor 3", {"in-sync"}),
        ("", {"copies", "in-sync"}),
        (" --replication-factor 3 --config min.insync.replicas=2 --config unclean.leader.election.enable=true", {"unclean"}),
        (" --replication-factor 3 --config min.insync.replicas=2 --config cleanup.policy=compact --config delete.retention.ms=60000", {"tombstones"}),
        (" --replication-factor 3 --config min.insync.replicas=2 --config retention.mss=5", {"unknown"}),
        (" --replication-factor 3 --config 'min.insync.replicas=2", {"unreadable"}),
    ],
)  # fmt: skip
def test_commands_that_make_topics_are_judged(rest: str, expected: set[str]) -> None:
    """Copies, in-sync replicas, unclean leaders, retention against an outage of 6 h."""
    assert rules(TOPIC + rest + "\n", "topics.sh", away_s=21_600) == expected


def test_adding_partitions_in_place_is_found() -> None:
    """A changed topic is not asked for what it keeps."""
    text = "kafka-topics --alter --topic orders --partitions 24\nkafka-configs.sh --alter --entity-type topics --entity-name a --add-config 'cleanup.policy=[compact,delete],min.insync.replicas=1'\n"
    assert rules(text, "change.sh") == {"partitions-altered", "in-sync"}


def test_the_sample_server_properties_is_unsafe() -> None:
    """What Kafka ships to try it out is no production setting."""
    text = "process.roles=broker,controller\nnode.id=1\nlog.dirs=/tmp/kraft-combined-logs\noffsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\nlog.retention.hours=1\n"
    assert rules(text, "server.properties", away_s=7200) == {
        "copies",
        "in-sync",
        "internal-copies",
        "storage",
        "auto-create",
        "retention",
    }
    assert rules("process.roles=controller\nnode.id=1\nlog.dirs=/data\n", "controller.properties") == set()


def test_python_is_read_without_being_run() -> None:
    """Dictionaries that calls take, merge or add to; what only the running program knows is said."""
    text = """
import os
raise SystemExit("never run")
base = {"bootstrap.servers": os.environ["B"], "acks": "all", "enable.idempotence": True}
base["partitioner"] = "murmur2_random"
base["linger.ms"] = LINGER
p = Producer({**base, "compression.type": "lz4", "request.timeout.ms": 45_000})
CONSUMER = {"group.id": "g", "enable.auto.commit": True, "auto.offset.reset": "earliest", "sasl.password": "x" + y}
"""
    found = check.judge({"app.py": text})
    assert {one.rule for one in found if one.level == "unsafe"} == {"auto-commit"}
    unseen = [one for one in found if one.rule == "unseen"]
    assert [(one.setting, one.line) for one in unseen] == [("linger.ms", 6)]


def test_json_and_yaml_settings_are_judged_wherever_they_stand() -> None:
    """By the names above them, or by their own."""
    nested = {
        "kafka": {
            "producer": {"acks": 1, "enable.idempotence": True},
            "consumer": {"group.id": "g", "enable.auto.commit": False, "auto.offset.reset": "earliest"},
        }
    }
    assert rules(json.dumps(nested), "conf.json") == {"acks", "partitioner"}
    yaml = "producer:\n  acks: all\n  enable.idempotence: true\n  key.serializer: a.B\n---\nconsumer:\n  group.id: g\n  auto.offset.reset: latest\n"
    assert rules(yaml, "conf.yaml") == {"auto-commit", "offset-reset"}


STRIMZI = """
apiVersion: kafka.strimzi.io/v1beta2
kind: KafkaTopic
metadata: {name: orders}
spec: {partitions: 3, replicas: 3, config: {min.insync.replicas: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: other}
---
apiVersion: kafka.strimzi.io/v1beta2
kind: KafkaNodePool
metadata: {name: brokers}
spec: {replicas: 2, roles: [broker], storage: {type: ephemeral}}
---
apiVersion: kafka.strimzi.io/v1beta2
kind: Kafka
metadata: {name: k}
spec: {kafka: {config: {default.replication.factor: 3, min.insync.replicas: 2, auto.create.topics.enable: false,
  offsets.topic.replication.factor: 1}}}
"""


def test_strimzi_resources_are_judged() -> None:
    """All documents of a file, those of others passed over."""
    assert rules(STRIMZI, "k.yaml") == {"in-sync", "nodes", "storage", "internal-copies", "copies"}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("99.conf", "vm.max_map_count = 65530\nvm.swappiness=60\n", {"maps", "swap"}),
        ("limits.conf", "[Service]\nLimitNOFILE=1024\n", {"files"}),
        ("env.sh", "export KAFKA_JVM_PERFORMANCE_OPTS='-XX:+UseG1GC'\n", {"heap"}),
        ("capacity.json", '{"brokerCapacities":[{"brokerId":"-1","capacity":{"DISK":"1TB","CPU":"100","NW_IN":"1250000000","NW_OUT":"9"}}]}', {"capacity"}),
        ("rules.yml", "groups: [{name: a, rules: [{alert: A, expr: 'sum(kafka_controller_kafkacontroller_offlinepartitionscount) > 5'}]}]", {"alert"}),
        ("k.tfvars", 'topics = { "orders" = { partitions = 3, replication_factor = 2, config = { "min.insync.replicas" = "1" } } }\n', {"copies", "in-sync"}),
    ],
)  # fmt: skip
def test_other_files_are_judged(name: str, text: str, expected: set[str]) -> None:
    """Operating system, JVM, Cruise Control, alerts, Terraform."""
    assert rules(text, name) == expected


def test_what_one_file_does_not_tell_is_said() -> None:
    """A producer alone says nothing of copies, a topic alone nothing of acks and outages."""
    assert [
        one.text
        for one in check.judge({"p.properties": SAFE_PRODUCER})
        if "copies" in one.text or "two brokers" in one.text
    ]
    assert [one.fix for one in check.judge({"t.sh": TOPIC}) if "--outage" in one.fix]


@pytest.mark.parametrize("text", ["", "hello", "a: [1", '{"a": ', "x = 1", "\x00", "- 1\n- 2", "&a [*a]", "name=value"])
@pytest.mark.parametrize("name", ["a", "a.yaml", "a.json", "a.py", "a.sh", "a.properties", "a.tfvars", "a.conf"])
def test_what_is_nothing_of_ours_is_refused_with_a_reason(name: str, text: str) -> None:
    """No traceback, whatever the text."""
    with pytest.raises(detect.Unknown, match=r"known are|cannot be read"):
        detect.read(name, text)


def test_no_secret_is_repeated() -> None:
    """Not even one that is written wrongly."""
    text = SAFE_PRODUCER + 'ssl.truststore.password="hunter22"\nssl.keystore.pasword=hunter22\n'
    assert not [one for one in check.judge({"p.properties": text}) if "hunter22" in one.text + one.fix]


def test_the_command_exits_by_what_it_found(tmp_path: Path) -> None:
    """0 fine, 1 unsafe, 2 what cannot be read or is unknown; folders are walked."""
    (tmp_path / "safe.properties").write_text(SAFE_PRODUCER)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "consumer.properties").write_text("group.id=g\n")
    (tmp_path / "bad" / "notes.txt").write_text("hello")
    (tmp_path / "latin.properties").write_bytes(b"acks=\xe9\n")
    done = run_all(
        {
            "safe": ["check", "safe.properties"], "json": ["check", "safe.properties", "bad", "--json"],
            "unknown": ["check", "safe.properties", "bad/notes.txt"], "gone": ["check", "nowhere"], "latin": ["check", "latin.properties"],
            "flag": ["check", "safe.properties", "--platform", "msk-expres"], "outage": ["check", "safe.properties", "--outage", "soon"],
        },
        tmp_path,
    )  # fmt: skip
    assert {name: one.code for name, one in done.items()} == {
        "safe": 0,
        "json": 1,
        "unknown": 2,
        "gone": 2,
        "latin": 2,
        "flag": 2,
        "outage": 2,
    }
    document = json.loads(done["json"].out)
    assert document["verdict"] == "fail"
    assert {one["rule"] for one in document["findings"] if one["level"] == "unsafe"} == {"auto-commit", "offset-reset"}
    assert document["counts"]["unsafe"] == 2
    assert "did you mean 'msk-express'" in done["flag"].err
    assert "known are" in done["unknown"].out
    assert "Traceback" not in "".join(one.err for one in done.values())


def test_json_with_tabs_and_signs_of_two_escapes_is_read() -> None:
    """JSON that is no YAML."""
    assert rules(
        '{\n\t"acks": "1",\n\t"client.id": "\\ud83d\\ude00",\n\t"enable.idempotence": true,\n\t"partitioner": "murmur2"}',
        "p.json",
    ) == {"acks"}
