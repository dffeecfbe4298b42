"""The command as a user runs it: in a process of its own, with a time limit, its answer read as JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import confluent_kafka as ck

from loadkit.stamp import STAMP
from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster

ROOT = Path(__file__).parent.parent
ENV = dict(os.environ)
"""The environment as it is before tests change it: what is made ahead runs beside them."""
SCENARIOS = Path(__file__).parent / "kafka" / "scenarios"
STEADY = SCENARIOS / "steady.py"
ORDERS = "scenarios/orders.py"
QUICK = "jvm=-XX:TieredStopAtLevel=1"
"""A parameter for brokers that are not measured: without the second compiler a start takes half the CPU."""
PATIENCE = 110.0
"""Seconds after which a command that should have ended is killed and its test fails: generous, for loaded machines."""

SECRET = "s3cr3t-of-the-test"
SECRET_TARGET = """
name = "staging"
[client]
"bootstrap.servers" = "127.0.0.1:1"
"security.protocol" = "SASL_PLAINTEXT"
"sasl.mechanism" = "PLAIN"
"sasl.username" = "tester"
"sasl.password" = "${LOADKIT_TEST_PASSWORD}"
[limits]
max_rate = "50MB/s"
max_bytes = "1GB"
max_partitions = 100
"""
"""A target file with a secret of the environment, whose cluster is not there."""
GIVES_WAY = 5
"""Nice value of commands that make load: a third of the weight of a broker."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended, and what it left in its folder."""

    code: int
    stdout: str
    stderr: str
    out: Path
    seconds: float

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        return json.loads(self.stdout)  # type: ignore[no-any-return]

    @property
    def result(self) -> dict[str, Any]:
        """`result.json`."""
        return json.loads((self.out / "result.json").read_text())  # type: ignore[no-any-return]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of `series.jsonl`."""
        return [json.loads(line) for line in (self.out / "series.jsonl").read_text().splitlines()]

    @property
    def metrics(self) -> dict[str, float | None]:
        """The metrics by name."""
        return self.document["metrics"]  # type: ignore[no-any-return]

    def ok(self) -> Ended:
        """Return itself if it ended with 0; else fail with what it said."""
        assert self.code == 0, f"exit code {self.code}\n{self.stderr}\n{self.stdout}"
        return self


class Command:
    """A loadkit command under way; used as a context it is gone afterwards."""

    def __init__(self, out: Path, *arguments: str, code: str | None = None, **env: str) -> None:
        """Start it; `code` is Python to run instead of the command's own entry, and sees the arguments."""
        entry = ["-m", "loadkit"] if code is None else ["-c", code]
        self.out, self._begun = out, time.monotonic()
        self._files = [Path(f"{out}.{name}") for name in ("stdout", "stderr")]
        streams = [path.open("w") for path in self._files]
        self.process = subprocess.Popen(
            [sys.executable, *entry, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=streams[0], stderr=streams[1],
            env={**ENV, "LOADKIT_STATE": str(out.parent / "state"), "PYTHONUNBUFFERED": "1", **env}, start_new_session=True,
        )  # fmt: skip
        for stream in streams:
            stream.close()
        give_way(self.process.pid)

    def __enter__(self) -> Command:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Make sure that it is gone."""
        self.kill()

    @property
    def said(self) -> str:
        """What it has written to stderr so far."""
        return self._files[1].read_text()

    def until(self, true: Callable[[], bool], what: str, limit: float = PATIENCE) -> None:
        """Return when something is true; fail when the command ends or the time is over before."""
        until = time.monotonic() + limit
        while not true():
            assert self.process.poll() is None, f"ended with {self.process.returncode} before {what}\n{self.said}"
            assert time.monotonic() < until, f"not {what} within {limit:.0f} s\n{self.said}"
            time.sleep(0.05)

    def until_measuring(self, seconds: float = 0.0) -> None:
        """Return once the measured phase has been under way for so long, give or take a second."""
        self.until(lambda: "\nmeasure" in self.said, "measuring")
        time.sleep(seconds)

    def until_written(self, seconds: int) -> None:
        """Return once so many measured seconds with confirmations are on disk."""
        self.until(lambda: len(confirmed_seconds(self.out)) >= seconds, f"{seconds} measured seconds on disk")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command alone."""
        self.process.send_signal(number)

    def ended(self, limit: float = PATIENCE) -> Ended:
        """Return what it left, once it has ended."""
        try:
            code = self.process.wait(limit)
        finally:
            self.kill()
        stdout, stderr = (path.read_text() for path in self._files)
        return Ended(code, stdout, stderr, self.out, time.monotonic() - self._begun)

    def kill(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def confirmed_seconds(out: Path) -> set[int]:
    """Return the measured seconds of which a run under way has written confirmations."""
    series = out / "series.jsonl"
    whole = series.read_text().split("\n")[:-1] if series.exists() else []
    rows = (json.loads(line) for line in whole)
    return {row["t"] for row in rows if row["kind"] == "producer" and row["phase"] == "measure" and row.get("acked")}


def give_way(pid: int) -> None:
    """Have a process that makes load, in a session of its own, leave the cores to brokers that want them.

    While a partition waits for its broker, librdkafka's idempotent producers spin: three such runs kept a broker on the
    same two cores, and everybody else, from running for 20 s. Linux shares cores out among sessions first, then among
    their threads, so both get less weight.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, GIVES_WAY)
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(GIVES_WAY))
    if hasattr(os, "SCHED_BATCH"):
        with suppress(ProcessLookupError):
            os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))


def start(scenario: Path | str, target: Path | str, out: Path, *arguments: str, **env: str) -> Command:
    """Return `loadkit run` under way, with `--json`."""
    return Command(out, *run_arguments(scenario, target, out, *arguments), **env)


def run_arguments(scenario: Path | str, target: Path | str, out: Path, *arguments: str) -> list[str]:
    """Return the arguments of `loadkit run`."""
    return ["run", str(scenario), "--target", str(target), "--out", str(out), "--json", *arguments]


def run(scenario: Path | str, target: Path | str, out: Path, *arguments: str, **env: str) -> Ended:
    """Return `loadkit run` when it has ended."""
    return start(scenario, target, out, *arguments, **env).ended()


def report(out: Path, log: Path) -> Ended:
    """Return `loadkit report` on a folder when it has ended; what it says goes to files named after `log`."""
    command = Command(log, "report", str(out), "--json")
    ended = command.ended()
    return Ended(ended.code, ended.stdout, ended.stderr, out, ended.seconds)


def sets(*assignments: str) -> list[str]:
    """Return `--set` flags."""
    return [word for text in assignments for word in ("--set", text)]


def cache_with(version: str) -> Path:
    """Return the cache folder, the jars of a Kafka in it; asked in a process of its own, with its own environment."""
    code = "import sys; from loadkit.targets import jars; jars.jars(sys.argv[1]); jars.artifact(sys.argv[2]); print(jars.cache_dir())"
    command = [sys.executable, "-c", code, version, "io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1"]
    return Path(
        subprocess.run(command, env=ENV, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    )


def target_file(folder: Path, cluster: EmbeddedCluster, *changes: tuple[str, str]) -> Path:
    """Return the path of a target file for a shared cluster: an external target, as a team would name it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = embedded.target_toml(cluster)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "target.toml"
    path.write_text(text)
    return path


def topic_names(cluster: EmbeddedCluster) -> set[str]:
    """Return the topics of a cluster that are not its own."""
    client = ck.Producer({"bootstrap.servers": cluster.bootstrap})
    return {name for name in client.list_topics(timeout=20).topics if not name.startswith("__")}


@contextmanager
def reader(cluster: EmbeddedCluster, topic: str, **config: str) -> Iterator[tuple[Any, list[Any]]]:
    """Yield a consumer, and a topic's partitions from the first offset on."""
    consumer = ck.Consumer({
        "bootstrap.servers": cluster.bootstrap, "group.id": "reader", "enable.auto.commit": "false",
        "enable.partition.eof": "true", "auto.offset.reset": "earliest", **config,
    })  # fmt: skip
    try:
        numbers = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        yield consumer, [ck.TopicPartition(topic, number, ck.OFFSET_BEGINNING) for number in numbers]
    finally:
        consumer.close()


def read(cluster: EmbeddedCluster, topic: str, **config: str) -> list[Any]:
    """Return every message of a topic, partition by partition in order, by an ordinary consumer."""
    found: list[Any] = []
    with reader(cluster, topic, **config) as (consumer, places):
        consumer.assign(places)
        open_ones = {place.partition for place in places}
        while open_ones:
            messages = consumer.consume(1000, 0.5)
            ends = [message for message in messages if message.error() is not None]
            found += [message for message in messages if message.error() is None]
            for end in ends:
                assert end.error().code() == ck.KafkaError._PARTITION_EOF, end.error()
                open_ones.discard(end.partition())
    return sorted(found, key=lambda message: (message.partition(), message.offset()))


def grown(cluster: EmbeddedCluster, topic: str) -> int:
    """Return how many offsets a topic's log holds."""
    with reader(cluster, topic) as (consumer, places):
        return sum(high - low for low, high in (consumer.get_watermark_offsets(place, timeout=20) for place in places))


def delete(cluster: EmbeddedCluster, *topics: str) -> None:
    """Delete topics."""
    from confluent_kafka import admin

    client: Any = admin.AdminClient({"bootstrap.servers": cluster.bootstrap})  # type: ignore[attr-defined]
    for future in client.delete_topics(list(topics)).values():
        future.result()


def create(cluster: EmbeddedCluster, topic: str, partitions: int = 3, **config: str) -> None:
    """Make a topic that is not loadkit's."""
    from confluent_kafka import admin

    client: Any = admin.AdminClient({"bootstrap.servers": cluster.bootstrap})  # type: ignore[attr-defined]
    made = admin.NewTopic(topic, partitions, 1, config=config)  # type: ignore[attr-defined]
    for future in client.create_topics([made]).values():
        future.result()


def fill(cluster: EmbeddedCluster, topic: str, values: list[bytes]) -> None:
    """Send values to a topic as another application would."""
    producer = ck.Producer({"bootstrap.servers": cluster.bootstrap})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(20) == 0


def stamped(message: Any) -> Any:
    """Return the stamp in the first field of a JSON value, as one record."""
    import numpy as np

    value = message.value()
    assert value.startswith(b'{"loadkit":"'), value[:80]
    return np.frombuffer(bytes.fromhex(value[12:60].decode()), STAMP)[0]


def sums(ended: Ended, name: str) -> dict[str, int]:
    """Return the totals of one class."""
    return ended.result["totals"][name]  # type: ignore[no-any-return]


def untouched(ended: Ended) -> None:
    """Fail unless every message that was sent was confirmed, received once, and in order."""
    for name, total in ended.result["totals"].items():
        assert total["due"] - total["unsent"] == total["sent"] == total["acked"] > 0, (name, total)
        assert total["errors"] == total["unacked"] == 0, (name, total)
    checked = ended.result["integrity"]
    for fault in ("lost", "duplicated", "reordered", "unread", "unconfirmed"):
        assert checked[fault] == 0, checked


def processes_of(place: Path) -> list[str]:
    """Return the command lines that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(place) in text:
            found.append(text)
    return found


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


def eventually(true: Callable[[], bool], limit: float = 5.0) -> bool:
    """Return whether something becomes true in time (s)."""
    until = time.monotonic() + limit
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()
