"""What `loadkit run` says and keeps when a broker, a consumer, a disk, a right or a person gets in its way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from running import (
    SCENARIOS,
    Command,
    Ended,
    create,
    delete,
    fill,
    grown,
    processes_of,
    read,
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

from loadkit.result import read_tracks
from loadkit.target import load_target
from loadkit.targets import admin, embedded
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec

pytestmark = pytest.mark.kafka

STEADY = SCENARIOS / "steady.py"
ORDERS = "scenarios/orders.py"
STALL = 2.0
RATE = 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for all runs of this module."""
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def target(kafka1: EmbeddedCluster, folder: Path) -> Path:
    """Return the one-node cluster as an external target."""
    return target_file(folder, kafka1)


@pytest.fixture(scope="module")
def three(kafka3: EmbeddedCluster, folder: Path) -> Path:
    """Return the three-node cluster as an external target."""
    return target_file(folder / "three", kafka3)


def errors_said(ended: Ended) -> list[str]:
    """Return the lines on stderr that say what went wrong."""
    return [line for line in ended.stderr.splitlines() if line.startswith("error:")]


def refused(ended: Ended, code: int, *words: str) -> None:
    """Fail unless a command ended with a code and one sentence with these words in it, and no traceback."""
    assert ended.code == code, ended.stderr
    said = " ".join(ended.stderr.split())
    assert len(errors_said(ended)) == 1, ended.stderr
    for word in words:
        assert word in said, ended.stderr
    assert "Traceback" not in ended.stderr


# a broker that stalls


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Hold a process by SIGSTOP for as long as the block runs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("second", [3, 11])
def test_a_stall_stands_in_latency_from_the_time_at_which_messages_were_due(
    kafka1: EmbeddedCluster, target: Path, folder: Path, second: int
) -> None:
    """2 s of 20 s stopped at 1,000/s: p95 is about 1.0 s and p99 about 1.8 s, whatever second the stall began in.

    Exactly: a message due while the broker stood still has the rest of the stall to wait. No quantile is below
    what that gives, nor above it by more than 2 % and what messages took before the stall. Nor is any percentile
    below what the broker's own clock says: LogAppendTime minus due, record by record.
    """
    flags = (
        "--duration",
        "20s",
        "--warmup",
        "2s",
        "--keep-topics",
        *sets("ticks.config.message.timestamp.type=LogAppendTime"),
    )
    with start(STEADY, target, folder / f"stall-{second}", *flags) as command:
        command.until_measuring(second - 1)
        begin = time.time()
        with stopped(kafka1.node_pid(0)):
            time.sleep(STALL)
        end = time.time()
        ended = command.ended().ok()
    facts, tracks = ended.result, read_tracks(ended.out)
    zero = facts["started_epoch"]
    first = zero + next(phase["start"] for phase in facts["phases"] if phase["name"] == "measure")
    due = first + np.arange(20 * RATE) / RATE
    assert due[0] < begin < end < due[-1]
    assert sums(ended, "Clock")["acked"] == len(due)
    untouched(ended)
    waited = np.sort(np.where((due >= begin) & (due < end), end - due, 0.0))
    assert waited[19_000 - 1] == pytest.approx(end - begin - 1.0, abs=0.01)
    took = np.sort(appended_after_due(kafka1, ended, first))
    assert len(took) == len(due)
    for tag in ("Clock.latency", "Listener.end_to_end"):
        track = tracks[tag]
        before = track.maxima[(track.seconds >= first - zero) & (track.seconds < begin - zero - 1)]
        slack = 0.02 + 3 * float(before.max(initial=0)) / 1e6
        for q in (0.95, 0.99, 1.0):
            exact, got = waited[round(q * len(due)) - 1], track.total.quantile(q) / 1e6
            assert 0.98 * exact - 0.002 <= got <= 1.02 * exact + slack, (tag, q, exact, slack)
        for percent in range(1, 101):
            stored = took[round(percent / 100 * len(took)) - 1]
            assert track.total.quantile(percent / 100) / 1e6 >= 0.998 * stored - 0.002, (tag, percent)


def appended_after_due(cluster: EmbeddedCluster, ended: Ended, first: float) -> list[float]:
    """Return LogAppendTime minus due of each message due from an instant on, in seconds."""
    offset = time.time() - time.monotonic()
    took = []
    for message in read(cluster, ended.result["target"]["topics"]["ticks"]["name"]):
        due = int.from_bytes(message.value()[16:24], "little") / 1e9 + offset
        if due >= first - 0.0005:
            took.append(message.timestamp()[1] / 1000 - due)
    return took


def test_messages_that_time_out_are_errors_by_code_and_not_lost(
    kafka1: EmbeddedCluster, target: Path, folder: Path
) -> None:
    """A stall longer than delivery.timeout.ms: each message is confirmed or failed, and what was confirmed arrived."""
    command = start(
        STEADY,
        target,
        folder / "timeout",
        "--duration",
        "10s",
        "--warmup",
        "1s",
        *sets("request.timeout.ms=1000", "delivery.timeout.ms=1500"),
    )
    command.until_measuring(2.0)
    with stopped(kafka1.node_pid(0)):
        time.sleep(4.0)
    ended = command.ended().ok()
    total = sums(ended, "Clock")
    assert total["errors"] > 0
    assert total["sent"] == total["acked"] + total["errors"]
    assert total["unacked"] == 0
    assert set(ended.result["errors"]) == {"_MSG_TIMED_OUT"}
    assert ended.result["errors"]["_MSG_TIMED_OUT"] >= total["errors"] == ended.metrics["errors"]
    checked = ended.result["integrity"]
    assert (checked["lost"], checked["unread"]) == (0, 0)
    assert "errors" in {warning["code"] for warning in ended.document["warnings"]}


# a broker, or a consumer, that dies


def recovered(target: Path) -> bool:
    """Return whether no partition of the cluster is under-replicated."""
    return not admin.under_replicated(admin.connect(load_target(str(target)).client_config("admin")))


def await_recovery(target: Path) -> None:
    """Return when every replica is in sync again."""
    until = time.monotonic() + 60
    while not recovered(target):
        assert time.monotonic() < until, "the cluster did not recover"
        time.sleep(0.2)


def test_a_broker_killed_and_restarted_costs_time_and_no_message(
    kafka3: EmbeddedCluster, three: Path, folder: Path
) -> None:
    """The run goes on; the longest silence of a partition stands in latency; all is confirmed and received once."""
    command = start(
        ORDERS, three, folder / "killed", *sets("Checkout.rate=1k/s"), "--duration", "12s", "--warmup", "1s"
    )
    try:
        command.until_measuring(1.0)
        kafka3.kill_node(1)
        time.sleep(3.0)
    finally:
        kafka3.start_node(1)
    ended = command.ended().ok()
    assert ended.document["status"] == "complete"
    untouched(ended)
    silent = longest_silence(ended)
    assert silent >= 1
    assert (ended.metrics["latency.max"] or 0) >= silent - 0.1
    assert (ended.metrics["end_to_end.max"] or 0) >= silent - 0.1
    await_recovery(three)


def longest_silence(ended: Ended) -> int:
    """Return for how many whole seconds in a row a partition confirmed nothing between two seconds in which it did."""
    seconds: dict[str, list[int]] = {}
    for row in ended.rows:
        if row["kind"] == "partition" and row.get("acked"):
            seconds.setdefault(row["name"], []).append(row["t"])
    return max(int(np.diff(sorted(set(found))).max(initial=1)) - 1 for found in seconds.values())


GUARDED = "from loadkit import site; site.UNDER_REPLICATED_SECONDS = 3.0; from loadkit.cli import main; main()"


def test_an_external_cluster_that_stays_under_replicated_is_left_alone(
    kafka3: EmbeddedCluster, three: Path, folder: Path
) -> None:
    """The load stops by itself and what was measured is kept; a new run is refused until the cluster has recovered."""
    out = folder / "guarded"
    arguments = run_arguments(ORDERS, three, out, *sets("Checkout.rate=500/s"), "--duration", "60s", "--warmup", "1s")
    command = Command(out, *arguments, code=GUARDED)
    try:
        command.until_measuring(1.0)
        kafka3.stop_node(2)
        ended = command.ended()
        refused(ended, 3, "under-replicated", "the load was stopped")
        assert ended.result["status"] == "failed"
        assert ended.result["metrics"]["throughput"] > 0
        assert ended.result["integrity"]["lost"] == 0
        again = run(ORDERS, three, folder / "refused", "--duration", "1s")
        refused(again, 3, "under-replicated", "wait until it has recovered")
    finally:
        kafka3.start_node(2)
    await_recovery(three)


MEMBER = """
import sys, confluent_kafka as ck
member = ck.Consumer({"bootstrap.servers": sys.argv[1], "group.id": sys.argv[2], "enable.auto.commit": False,
                      "session.timeout.ms": 6000, "auto.offset.reset": "earliest", "partition.assignment.strategy": sys.argv[4]})
member.subscribe([sys.argv[3]])
while True:
    if member.consume(100, 0.2):
        print("GOT", flush=True)
"""


def test_a_member_killed_in_its_group_costs_no_message_and_no_order(
    kafka1: EmbeddedCluster, target: Path, folder: Path
) -> None:
    """A process that joined the run's group is killed with partitions in its hands: all is received, none judged lost.

    The partitions move when it joins and again when it is missed, which the rows of the class count.
    """
    out = folder / "member"
    command = start(
        ORDERS,
        target,
        out,
        *sets("Checkout.rate=500/s", "session.timeout.ms=6000"),
        "--duration",
        "14s",
        "--warmup",
        "1s",
    )
    command.until_measuring(1.0)
    facts = json.loads((out / "result.json").read_text())
    billing, topic = facts["classes"]["Billing"], facts["target"]["topics"]["orders"]["name"]
    strategy = billing["config"].get("partition.assignment.strategy", "range,roundrobin")
    member = subprocess.Popen(
        [sys.executable, "-c", MEMBER, kafka1.bootstrap, billing["group_id"], topic, strategy],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert member.stdout is not None
        assert member.stdout.readline() == "GOT\n"
    finally:
        member.kill()
        member.communicate()
    ended = command.ended().ok()
    untouched(ended)
    assert sum(row.get("rebalances", 0) for row in ended.rows if row["kind"] == "consumer") >= 2


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


# a person


@pytest.fixture(scope="module")
def stopped_runs(target: Path, folder: Path) -> dict[str, Ended]:
    """Return runs ended by one SIGINT, by two, and by SIGKILL; the first and last had a cluster of their own."""
    plans = {"once": ("embedded?heap=512m", 1), "twice": (target, 2), "sigkill": ("embedded?heap=512m", 0)}
    ended = {}
    for name, (where, interrupts) in plans.items():
        own = folder / f"tmp-{name}"
        own.mkdir()
        low = sets("Clock.rate=300/s")
        with start(
            STEADY, where, folder / name, "--duration", "60s", "--warmup", "1s", *low, TMPDIR=str(own)
        ) as command:
            command.until_measuring(3.0)
            if not interrupts:
                command.signal(signal.SIGKILL)
            for _ in range(interrupts):
                command.signal(signal.SIGINT)
                time.sleep(0.1)
            ended[name] = command.ended()
    return ended


def test_one_interrupt_drains_and_every_number_is_whole(stopped_runs: dict[str, Ended]) -> None:
    """Exit code 130, status interrupted, all that was due until then confirmed and received, and the page written."""
    ended = stopped_runs["once"]
    assert ended.code == 130, ended.stderr
    assert ended.result["status"] == "interrupted"
    untouched(ended)
    total, measured = sums(ended, "Clock"), ended.result["phases"][-2]
    assert measured["name"] == "measure"
    assert 2 < measured["end"] - measured["start"] < 60
    assert total["due"] == pytest.approx(300 * (measured["end"] - measured["start"]), abs=2)
    assert (ended.out / "report.html").exists()
    assert "Traceback" not in ended.stderr


def test_two_interrupts_end_at_once_and_keep_what_there_is(stopped_runs: dict[str, Ended]) -> None:
    """Exit code 130; what was measured is there, and what could not be verified is withheld or verified."""
    ended = stopped_runs["twice"]
    assert ended.code == 130, ended.stderr
    assert ended.result["status"] == "interrupted"
    assert ended.result["metrics"]["throughput"] > 0
    checked = ended.result["integrity"]
    assert checked.get("withheld") or checked["lost"] == 0
    assert "Traceback" not in ended.stderr


def test_a_killed_run_leaves_a_partial_result_that_can_be_read(stopped_runs: dict[str, Ended], folder: Path) -> None:
    """`loadkit report` makes its page and table; the seconds before the end are in it; nothing is claimed of losses."""
    ended = stopped_runs["sigkill"]
    assert ended.code == -signal.SIGKILL
    assert ended.result["status"] == "running"
    assert not (ended.out / "report.html").exists()
    again = report(ended.out, folder / "sigkill-report")
    assert again.code == 0, again.stderr
    assert again.document["status"] == "interrupted"
    assert again.document["metrics"]["throughput"] == pytest.approx(300, rel=0.7)
    assert again.document["metrics"]["lost"] is None
    assert "lost" in again.document["withheld"]
    assert (ended.out / "report.html").exists()


def test_no_node_and_no_data_is_left_of_a_run_that_was_stopped(stopped_runs: dict[str, Ended], folder: Path) -> None:
    """Neither a process that names the run's temporary folder nor a data folder in it, within 10 s."""
    for name in stopped_runs:
        place = folder / f"tmp-{name}"
        assert eventually(lambda place=place: not processes_of(place) and not list(place.glob("loadkit-kafka-*"))), (  # type: ignore[misc]
            name, processes_of(place), list(place.iterdir())
        )  # fmt: skip


def eventually(true: Callable[[], bool], limit: float = 10.0) -> bool:
    """Return whether something becomes true in time."""
    until = time.monotonic() + limit
    while not true() and time.monotonic() < until:
        time.sleep(0.05)
    return true()
