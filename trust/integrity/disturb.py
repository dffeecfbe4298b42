"""What is done to a cluster while it is loaded: brokers killed in turn, leaders moved, members that come and go.

Each disturbance lasts until a given instant and leaves the cluster whole; it returns what it did, counted.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Thread

import confluent_kafka as ck
import confluent_kafka.admin as ck_admin

from loadkit.errors import TargetError
from loadkit.targets import admin, embedded

DOWN = 3.0
"""Seconds for which a killed broker stays dead."""
BETWEEN = 2.0
"""Seconds between two changes of leaders or members."""
_PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A run under way, and the cluster under it."""

    cluster: embedded.EmbeddedCluster
    topic: str
    group: str
    strategy: str
    """The consumers' assignment strategy, which a foreign member must share."""
    folder: Path
    until: float
    """When to stop disturbing, on the monotonic clock."""
    did: Counter[str] = field(default_factory=Counter)

    def connection(self, timeout: float = 10.0) -> admin.Connection:
        """Return a way to ask the cluster, each time for so many seconds at most."""
        return admin.connect({"bootstrap.servers": self.cluster.bootstrap}, timeout)

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self.until


Disturbance = Callable[[Stage], None]


def await_whole(cluster: embedded.EmbeddedCluster, patience: float = _PATIENCE) -> None:
    """Return when every replica of the cluster is in sync; RuntimeError when that takes too long."""
    connection = admin.connect({"bootstrap.servers": cluster.bootstrap})
    limit = time.monotonic() + patience
    while sick := admin.under_replicated(connection):
        if time.monotonic() > limit:
            raise RuntimeError(f"not in sync after {patience:.0f} s: {', '.join(sick[:5])}")
        time.sleep(0.3)


def restarts(stage: Stage) -> None:
    """Kill one broker after the other by SIGKILL, each started again and in sync before the next."""
    for turn in count():
        if stage.over:
            return
        index = turn % stage.cluster.spec.nodes
        stage.cluster.kill_node(index)
        try:
            time.sleep(DOWN)
        finally:
            stage.cluster.start_node(index)
        await_whole(stage.cluster)
        stage.did["brokers killed"] += 1


def leaders(stage: Stage) -> None:
    """Give every partition another first replica and have it elected, again and again; a dead broker refuses that."""
    connection = stage.connection()
    while not stage.over:
        try:
            stage.did["leaders moved"] += _move(stage, connection)
        except (RuntimeError, TargetError, ck.KafkaException, TimeoutError):
            stage.did["moves refused"] += 1
        time.sleep(BETWEEN)


def _move(stage: Stage, connection: admin.Connection) -> int:
    """Return how many partitions have another leader than before."""
    parts = admin.describe_topics(connection, [stage.topic])[stage.topic]
    before = {part.id: part.leader for part in parts}
    reassign(stage, {part.id: (*part.replicas[1:], part.replicas[0]) for part in parts})
    elect(connection, stage.topic, list(before), ck.ElectionType.PREFERRED)
    time.sleep(BETWEEN)
    after = {part.id: part.leader for part in admin.describe_topics(connection, [stage.topic])[stage.topic]}
    return sum(after[part] != leader for part, leader in before.items())


def reassign(stage: Stage, replicas: dict[int, tuple[int, ...]]) -> None:
    """Give each partition these replicas, by Kafka's own tool: confluent-kafka has no call for it."""
    file = stage.folder / "reassignment.json"
    wanted = [{"topic": stage.topic, "partition": part, "replicas": list(ids)} for part, ids in replicas.items()]
    file.write_text(json.dumps({"version": 1, "partitions": wanted}), "utf-8")
    java, *classpath = embedded.java_command()
    command = [java, "-XX:TieredStopAtLevel=1", "-Xmx128m", *classpath]
    command += ["org.apache.kafka.tools.reassign.ReassignPartitionsCommand", "--execute"]
    command += ["--bootstrap-server", stage.cluster.bootstrap, "--reassignment-json-file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    if done.returncode or "Successfully started" not in done.stdout:
        raise RuntimeError(f"replicas were not reassigned: {done.stdout[-500:]} {done.stderr[-500:]}")


def elect(connection: admin.Connection, topic: str, partitions: list[int], kind: ck.ElectionType) -> None:
    """Have leaders elected; a partition that needs none, or has nobody, is left as it is."""
    client: ck_admin.AdminClient = connection.client
    places = [ck.TopicPartition(topic, number) for number in partitions]
    # without a time limit of its own: confluent-kafka 2.16.1 raises SystemError for either of its keywords
    for place, error in client.elect_leaders(kind, places).result(_PATIENCE).items():
        code = error.args[0].code() if isinstance(error, ck.KafkaException) else None
        if code not in (None, ck.KafkaError.ELECTION_NOT_NEEDED, _NOBODY[kind]):
            raise RuntimeError(f"electing a leader of {topic}-{place.partition}: {error}")


_NOBODY = {
    ck.ElectionType.PREFERRED: ck.KafkaError.PREFERRED_LEADER_NOT_AVAILABLE,
    ck.ElectionType.UNCLEAN: ck.KafkaError.ELIGIBLE_LEADERS_NOT_AVAILABLE,
}


def members(stage: Stage) -> None:
    """Have foreign members join the group, receive, and go: in good order, or killed with partitions in their hands."""
    for turn in count():
        if stage.over:
            return
        command = [sys.executable, "-m", "trust.integrity.member", stage.cluster.bootstrap, stage.group, stage.topic]
        with subprocess.Popen([*command, stage.strategy], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as member:
            try:
                assert member.stdout
                if select.select([member.stdout], [], [], _PATIENCE)[0]:
                    stage.did["members joined"] += member.stdout.readline() == b"GOT\n"
                if turn % 2:
                    member.kill()
                    stage.did["members killed"] += 1
            finally:
                member.communicate()  # the end of its input has it leave
        time.sleep(BETWEEN)


def together(*disturbances: Disturbance) -> Disturbance:
    """Return several disturbances as one, side by side."""

    def all_of_them(stage: Stage) -> None:
        failed: list[BaseException] = []

        def one(disturbance: Disturbance) -> None:
            try:
                disturbance(stage)
            except BaseException as error:  # raised again below
                failed.append(error)

        threads = [Thread(target=one, args=(disturbance,)) for disturbance in disturbances]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    return all_of_them
