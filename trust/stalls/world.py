"""A cluster behind the proxy, what is run against it, and who is stopped meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import confluent_kafka as ck
import numpy as np

from bench.process import beside, run
from loadkit.targets import admin, embedded
from loadkit.targets.embedded import EmbeddedCluster
from trust.proxy import record
from trust.proxy.record import Record
from trust.proxy.server import addresses
from trust.stalls.cases import MEASURED, WARMUP, Case, Stop
from trust.stalls.truth import Stored

SCENARIO = Path(__file__).with_name("scenario.py")
_RECOVERY = 60.0
_CONTROLS = re.compile(r"^kafka_controller_kafkacontroller_activecontrollercount\S* 1", re.MULTILINE)


@dataclass(slots=True)
class Through:
    """A way through the proxy, open for a block; the record is there after it."""

    bootstrap: str
    stopped: list[int] = field(default_factory=list)
    """When a broker was stopped and went on (ns, monotonic)."""
    record: Record | None = None

    @property
    def seen(self) -> Record:
        """Return what the proxy logged, once the block has ended."""
        assert self.record
        return self.record


@contextmanager
def through(cluster: EmbeddedCluster, case: Case, log: Path) -> Iterator[Through]:
    """Run the proxy of a case beside a block, and stop who is to be stopped; RuntimeError where that failed."""
    brokers = [address.rpartition(":")[2] for address in cluster.bootstrap.split(",")]
    with beside([sys.executable, "-m", "trust.proxy", str(log), str(case.behaviour), *brokers]) as process:
        assert process.stdout
        lines = process.stdout
        way = Through(addresses(map(int, lines.readline().split())))

        def stop(one: Stop) -> None:
            if lines.readline() == "begun\n":
                at, pid = time.monotonic() + one.at, cluster.node_pid(node_of(cluster, one.who))
                time.sleep(max(0.0, at - time.monotonic()))
                way.stopped += held(pid, one.length)

        thread = threading.Thread(target=stop, args=(case.stop,), daemon=True) if case.stop else None
        if thread:
            thread.start()
        yield way
    if thread:
        thread.join()
    if process.returncode:
        raise RuntimeError(f"the proxy of case {case.name} ended with {process.returncode}")
    if case.stop and not way.stopped:
        raise RuntimeError(f"in case {case.name} nobody was stopped")
    way.record = record.read(log)


def held(pid: int, seconds: float) -> list[int]:
    """Hold a process by SIGSTOP; return when it began and ended (ns, monotonic)."""
    os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic_ns()
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
    return [begun, time.monotonic_ns()]


def node_of(cluster: EmbeddedCluster, who: str) -> int:
    """Return the number of the node that leads the one partition of the one topic there is, or of one that follows.

    The follower is not the active controller: without it nobody could be taken out of sync.
    """
    consumer = ck.Consumer(reading(cluster))
    try:
        topics = consumer.list_topics(timeout=20).topics
    finally:
        consumer.close()
    (one,) = (topic for name, topic in topics.items() if not name.startswith("__"))
    leader = int(one.partitions[0].leader) - 1
    if who == "leader":
        return leader
    followers = [int(replica) - 1 for replica in one.partitions[0].replicas if replica - 1 != leader]
    return next(node for node in followers if not controls(cluster.jmx_urls[node]))


def controls(url: str) -> bool:
    """Return whether a node is the active controller, from its page of metrics."""
    with urlopen(url, timeout=20) as page:
        return bool(_CONTROLS.search(page.read().decode("utf-8")))


def reading(cluster: EmbeddedCluster) -> dict[str, Any]:
    """Return the settings of an ordinary consumer, straight to the brokers."""
    return {"bootstrap.servers": cluster.bootstrap, "group.id": "trust-stalls", "enable.auto.commit": False,
            "enable.partition.eof": True, "auto.offset.reset": "earliest"}  # fmt: skip


def stored(cluster: EmbeddedCluster, topic: str) -> Stored:
    """Return all messages of a topic of one partition."""
    consumer, found = ck.Consumer(reading(cluster)), []
    consumer.assign([ck.TopicPartition(topic, 0, ck.OFFSET_BEGINNING)])
    try:
        while True:
            messages = consumer.consume(10_000, 1.0)
            found += [message for message in messages if message.error() is None]
            ends = [message.error() for message in messages if message.error() is not None]
            if any(end.code() == ck.KafkaError._PARTITION_EOF for end in ends):
                break
            if ends:
                raise RuntimeError(f"topic {topic} could not be read: {ends[0]}")
    finally:
        consumer.close()
    return Stored(np.array([message.offset() for message in found], np.int64),
                  np.array([message.timestamp()[1] for message in found], np.int64),
                  [message.value()[:24] for message in found])  # fmt: skip


@contextmanager
def topic(cluster: EmbeddedCluster, name: str) -> Iterator[str]:
    """Make a topic of one partition, of as many replicas as there are nodes, for a block."""
    connection = admin.connect({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics(connection, [admin.TopicPlan(name, 1, cluster.spec.nodes, {})])
    try:
        yield name
    finally:
        forget(cluster, name)


def forget(cluster: EmbeddedCluster, name: str) -> None:
    """Delete a topic, once every replica is in sync; RuntimeError when that takes too long."""
    connection, until = admin.connect({"bootstrap.servers": cluster.bootstrap}), time.monotonic() + _RECOVERY
    while left := admin.under_replicated(connection):
        if time.monotonic() > until:
            raise RuntimeError(f"still under-replicated after {_RECOVERY:.0f} s: {', '.join(left)}")
        time.sleep(0.2)
    admin.delete_topics(connection, [name])


def load(cluster: EmbeddedCluster, case: Case, way: Through, out: Path) -> dict[str, Any]:
    """Return result.json of `loadkit run` through the proxy, run as a user runs it; its topic stays."""
    target = out.with_suffix(".toml")
    state = replace(embedded.state_of(cluster), bootstrap=way.bootstrap)
    target.write_text(embedded.target_toml(state), "utf-8")
    command = [sys.executable, "-m", "loadkit", "run", str(SCENARIO), "--target", str(target), "--out", str(out)]
    command += ["--warmup", f"{WARMUP}s", "--duration", f"{MEASURED}s", "--keep-topics", "--json"]
    command += [word for key, value in case.client.items() for word in ("--set", f"{key}={value}")]
    run(command, out.parent)
    return json.loads((out / "result.json").read_text("utf-8"))  # type: ignore[no-any-return]
