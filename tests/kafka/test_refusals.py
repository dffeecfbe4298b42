"""What `loadkit run` says, and with which exit code, when a topic, a right, a cluster or a disk is in its way."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ahead import ahead
from running import (
    ORDERS,
    QUICK,
    SCENARIOS,
    STEADY,
    Command,
    Ended,
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
from loadkit.targets.embedded_host import free_ports

pytestmark = pytest.mark.kafka

# topics and sizes


@ahead
def oversized(target: Path, folder: Path) -> Ended:
    """Return a run of which the broker refuses some messages."""
    return run(SCENARIOS / "oversized.py", target, folder / "oversized", "--duration", "4s", "--warmup", "0s").ok()


def test_messages_too_large_for_their_topic_are_errors_by_code(oversized: Ended) -> None:
    """Those the broker refuses are counted as MSG_SIZE_TOO_LARGE, all others arrive, and the run is complete."""
    total = sums(oversized, "Writer")
    assert oversized.result["errors"] == {"MSG_SIZE_TOO_LARGE": total["errors"]}
    assert 0 < total["errors"] < 60
    assert total["sent"] == total["acked"] + total["errors"] == 800
    assert oversized.metrics["lost"] == 0


@ahead
def all_too_large(target: Path, folder: Path) -> Ended:
    """Return a run of which the broker refuses every message."""
    small = sets(
        "documents.config.max.message.bytes=1000", "Scanner.payload.size=20KiB", "Scanner.config.compression.type=none"
    )
    return run("scenarios/large_messages.py", target, folder / "large", "--duration", "1s", *small)


def test_a_topic_that_takes_none_of_the_messages_is_said_before_the_load(all_too_large: Ended) -> None:
    """A large payload on a topic of small messages ends with 3 and what to change."""
    refused(all_too_large, 3, "max.message.bytes")


@ahead
def guests(kafka1: EmbeddedCluster, target: Path, folder: Path) -> tuple[Ended, int, Ended, list[bytes]]:
    """Return a forbidden run on a team's topic and the topic's messages after it, and the same of an allowed one."""
    create(kafka1, "team-topic", partitions=2)
    try:
        fill(kafka1, "team-topic", [b"ours"] * 25)
        forbidden = run(SCENARIOS / "shared_topic.py", target, folder / "forbidden", "--duration", "1s")
        before = grown(kafka1, "team-topic")
        toml = target_file(folder / "allowed", kafka1, ("[limits]", 'allow_existing = ["team-topic"]\n[limits]'))
        allowed = run(SCENARIOS / "shared_topic.py", toml, folder / "guest", "--duration", "4s", "--warmup", "1s").ok()
        assert "team-topic" in topic_names(kafka1)
        return forbidden, before, allowed, [message.value() for message in read(kafka1, "team-topic")]
    finally:
        delete(kafka1, "team-topic")


def test_a_teams_topic_is_used_only_when_the_target_allows_it(guests: tuple[Ended, int, Ended, list[bytes]]) -> None:
    """Refused by default; where allowed, what was in it is passed over and kept, and it is there afterwards."""
    forbidden, before, allowed, values = guests
    refused(forbidden, 3, "allow_existing", "team-topic")
    assert before == 25
    untouched(allowed)
    assert values.count(b"ours") == 25
    assert len(values) - 25 == sum(row["acked"] for row in allowed.result["integrity"]["partitions"])


# who may not, and where nobody is


@ahead
def unreachable(folder: Path, kafka1: EmbeddedCluster) -> Ended:
    """Return a run with an address where no broker is."""
    nowhere = target_file(folder / "nowhere", kafka1, (kafka1.bootstrap, "127.0.0.1:1"))
    return run(ORDERS, nowhere, folder / "unreachable")


def test_a_broker_that_is_not_there_is_said_in_one_sentence(unreachable: Ended) -> None:
    """Exit code 3, the address, within the patience of one connection."""
    refused(unreachable, 3, "127.0.0.1:1")
    assert unreachable.seconds < 45
    assert not (unreachable.out / "result.json").exists()


@contextmanager
def guarded() -> Iterator[tuple[EmbeddedCluster, str]]:
    """Yield a node whose authorizer lets only its owner do all, and the address of its listener that wants a login."""
    (port,) = free_ports(1)
    original = embedded.embedded_spec._identity

    def with_login(node: object, nodes: object) -> dict[str, str]:
        lines = original(node, nodes)  # type: ignore[arg-type]
        for name in ("listeners", "advertised.listeners"):
            lines[name] += f",LOGIN://127.0.0.1:{port}"
        lines["listener.security.protocol.map"] += ",LOGIN:SASL_PLAINTEXT"
        return lines

    jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_guest="guest-secret-1";'
    spec = EmbeddedSpec(params={
        "heap": "512m", "sasl.enabled.mechanisms": "PLAIN", "listener.name.login.plain.sasl.jaas.config": jaas,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS",
        **dict([QUICK.split("=", 1)]),
    })  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded.embedded_spec, "_identity", with_login)
        with embedded.start(spec) as cluster:
            yield cluster, f"127.0.0.1:{port}"


@ahead
def logins(kafka1: EmbeddedCluster, folder: Path) -> tuple[Ended, Ended, Ended]:
    """Return runs with a wrong password, with no right, and with a right to topics but not to groups."""
    login = (
        '"security.protocol" = "SASL_PLAINTEXT"\n"sasl.mechanism" = "PLAIN"\n"sasl.username" = "guest"\n'
        '"sasl.password" = "${LK_PASSWORD}"\n[topics]'
    )
    assert kafka1.bootstrap, "it is there already: while `guarded` starts a node, none else must be started"
    with guarded() as (cluster, address):
        target = target_file(folder / "login", cluster, (cluster.bootstrap, address), ("[topics]", login))
        started = [
            start(ORDERS, target, folder / f"login-{name}", "--duration", "1s", LK_PASSWORD=password)
            for name, password in (("wrong", "wrong-secret-2"), ("none", "guest-secret-1"))
        ]
        wrong, none = (command.ended() for command in started)
        allow(cluster, "TOPIC", "loadkit.")
        allow(cluster, "CLUSTER", "kafka-cluster", "LITERAL", "DESCRIBE")
        return (
            wrong,
            none,
            run(ORDERS, target, folder / "login-group", "--duration", "1s", LK_PASSWORD="guest-secret-1"),
        )


def test_a_wrong_login_and_a_missing_right_are_said_with_their_cure(logins: tuple[Ended, Ended, Ended]) -> None:
    """Wrong password, no right to the topics, right to topics but not to groups: exit code 3, never the secret."""
    wrong, none, no_group = logins
    refused(wrong, 3, "authentication failed", "sasl.password")
    refused(none, 3, "not authorised", "loadkit.")
    refused(no_group, 3, "not authorised", "group")
    for ended in logins:
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


HELD = '{"schema": 1, "status": "complete"}'
SMALL_FILES = (
    "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (64_000,) * 2); from loadkit.cli import main; main()"
)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """Return a folder on a file system of 64 KiB, or None without the right to mount one."""
    place = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@ahead
def full(target: Path, folder: Path, small_disk: Path | None) -> tuple[Ended, Ended, Ended]:
    """Return a run that filled its disk, its report made there, and its report made where there is room."""
    out, code = (small_disk / "run", None) if small_disk else (folder / "small-files", SMALL_FILES)
    arguments = run_arguments(STEADY, target, out, "--duration", "60s", "--warmup", "1s")
    ended = Command(folder / "full", *arguments, code=code).ended()
    no_room = Command(folder / "no-room", "report", str(out), "--json", code=code).ended()
    shutil.copytree(out, folder / "moved")
    return ended, no_room, report(folder / "moved", folder / "moved-report")


def test_a_full_disk_ends_the_run_and_keeps_what_was_measured(
    full: tuple[Ended, Ended, Ended], small_disk: Path | None
) -> None:
    """Exit code 3 and the reason; `loadkit report` reads what is there, and says so where its page finds no room.

    Without the right to mount a small file system, the system's limit on the size of a file stands in for it.
    """
    ended, no_room, again = full
    refused(ended, 3, "the disk is full" if small_disk else "File too large", "what was measured before is kept")
    refused(no_room, 3, "the page could not be written")
    assert again.code == 0, again.stderr
    assert again.document["metrics"]["throughput"] > 0
    assert again.document["status"] != "complete"
    assert (again.out / "report.html").exists()


@ahead
def held(target: Path, folder: Path) -> Ended:
    """Return a run told to write where another's result is."""
    place = folder / "held"
    place.mkdir()
    (place / "result.json").write_text(HELD)
    return run(ORDERS, target, place)


def test_a_folder_that_holds_a_run_is_not_written_over(held: Ended) -> None:
    """Exit code 2 before anything is started, and the result is as it was."""
    refused(held, 2, "holds another run")
    assert (held.out / "result.json").read_text() == HELD
