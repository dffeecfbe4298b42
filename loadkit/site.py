"""The target under test, opened once for a process and begun anew for each run.

Opening starts the built-in cluster or checks that the external one may be loaded; beginning a run gives
it names that are its own, writes them into the ledger and makes its topics; closing takes them away.
"""

from __future__ import annotations

import secrets as random_source
import socket
import string
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

from loadkit import ledger
from loadkit.budget import partitions_made, peak_bytes
from loadkit.clusters import KafkaCluster, Names, forms
from loadkit.errors import LoadkitError, RunError, TargetError, TopicError, UsageError
from loadkit.faults import Fault
from loadkit.lag import History
from loadkit.scenario import Scenario, Topic, Workload
from loadkit.standing import Windows, worst
from loadkit.target import Target, check_limits
from loadkit.targets import admin, embedded
from loadkit.targets.kafka import versions
from loadkit.targets.simspec import SimulatedSpec
from loadkit.telemetry import host
from loadkit.telemetry.broker import Brokers

Say = Callable[[str], None]
_LETTERS = string.ascii_lowercase + string.digits
UNDER_REPLICATED_SECONDS = 30.0


def new_names(target: Target, scenario: Scenario) -> Names:
    """Return names that no other run has."""
    run_id = "".join(random_source.choice(_LETTERS) for _ in range(8))
    topics = {t.name: t.name if t.existing else target.named(run_id, t.name) for t in scenario.topics.values()}
    groups = {w.name: target.named(run_id, w.group_id or w.name) for w in scenario.consumers}
    return Names(random_source.randbits(32), run_id, topics, groups)


def open_target(target: Target, scenario: Scenario, say: Say) -> OpenTarget:
    """Return the target ready for runs; a built-in cluster is started. Raises TargetError or UsageError."""
    permit(target, scenario)
    if target.kind == "simulated":
        SimulatedSpec.parse(target.text)
        return OpenTarget(target, None, None)
    cluster = None
    if target.kind == "embedded":
        cluster = embedded.start(embedded.EmbeddedSpec.parse(target.text), say)
        target = target.at(cluster.bootstrap, **cluster.client)
    try:
        connection = admin.connect(target.client_config("admin"))
        if cluster is None:
            _check_health(connection)
    except LoadkitError:
        if cluster:
            cluster.close()
        raise
    if cluster and cluster.generator_cpus:
        host.pin(cluster.generator_cpus)
    return OpenTarget(target, cluster, connection)


def permit(target: Target, scenario: Scenario) -> None:
    """Raise UsageError or TopicError where a target's file does not allow what a scenario would do to it."""
    _check_topics(target, scenario)
    check_limits(target, peak_bytes(scenario), None, partitions_made(scenario))


def _check_topics(target: Target, scenario: Scenario) -> None:
    for topic in scenario.topics.values():
        if topic.existing and target.kind == "file" and topic.name not in target.topics.allow_existing:
            raise TopicError(
                f"topic {topic.name!r} is declared existing=True, and the target does not allow it: "
                f'add allow_existing = ["{topic.name}"] under [topics] of the target file'
            )


def _check_health(connection: admin.Connection) -> None:
    sick = admin.under_replicated(connection)
    if sick:
        raise TargetError(
            f"{len(sick)} partitions of the cluster are under-replicated ({', '.join(sick[:3])} ...): "
            "loading it now could lose data; wait until it has recovered"
        )


def is_here(host: str) -> bool:
    """Return whether an address belongs to this machine: only such a one can be bound."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True


@dataclass(slots=True)
class OpenTarget:
    """A target that answers."""

    target: Target
    cluster: embedded.EmbeddedCluster | None
    connection: admin.Connection | None
    site: SinkSite | KafkaSite | None = None

    @property
    def bootstrap(self) -> str | None:
        """The built-in cluster's addresses, which workers are told; a target file has its own."""
        return self.cluster.bootstrap if self.cluster else None

    @property
    def client(self) -> dict[str, Any]:
        """What its clients need besides: references to secrets, never a secret."""
        return self.cluster.client if self.cluster else {}

    def begin(self, scenario: Scenario, keep_topics: bool) -> SinkSite | KafkaSite:
        """Return the site of a new run, its topics made."""
        permit(self.target, scenario)
        names = new_names(self.target, scenario)
        if self.connection is None:
            mock = self.target.kind == "simulated" and SimulatedSpec.parse(self.target.text).mock
            self.site = MockSite(self.target, names, scenario) if mock else SinkSite(self.target, names)
        else:
            self.site = KafkaSite(self, self.connection, names, scenario, keep_topics)
        return self.site

    def runs(self) -> bool:
        """Return whether a built-in cluster still runs; of others only using them tells."""
        if self.cluster is None:
            return True
        with suppress(TargetError):
            self.cluster.check()
            return True
        return False

    def close(self) -> None:
        """End a built-in cluster."""
        cluster, self.cluster = self.cluster, None
        if cluster:
            cluster.close()


class SinkSite:
    """The simulated sink: nothing to make and nothing to ask."""

    judges_integrity = False

    def __init__(self, target: Target, names: Names) -> None:
        self._target, self.names = target, names

    def facts(self) -> dict[str, Any]:
        """Return what a result says of the target."""
        return {"name": self._target.text, "kind": "simulated", "co_located": True, "cores": "shared", "topics": {}}

    def config(self, workload: Workload) -> dict[str, str]:
        """Return the workload's own settings: there is no client."""
        return dict(workload.config)

    def lane(self, workload: Workload) -> str:
        """Return that it is the sink's own."""
        return "sink"

    def permit(self, total_bytes: float) -> None:
        """Do nothing: neither has limits."""

    def ends(self) -> Mapping[tuple[str, int], tuple[int, int]]:
        """Return nothing."""
        return {}

    def sample(self, second: int, phase: str) -> list[dict[str, Any]]:
        """Return nothing."""
        return []

    def inflict(self, fault: Fault) -> None:
        """Raise UsageError: it has no brokers."""
        raise UsageError(f"--fault {fault}: the simulated sink has no brokers")

    def mend(self, fault: Fault) -> None:
        """Do nothing: none has begun."""

    def close(self) -> None:
        """Do nothing."""


class MockSite(SinkSite):
    """librdkafka's mock cluster, which each load process starts for itself: it forgets all but the last 5 MB."""

    def __init__(self, target: Target, names: Names, scenario: Scenario) -> None:
        super().__init__(target, names)
        self._scenario = scenario
        self._kafka = KafkaCluster(target.at("mock"), names)

    def config(self, workload: Workload) -> dict[str, str]:
        """Return the client settings in force for a workload."""
        return self._kafka.config(workload)

    def lane(self, workload: Workload) -> str:
        """Return which lane a workload's users take, and why where it is not the fast one."""
        return self._kafka.lane(workload, forms(self._scenario)[workload.topic.name])


class KafkaSite:
    """A cluster and the topics of one run on it."""

    judges_integrity = True

    def __init__(
        self, opened: OpenTarget, connection: admin.Connection, names: Names, scenario: Scenario, keep: bool
    ) -> None:
        self._opened, self._connection, self._scenario, self._keep = opened, connection, scenario, keep
        self.target, self.names = opened.target, names
        urls = opened.cluster.jmx_urls if opened.cluster else tuple(self.target.metrics.jmx_exporter)
        self._brokers = Brokers(urls)
        self._history, self._windows = History(), Windows()
        self._sick_since: float | None = None
        self._make(scenario)

    def _make(self, scenario: Scenario) -> None:
        for topic in scenario.topics.values():
            if topic.existing:
                self._adopt(topic)
        plans = [self._plan(topic) for topic in self._made()]
        ledger.note(
            self.target, self._connection.cluster.id, self.names.run_id, [plan.name for plan in plans],
            self.names.groups.values(), transactional_ids=self._transactional_ids(scenario),
        )  # fmt: skip
        admin.create_topics(self._connection, plans)
        for workload in scenario.consumers:
            if workload.protocol == "share":
                admin.set_group_config(
                    self._connection, self.names.groups[workload.name], {"share.auto.offset.reset": "earliest"}
                )

    def _made(self) -> list[Topic]:
        return [topic for topic in self._scenario.topics.values() if not topic.existing]

    def _transactional_ids(self, scenario: Scenario) -> list[str]:
        return [self.target.named(self.names.run_id, w.name) for w in scenario.producers if w.transactions]

    def _adopt(self, topic: Topic) -> None:
        found = admin.describe_topics(self._connection, [topic.name])[topic.name]
        if len(found) != topic.partitions:
            raise TopicError(
                f"topic {topic.name} has {len(found)} partitions, the scenario says {topic.partitions}: "
                f"say partitions={len(found)}"
            )

    def _plan(self, topic: Topic) -> admin.TopicPlan:
        brokers = len(self._connection.cluster.brokers)
        factor = self.target.topics.replication_factor or (min(3, brokers) if self.target.built_in else None)
        config = {**self.target.topics.config(), **topic.config}
        if self.target.built_in and brokers >= 3:
            config.setdefault("min.insync.replicas", "2")
        return admin.TopicPlan(self.names.topics[topic.name], topic.partitions, factor, config)

    def facts(self) -> dict[str, Any]:
        """Return what a result says of the target: cluster, topics as they are, cores shared or not."""
        cluster, embedded_one = self._connection.cluster, self._opened.cluster
        co_located = any(is_here(broker.host) for broker in cluster.brokers)
        cores = "disjoint" if embedded_one and embedded_one.generator_cpus else "shared"
        topics = {}
        for name, real in self.names.topics.items():
            partitions = admin.describe_topics(self._connection, [real])[real]
            with suppress(LoadkitError):
                topics[name] = {
                    "name": real, "partitions": len(partitions), "replication_factor": len(partitions[0].replicas),
                    "config": admin.topic_configs(self._connection, real),
                }  # fmt: skip
        return {
            "name": self.target.name, "kind": "embedded" if embedded_one else "external",
            "co_located": co_located, "cores": cores if co_located else None,
            "cluster": {
                "version": embedded_one.kafka_version if embedded_one else cluster.version,
                "brokers": len(cluster.brokers),
                "racks": list(cluster.racks), "cluster_id": cluster.id,
                **({"java": embedded_one.java} if embedded_one else {}),
            },
            "topics": topics, "properties": self.target.public(), **versions(),
        }  # fmt: skip

    def config(self, workload: Workload) -> dict[str, str]:
        """Return the client settings in force for a workload, secrets masked."""
        return KafkaCluster(self.target, self.names).config(workload)

    def lane(self, workload: Workload) -> str:
        """Return which lane a workload's users take, and why where it is not the fast one."""
        return KafkaCluster(self.target, self.names).lane(workload, forms(self._scenario)[workload.topic.name])

    def permit(self, total_bytes: float) -> None:
        """Raise UsageError where so many bytes in all are above the target's limits."""
        check_limits(self.target, 0, total_bytes, 0)

    def ends(self) -> dict[tuple[str, int], tuple[int, int]]:
        """Return begin and end offset by (declared topic, partition)."""
        found: dict[tuple[str, int], tuple[int, int]] = {}
        for name, real in self.names.topics.items():
            begin, end = admin.beginning_offsets(self._connection, real), admin.end_offsets(self._connection, real)
            found |= {(name, p): (begin.get(p, 0), end[p]) for p in end}
        return found

    def sample(self, second: int, phase: str) -> list[dict[str, Any]]:
        """Return rows of lag and broker metrics; RunError when an external cluster stays under-replicated for 30 s."""
        rows: list[dict[str, Any]] = []
        with suppress(TargetError):  # a broker that is down answers neither this nor the next question
            rows += self._lag_rows() if self._scenario.consumers else []
        self._guard(monotonic())
        rows += self._brokers.sample()
        return [{"t": second, "phase": phase, **row} for row in rows]

    def _lag_rows(self) -> list[dict[str, Any]]:
        rows = []
        ends = {name: admin.end_offsets(self._connection, real) for name, real in self.names.topics.items()}
        now = monotonic()
        for name, end in ends.items():
            self._history.note(name, now, end)
        for workload in self._scenario.consumers:
            if workload.protocol == "share" or workload.commit == "none":
                continue
            name = workload.topic.name
            done = admin.committed(self._connection, self.names.groups[workload.name], self.names.topics[name])
            lag, lag_time = self._history.lag(name, now, {p: done.get(p, 0) for p in ends[name]})
            stands = self._windows.note(workload.name, name, now, ends[name], done)
            status = worst(one.status for one in stands.values())
            rows.append({
                "kind": "consumer", "name": workload.name, "lag": lag, "lag_time": round(lag_time, 3),
                "status": status.name,
            })  # fmt: skip
            rows += [
                {"kind": "group", "name": f"{workload.name}/{name}/{partition}", "lag": one.lag,
                 "status": one.status.name, "complete": one.complete}
                for partition, one in stands.items()
            ]  # fmt: skip
        return rows

    def _guard(self, now: float) -> None:
        if self.target.built_in:
            return
        if not admin.under_replicated(self._connection):
            self._sick_since = None
            return
        self._sick_since = self._sick_since or now
        if now - self._sick_since > UNDER_REPLICATED_SECONDS:
            raise RunError("partitions of the cluster stayed under-replicated for 30 s: the load was stopped")

    def inflict(self, fault: Fault) -> None:
        """Return when an embedded broker is killed, paused or cut off. Raises TargetError or UsageError."""
        self._by_verb(fault, {"kill": "kill_node", "pause": "pause_node", "partition": "cut_node"})

    def mend(self, fault: Fault) -> None:
        """Return when it runs, goes on or is reached again. Raises TargetError or UsageError."""
        self._by_verb(fault, {"kill": "start_node", "pause": "resume_node", "partition": "heal_node"})

    def _by_verb(self, fault: Fault, methods: Mapping[str, str]) -> None:
        if self._opened.cluster is None:
            raise UsageError(f"--fault {fault}: loadkit did not start this cluster")
        getattr(self._opened.cluster, methods[fault.verb])(fault.broker - 1)

    def close(self) -> None:
        """Delete the run's topics and groups, unless they are to be kept."""
        if self._keep:
            return
        if not self.target.built_in:
            ledger.clean(self.target, self._connection, self.names.run_id)
            return
        # Nobody else's are on a built-in cluster, and it may serve many runs.
        admin.delete_topics(self._connection, (self.names.topics[t.name] for t in self._made()))
        for group in self.names.groups.values():
            with suppress(TargetError):
                admin.delete_groups(self._connection, [group])
