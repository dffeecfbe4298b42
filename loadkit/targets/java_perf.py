"""Kafka's own producer test with a producer file, and the same load by librdkafka with its file: both figures.

A plan's settings are measured by librdkafka and translated for Java; this shows what the translation does there. Both
send as fast as they can and measure from the call of send to its acknowledgement, as kafka-producer-perf-test does: a
comparison of two clients, not a latency at a rate.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import confluent_kafka
import numpy as np

from loadkit.errors import RunError
from loadkit.targets import embedded
from loadkit.targets.embedded_spec import DEFAULT_VERSION

_MAIN = "org.apache.kafka.tools.ProducerPerformance"
_LINE = re.compile(
    r"(?P<sent>\d+) records sent, (?P<rate>[\d.]+) records/sec .*? ms avg latency, .*? ms max latency, "
    r"(?P<p50>\d+) ms 50th, (?P<p95>\d+) ms 95th, (?P<p99>\d+) ms 99th"
)
_PATIENCE = 300.0
_TRANSACTION = 3.0
"""Seconds until a transaction is committed, as kafka-producer-perf-test has it by default."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one client did."""

    client: str
    messages: int
    per_second: float
    p50_s: float
    p95_s: float
    p99_s: float


@dataclass(frozen=True, slots=True)
class Verified:
    """Both clients with one plan's settings."""

    java: Figures
    librdkafka: Figures

    def text(self) -> str:
        """Return both as lines of text."""
        rows = (f"{one.client}: {one.per_second:,.0f} msg/s, p50 {one.p50_s * 1e3:.1f} ms, p99 {one.p99_s * 1e3:.1f} ms"
                for one in (self.java, self.librdkafka))  # fmt: skip
        return "\n".join(rows)


def verify(
    java_file: Path,
    librdkafka: Mapping[str, str],
    bootstrap: str,
    topic: str,
    messages: int,
    size: int,
    version: str = DEFAULT_VERSION,
) -> Verified:
    """Return what both clients do with `messages` of `size` bytes, one after the other, on a topic that exists.

    Raises RunError with its last words where one of them fails.
    """  # fmt: skip
    return Verified(java(java_file, bootstrap, topic, messages, size, version),
                    native(librdkafka, bootstrap, topic, messages, size))  # fmt: skip


def java(file: Path, bootstrap: str, topic: str, messages: int, size: int, version: str = DEFAULT_VERSION) -> Figures:
    """Return what kafka-producer-perf-test prints with a producer file."""
    command = [
        *embedded.java_command(version),
        _MAIN,
        "--topic",
        topic,
        "--num-records",
        str(messages),
        "--throughput",
        "-1",
    ]
    command += ["--record-size", str(size), "--bootstrap-server", bootstrap, "--command-config", str(file)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise RunError(f"kafka-producer-perf-test with {file} did not end within {_PATIENCE:.0f} s") from None
    found = [match for match in map(_LINE.search, done.stdout.splitlines()) if match]
    if done.returncode or not found:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise RunError(f"kafka-producer-perf-test with {file} failed: {' '.join(said)}")
    last = found[-1]
    times = [int(last[name]) / 1e3 for name in ("p50", "p95", "p99")]
    return Figures(f"java {version}", int(last["sent"]), float(last["rate"]), *times)


def native(config: Mapping[str, str], bootstrap: str, topic: str, messages: int, size: int) -> Figures:
    """Return what librdkafka does with its settings, in the same way."""
    sent, took, errors = np.zeros(messages), np.zeros(messages), list[str]()
    producer = confluent_kafka.Producer({**config, "bootstrap.servers": bootstrap})
    transactional = "transactional.id" in config
    if transactional:
        producer.init_transactions(_PATIENCE)
        producer.begin_transaction()
    payload = np.random.default_rng(1).integers(65, 91, size, dtype=np.uint8).tobytes()

    def heard(number: int) -> Callable[[object, object], None]:
        def report(error: object, _: object) -> None:
            took[number] = time.perf_counter() - sent[number]
            if error is not None:
                errors.append(str(error))

        return report

    begun = opened = time.perf_counter()
    for number in range(messages):
        sent[number] = time.perf_counter()
        _send(producer, topic, payload, heard(number))
        if transactional and sent[number] - opened > _TRANSACTION:
            _commit(producer)
            producer.begin_transaction()
            opened = time.perf_counter()
    left = producer.flush(60)
    if transactional:
        _commit(producer)
    if left or errors:
        raise RunError(
            f"librdkafka did not deliver {left + len(errors)} of {messages} messages: {errors[:1] or 'time out'}"
        )
    seconds = time.perf_counter() - begun
    p50, p95, p99 = (float(one) for one in np.quantile(took, (0.5, 0.95, 0.99)))
    return Figures(f"librdkafka {confluent_kafka.libversion()[0]}", messages, messages / seconds, p50, p95, p99)


def _send(
    producer: confluent_kafka.Producer, topic: str, payload: bytes, heard: Callable[[object, object], None]
) -> None:
    while True:
        try:
            producer.produce(topic, payload, on_delivery=heard)
            break
        except BufferError:
            producer.poll(0.01)
    producer.poll(0)


def _commit(producer: confluent_kafka.Producer) -> None:
    producer.flush(_PATIENCE)  # a commit waits for what is in flight, but only a poll tells of it
    producer.commit_transaction(_PATIENCE)
