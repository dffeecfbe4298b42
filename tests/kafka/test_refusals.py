"""What `loadkit run` says, and with which exit code, when a topic, a right, a cluster or a disk is in its way."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import (
    ORDERS,
    SCENARIOS,
    STEADY,
    Command,
    create,
    delete,
    fill,
    grown,
    read,
    refused,
    report,
    run,
    run_arguments,
    sets,
    start,
    sums,
    target_file,
    topic_names,
    untouched,
)

from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec

pytestmark = pytest.mark.kafka

# topics and sizes


def test_messages_too_large_for_their_topic_are_errors_by_code(target: Path, folder: Path) -> None:
    """Those the broker refuses are counted as MSG_SIZE_TOO_LARGE, all others arrive, and the run is complete."""
    ended = run(SCENARIOS / "oversized.py", target, folder / "oversized", "--duration", "4s", "--warmup", "0s").ok()
    total = sums(ended, "Writer")
    assert ended.result["errors"] == {"MSG_SIZE_TOO_LARGE": total["errors"]}
    assert 0 < total["errors"] < 60
    assert total["sent"] == total["acked"] + total["errors"] == 800
    assert ended.metrics["lost"] == 0


def test_a_topic_that_takes_none_of_the_messages_is_said_before_the_load(target: Path, folder: Path) -> None:
    """A large payload on a topic of small messages ends with 3 and what to change."""
    small = sets(
        "documents.config.max.message.bytes=1000", "Scanner.payload.size=20KiB", "Scanner.config.compression.type=none"
    )
    refused(
        run("scenarios/large_messages.py", target, folder / "large", "--duration", "1s", *small), 3, "max.message.bytes"
    )


def test_a_teams_topic_is_used_only_when_the_target_allows_it(
    kafka1: EmbeddedCluster, target: Path, folder: Path
) -> None:
    """Refused by default; where allowed, what was in it is passed over and kept, and it is there afterwards."""
    create(kafka1, "team-topic", partitions=2)
    try:
        fill(kafka1, "team-topic", [b"ours"] * 25)
        refused(
            run(SCENARIOS / "shared_topic.py", target, folder / "forbidden", "--duration", "1s"),
            3,
            "allow_existing",
            "team-topic",
        )
        assert grown(kafka1, "team-topic") == 25
        allowed = target_file(folder / "allowed", kafka1, ("[limits]", 'allow_existing = ["team-topic"]\n[limits]'))
        ended = run(SCENARIOS / "shared_topic.py", allowed, folder / "guest", "--duration", "4s", "--warmup", "1s").ok()
        untouched(ended)
        messages = read(kafka1, "team-topic")
        assert sum(message.value() == b"ours" for message in messages) == 25
        assert len(messages) - 25 == sum(row["acked"] for row in ended.result["integrity"]["partitions"])
        assert "team-topic" in topic_names(kafka1)
    finally:
        delete(kafka1, "team-topic")


# who may not, and where nobody is


def test_a_broker_that_is_not_there_is_said_in_one_sentence(folder: Path, kafka1: EmbeddedCluster) -> None:
    """Exit code 3, the address, within the patience of one connection."""
    nowhere = target_file(folder / "nowhere", kafka1, (kafka1.bootstrap, "127.0.0.1:1"))
    ended = run(ORDERS, nowhere, folder / "unreachable")
    refused(ended, 3, "127.0.0.1:1")
    assert ended.seconds < 45
    assert not (folder / "unreachable" / "result.json").exists()


@pytest.fixture(scope="module")
def guarded_kafka() -> Iterator[EmbeddedCluster]:
    """Return a node with a second listener that wants a login, and an authorizer that lets only its owner do all."""
    ports: list[int] = []
    original = embedded.embedded_spec._identity

    def with_login(node: object, nodes: object) -> dict[str, str]:
        lines = original(node, nodes)  # type: ignore[arg-type]
        port = ports[0] if ports else ports.append(embedded_host_port()) or ports[0]
        for name in ("listeners", "advertised.listeners"):
            lines[name] += f",LOGIN://127.0.0.1:{port}"
        lines["listener.security.protocol.map"] += ",LOGIN:SASL_PLAINTEXT"
        return lines

    jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_guest="guest-secret-1";'
    spec = EmbeddedSpec(params={
        "heap": "512m", "sasl.enabled.mechanisms": "PLAIN", "listener.name.login.plain.sasl.jaas.config": jaas,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS",
    })  # fmt: skip
    patch = pytest.MonkeyPatch()
    patch.setattr(embedded.embedded_spec, "_identity", with_login)
    try:
        with embedded.start(spec) as cluster:
            cluster.login = f"127.0.0.1:{ports[0]}"  # type: ignore[attr-defined]
            yield cluster
    finally:
        patch.undo()


def embedded_host_port() -> int:
    """Return a free port."""
    from loadkit.targets.embedded_host import free_ports

    return free_ports(1)[0]


def test_a_wrong_login_and_a_missing_right_are_said_with_their_cure(
    guarded_kafka: EmbeddedCluster, folder: Path
) -> None:
    """Wrong password, no right to the topics, right to topics but not to groups: exit code 3, never the secret."""
    login = (
        '"security.protocol" = "SASL_PLAINTEXT"\n"sasl.mechanism" = "PLAIN"\n"sasl.username" = "guest"\n'
        '"sasl.password" = "${LK_PASSWORD}"\n[topics]'
    )
    place: str = guarded_kafka.login  # type: ignore[attr-defined]
    target = target_file(folder / "login", guarded_kafka, (guarded_kafka.bootstrap, place), ("[topics]", login))
    started = [
        start(ORDERS, target, folder / f"login-{name}", "--duration", "1s", LK_PASSWORD=password)
        for name, password in (("wrong", "wrong-secret-2"), ("none", "guest-secret-1"))
    ]
    wrong, none = (command.ended() for command in started)
    refused(wrong, 3, "authentication failed", "sasl.password")
    refused(none, 3, "not authorised", "loadkit.")
    allow(guarded_kafka, "TOPIC", "loadkit.")
    allow(guarded_kafka, "CLUSTER", "kafka-cluster", "LITERAL", "DESCRIBE")
    no_group = run(ORDERS, target, folder / "login-group", "--duration", "1s", LK_PASSWORD="guest-secret-1")
    refused(no_group, 3, "not authorised", "group")
    for ended in (wrong, none, no_group):
        kept = ended.stdout + ended.stderr + "".join(path.read_text() for path in ended.out.glob("*.json"))
        assert "secret-1" not in kept
        assert "secret-2" not in kept


def allow(cluster: EmbeddedCluster, kind: str, name: str, pattern: str = "PREFIXED", operation: str = "ALL") -> None:
    """Give the guest a right."""
    from confluent_kafka import admin as kafka_admin

    client = kafka_admin.AdminClient({"bootstrap.servers": cluster.bootstrap})  # type: ignore[attr-defined]
    one = kafka_admin.AclBinding(  # type: ignore[attr-defined]
        getattr(kafka_admin.ResourceType, "BROKER" if kind == "CLUSTER" else kind), name,  # type: ignore[attr-defined]
        getattr(kafka_admin.ResourcePatternType, pattern), "User:guest", "*",  # type: ignore[attr-defined]
        getattr(kafka_admin.AclOperation, operation), kafka_admin.AclPermissionType.ALLOW,  # type: ignore[attr-defined]
    )  # fmt: skip
    for future in client.create_acls([one]).values():
        future.result()


# the folder


SMALL_FILES = (
    "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (64_000,) * 2); from loadkit.cli import main; main()"
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """Return a folder on a file system of 64 KiB, or None without the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_ends_the_run_and_keeps_what_was_measured(
    target: Path, folder: Path, small_disk: Path | None, tmp_path: Path
) -> None:
    """Exit code 3 and the reason; `loadkit report` reads what is there, and says so where its page finds no room.

    Without the right to mount a small file system, the system's limit on the size of a file stands in for it.
    """
    out, code, reason = (
        (small_disk / "run", None, "the disk is full")
        if small_disk
        else (tmp_path / "run", SMALL_FILES, "File too large")
    )
    command = Command(
        folder / "full", *run_arguments(STEADY, target, out, "--duration", "60s", "--warmup", "1s"), code=code
    )
    refused(command.ended(), 3, reason, "what was measured before is kept")
    no_room = Command(folder / "no-room", "report", str(out), "--json", code=code).ended()
    refused(no_room, 3, "the page could not be written")
    shutil.copytree(out, tmp_path / "moved")
    again = report(tmp_path / "moved", folder / "moved-report")
    assert again.code == 0, again.stderr
    assert again.document["metrics"]["throughput"] > 0
    assert again.document["status"] != "complete"
    assert (tmp_path / "moved" / "report.html").exists()


def test_a_folder_that_holds_a_run_is_not_written_over(target: Path, tmp_path: Path) -> None:
    """Exit code 2 before anything is started, and the result is as it was."""
    held = tmp_path / "held"
    held.mkdir()
    (held / "result.json").write_text('{"schema": 1, "status": "complete"}')
    refused(run(ORDERS, target, held), 2, "holds another run")
    assert (held / "result.json").read_text() == '{"schema": 1, "status": "complete"}'
