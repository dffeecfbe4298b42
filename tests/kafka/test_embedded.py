"""The embedded Kafka as it is: real JVMs, and nothing of them left however their owner ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ahead import ahead
from running import ENV, QUICK, cache_with, eventually, processes_of

from loadkit.errors import TargetError, TargetFileError
from loadkit.targets import embedded, embedded_host, jars
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec
from loadkit.targets.embedded_ready import live_brokers

pytestmark = pytest.mark.kafka

VERSION = "4.3.1"
LIMIT = 5.0
PATIENCE = 60.0
EMBEDDED = f"embedded?{QUICK}"
OWNER = """
import os, sys, time
from loadkit.targets import embedded
cluster = embedded.start(embedded.EmbeddedSpec.parse(sys.argv[1]), lambda text: print(text, flush=True))
print("RUNS", cluster._link._pid, flush=True)
{end}
"""


def nothing_left(folder: Path) -> bool:
    """Return whether neither a process nor a file is left of a cluster whose TMPDIR was `folder`."""
    return not processes_of(folder) and not list(folder.iterdir())


class Owner:
    """A process that owns a cluster, with a TMPDIR of its own."""

    def __init__(self, folder: Path, code: str, target: str = EMBEDDED, **env: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, target],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**ENV, "TMPDIR": str(folder), **env},
        )

    def says(self, word: str) -> str:
        """Return the first line with `word` in it."""
        assert self.process.stdout is not None
        heard = []
        for line in self.process.stdout:
            heard.append(line)
            if word in line:
                return line
        raise AssertionError("".join(heard))

    def runs_a(self, main: str) -> bool:
        """Return whether a JVM with this main class is there."""
        return eventually(lambda: any(main in command for command in processes_of(self.folder)), PATIENCE)

    def end(self) -> None:
        """Kill what may be left after a failed test."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Callable[..., Owner]]:
    """Return what starts an owner, ended with the test."""
    owners: list[Owner] = []

    def make(end: str = "time.sleep(60)") -> Owner:
        owners.append(Owner(tmp_path, OWNER.format(end=end)))
        return owners[-1]

    yield make
    for one in owners:
        one.end()


def metrics(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url, timeout=10) as page:
        lines = [line for line in page.read().decode().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def run_tool(cluster: EmbeddedCluster, main: str, *arguments: str) -> str:
    java, *classpath = embedded.java_command(cluster.kafka_version)
    command = [java, "-XX:TieredStopAtLevel=1", *classpath, main, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("word", "main", "number"),
    [
        ("formatting", "StorageTool", signal.SIGKILL),
        ("starting", "kafka.Kafka", signal.SIGKILL),
        ("starting", "kafka.Kafka", signal.SIGTERM),
        ("starting", "kafka.Kafka", signal.SIGINT),
    ],
    ids=["format", "start", "terminated", "interrupted"],
)
def test_an_owner_ended_before_it_is_ready_leaves_nothing(
    owner: Callable[..., Owner], word: str, main: str, number: signal.Signals
) -> None:
    """While data folders are formatted, or while nodes start: no JVM and no data folder within 5 s."""
    one = owner()
    one.says(word)
    assert one.runs_a(main)
    one.process.send_signal(number)
    assert eventually(lambda: nothing_left(one.folder))


def left_behind(folder: Path, end: str) -> bool:
    """Return whether an owner that ends by some code once its cluster runs leaves nothing."""
    one = Owner(folder, OWNER.format(end=end))
    try:
        one.says("RUNS")
        return eventually(lambda: nothing_left(folder))
    finally:
        one.end()


@ahead
def killed_beside_a_fork(folder: Path) -> bool:
    """Return this of SIGKILL while the cluster runs and a forked child of the owner lives on."""
    fork = "pid = os.fork()\nif pid == 0: os.close(1); os.close(2); time.sleep(20); os._exit(0)\n"
    return left_behind(folder, fork + "os.kill(os.getpid(), 9)")


@ahead
def killed_while_stopping(folder: Path) -> bool:
    """Return this of SIGKILL in the middle of an orderly end."""
    timer = "import threading; threading.Timer(0.1, os.kill, (os.getpid(), 9)).start(); cluster.close()"
    return left_behind(folder, timer)


@ahead
def ended_by_an_exception(folder: Path) -> bool:
    """Return this of an exception."""
    return left_behind(folder, "raise ValueError")


def test_an_owner_that_ends_leaves_nothing(
    killed_beside_a_fork: bool, killed_while_stopping: bool, ended_by_an_exception: bool
) -> None:
    """SIGKILL while it runs and a forked child of it lives on, SIGKILL while it stops, an exception."""
    assert (killed_beside_a_fork, killed_while_stopping, ended_by_an_exception) == (True, True, True)


@ahead
def orphaned(folder: Path) -> Path:
    """Return the folder of a cluster whose supervisor and owner were killed, once its nodes are gone."""
    one = Owner(folder, OWNER.format(end="time.sleep(60)"))
    try:
        os.kill(int(one.says("RUNS").split()[1]), signal.SIGKILL)
        assert eventually(lambda: not any("kafka.Kafka" in command for command in processes_of(one.folder)))
    finally:
        one.end()
    return one.folder


def test_a_killed_supervisor_takes_the_nodes_along_and_is_swept_after(
    orphaned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The JVMs die by PDEATHSIG; the data stays until the next start, which removes it first."""
    (left,) = orphaned.iterdir()
    monkeypatch.setenv("TMPDIR", str(orphaned))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(TargetFileError, match=r"4\.9\.9"):
        embedded.start(EmbeddedSpec(version="4.9.9"))
    assert not left.exists()


@ahead
def two_at_once(folder: Path) -> list[tuple[int, bool]]:
    """Return of two starts that share a cache which lacks a jar: the exit code, and whether nothing is left."""
    cache = folder / "cache"
    shutil.copytree(cache_with(VERSION) / "jars", cache / "jars")
    next((cache / "jars").rglob("jopt-simple-*.jar")).unlink()
    folders = [folder / name for name in "ab"]
    for one in folders:
        one.mkdir()
    owners = [Owner(one, OWNER.format(end="cluster.close()"), LOADKIT_CACHE=str(cache)) for one in folders]
    try:
        for one in owners:
            one.says("RUNS")
        return [(one.process.wait(PATIENCE), nothing_left(one.folder)) for one in owners]
    finally:
        for one in owners:
            one.end()


def test_two_starts_at_once_share_a_cache_that_lacks_a_jar(two_at_once: list[tuple[int, bool]]) -> None:
    """Both fetch under one lock, neither sees half a jar, and both run."""
    assert two_at_once == [(0, True), (0, True)]


def test_a_damaged_jar_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte of a cached jar differs: that jar, and no other, is replaced by what the lock says."""
    jars.jars(VERSION)
    shutil.copytree(jars.cache_dir() / "jars", tmp_path / "jars")
    monkeypatch.setenv("LOADKIT_CACHE", str(tmp_path))
    victim = next((tmp_path / "jars").rglob("jopt-simple-*.jar"))
    before = victim.read_bytes()
    victim.write_bytes(before[:100] + bytes([before[100] ^ 1]) + before[101:])
    others = {path: path.stat().st_ino for path in (tmp_path / "jars").rglob("*.jar") if path != victim}
    said: list[str] = []
    jars.jars(VERSION, said.append)
    assert victim.read_bytes() == before
    assert {path: path.stat().st_ino for path in others} == others
    assert "damaged" in said[0]


def test_a_version_that_does_not_exist_is_a_clear_error() -> None:
    """Exit code 2, and the newest versions that do exist."""
    with pytest.raises(TargetFileError, match=r"Kafka 4\.9\.9 is not published: the newest are .*4\.3\.1") as caught:
        embedded.start(EmbeddedSpec.parse("embedded@4.9.9"))
    assert caught.value.exit_code == 2


def test_a_node_that_cannot_start_shows_its_log_and_keeps_it() -> None:
    """A broker property of the wrong type: the reason is in the message, and in a file that stays."""
    with pytest.raises(TargetError, match=r"Invalid value abc for configuration log\.segment\.bytes") as caught:
        embedded.start(EmbeddedSpec.parse("embedded?log.segment.bytes=abc"))
    kept = re.search(r"Its log is (\S+);", str(caught.value))
    assert kept is not None
    assert "ConfigException" in Path(kept[1]).read_text()
    Path(kept[1]).unlink()


@pytest.mark.long
def test_ports_that_were_taken_meanwhile_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start begins again when its page's port is in use, or its broker's, and gives up in the end."""
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as busy:
        taken = busy.getsockname()[1]

        def ports(count: int, real: Callable[[int], list[int]] = embedded_host.free_ports) -> list[int]:
            free = real(count)
            return [*free[:2], taken, *free[3:]] if not any("taken" in text for text in said) else [taken, *free[1:]]

        monkeypatch.setattr(embedded_host, "free_ports", ports)
        monkeypatch.setattr(embedded, "_TRIES", 2)
        with pytest.raises(TargetError, match="2 times in a row"):
            embedded.start(EmbeddedSpec.parse(EMBEDDED), said.append)
    assert sum("taken" in text for text in said) == 2


def test_one_node_answers_and_says_what_it_is(kafka1: EmbeddedCluster) -> None:
    """Its address, its data, its Java and its pinning are all told."""
    host, port = kafka1.bootstrap.split(":")
    assert host == "127.0.0.1"
    assert live_brokers(int(port)) == {1}
    assert kafka1.kafka_version == "4.3.1"
    assert int(kafka1.java.split(".")[0]) >= 17
    assert kafka1.data_dir.is_dir()
    assert (kafka1.broker_cpus is None) == (len(os.sched_getaffinity(0)) < 4)


def test_the_metrics_page_has_what_matters_and_little_else(kafka1: EmbeddedCluster) -> None:
    """Fewer than 1,000 series; each figure a report or a limit rests on is there."""
    page = metrics(kafka1.jmx_urls[0])
    assert len(page) < 1000
    for part in ("total", "requestqueue", "local", "remote", "responsequeue", "responsesend"):
        for request in ("Produce", "FetchConsumer", "FetchFollower"):
            name = f"kafka_network_requestmetrics_{part}timems"
            assert f'{name}{{quantile="0.99",request="{request}"}}' in page
    names = {name.partition("{")[0] for name in page}
    assert names >= {
        "kafka_server_brokertopicmetrics_bytesin_total",
        "kafka_server_brokertopicmetrics_bytesout_total",
        "kafka_server_brokertopicmetrics_messagesin_total",
        "kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent",
        "kafka_network_socketserver_networkprocessoravgidle_percent",
        "kafka_server_replicamanager_underreplicatedpartitions",
        "kafka_server_replicamanager_isrshrinks_total",
        "kafka_server_replicamanager_isrexpands_total",
        "kafka_log_logflushstats_logflushrateandtimems",
        "kafka_controller_kafkacontroller_offlinepartitionscount",
        "kafka_controller_controllereventmanager_eventqueuetimems",
        "jvm_memory_used_bytes",
        "jvm_gc_collection_seconds_sum",
        "process_cpu_seconds_total",
    }


def test_kafkas_own_tools_run_from_the_same_jars(kafka1: EmbeddedCluster) -> None:
    """A topic is made and filled by the tools `make bench` compares with, and the page counts every message."""
    topics = ("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", kafka1.bootstrap, "--topic", "tools-test")
    run_tool(kafka1, *topics, "--create", "--partitions", "2")
    before = metrics(kafka1.jmx_urls[0])["kafka_server_brokertopicmetrics_messagesin_total"]
    producer = ("--num-records", "5000", "--record-size", "100", "--throughput", "-1")
    output = run_tool(
        kafka1, "org.apache.kafka.tools.ProducerPerformance", "--topic", "tools-test", *producer,
        "--producer-props", f"bootstrap.servers={kafka1.bootstrap}",
    )  # fmt: skip
    assert "5000 records sent" in output
    after = metrics(kafka1.jmx_urls[0])["kafka_server_brokertopicmetrics_messagesin_total"]
    assert after - before == 5000
    run_tool(kafka1, *topics, "--delete")


def test_new_group_protocols_are_on(kafka1: EmbeddedCluster) -> None:
    """The features of KIP-848 (group.version) and KIP-932 (share.version) are finalized at 1."""
    output = run_tool(
        kafka1, "org.apache.kafka.tools.FeatureCommand", "--bootstrap-server", kafka1.bootstrap, "describe"
    )
    levels = dict(re.findall(r"Feature: (\S+)\s.*FinalizedVersionLevel: (\S+)\s", output))
    assert levels["group.version"] == "1"
    assert levels["share.version"] == "1"


def test_an_extra_tool_is_at_hand() -> None:
    """The Java reader of HDR logs starts from its locked jar."""
    java = embedded.java_command()[0]
    jar = jars.artifact("org.hdrhistogram:HdrHistogram:2.2.2")
    done = subprocess.run(
        [java, "-cp", str(jar), "org.HdrHistogram.HistogramLogProcessor", "-h"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "-outputValueUnitRatio" in done.stdout + done.stderr


def test_the_target_file_of_a_cluster_leads_to_it(kafka1: EmbeddedCluster) -> None:
    """It is TOML with the addresses, and with limits, without which no foreign target is accepted."""
    target = tomllib.loads(embedded.target_toml(kafka1))
    assert target["client"]["bootstrap.servers"] == kafka1.bootstrap
    assert target["metrics"]["jmx_exporter"] == list(kafka1.jmx_urls)
    assert set(target["limits"]) == {"max_rate", "max_bytes", "max_partitions"}
    three = embedded.target_toml(replace(embedded.state_of(kafka1), nodes=3))
    assert tomllib.loads(three)["topics"]["min_insync_replicas"] == 2


def test_three_nodes_know_each_other(kafka3: EmbeddedCluster) -> None:
    """Each of the three says that all three are live."""
    ports = [int(address.split(":")[1]) for address in kafka3.bootstrap.split(",")]
    assert [live_brokers(port) for port in ports] == [{1, 2, 3}] * 3
    assert len(set(kafka3.jmx_urls)) == 3


@pytest.mark.long
def test_a_killed_and_a_stopped_node_come_back(kafka3: EmbeddedCluster) -> None:
    """After each fault the node is gone, the others go on, and `start_node` returns when it is back."""
    ports = [int(address.split(":")[1]) for address in kafka3.bootstrap.split(",")]
    for fault, index in ((kafka3.kill_node, 2), (kafka3.stop_node, 1)):
        before = kafka3.node_pid(index)
        fault(index)
        assert not Path(f"/proc/{before}").exists()
        kafka3.check()
        kafka3.start_node(index)
        assert kafka3.node_pid(index) != before
        assert live_brokers(ports[index]) == {1, 2, 3}
