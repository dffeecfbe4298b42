"""From a workload to its lane: where the target's settings, the run's names and the client library meet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from loadkit import lanes, secrets, stamp
from loadkit.errors import ScenarioError
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Scenario
from loadkit.target import Target, placeless
from loadkit.targets import fast, fast_consumer, kafka, kafka_consumer, mock, sink
from loadkit.targets.lane import ConsumerLane, ProducerLane
from loadkit.targets.properties import Layer, Role
from loadkit.targets.simspec import SimulatedSpec


@dataclass(frozen=True, slots=True)
class Names:
    """What a run calls its things on the cluster."""

    run: int
    """The number in every stamp."""
    run_id: str
    topics: Mapping[str, str]
    """Declared name to real name."""
    groups: Mapping[str, str]
    """Consuming class to real group id."""


class Cluster(Protocol):
    """Makes lanes; one a process."""

    def producer(self, workload: ProducerWorkload, form: str, number: int, offsets: bool) -> ProducerLane:
        """Return the lane of one producing user, which tells the offsets of its messages if they are wanted."""

    def consumer(self, workload: ConsumerWorkload, form: str) -> ConsumerLane:
        """Return the lane of one consuming user."""

    def config(self, workload: ProducerWorkload | ConsumerWorkload) -> dict[str, str]:
        """Return the effective client settings of a workload, secrets masked."""


class KafkaCluster:
    """Lanes of the real client, fast or standard."""

    def __init__(self, target: Target, names: Names) -> None:
        self._target, self._names = target, names

    def producer(self, workload: ProducerWorkload, form: str, number: int, offsets: bool) -> ProducerLane:
        """Return a producer; a transactional one has an id of the run, so it fences nobody else's."""
        config = self._settings(workload)
        if workload.transactions:
            config["transactional.id"] = self._target.named(self._names.run_id, f"{workload.name}-{number}")
        topic = self._names.topics[workload.topic.name]
        if lanes.chosen(workload, form, config).name == "fast":
            return fast.FastProducer(config, topic, cast(stamp.Form, form))
        return kafka.KafkaProducer(config, topic, form, workload.headers, offsets)

    def consumer(self, workload: ConsumerWorkload, form: str) -> ConsumerLane:
        """Return a consumer of the run's own group."""
        topic, run = self._names.topics[workload.topic.name], self._names.run
        config = {**self._settings(workload), "group.id": self._names.groups[workload.name]}
        if workload.protocol == "share":
            return kafka_consumer.KafkaShareConsumer(config, topic, form, run)
        from_end = workload.start == "now" and workload.topic.existing
        if lanes.chosen(workload, form, config).name == "fast":
            return fast_consumer.FastConsumer(config, topic, cast(stamp.Form, form), run, from_end)
        return kafka_consumer.KafkaConsumer(config, topic, form, run, from_end)

    def lane(self, workload: ProducerWorkload | ConsumerWorkload, form: str) -> str:
        """Return which lane a workload takes and, where it is not the fast one, why."""
        return str(lanes.chosen(workload, form, self._settings(workload)))

    def config(self, workload: ProducerWorkload | ConsumerWorkload) -> dict[str, str]:
        """Return the effective client settings, secrets masked and files by their names alone."""
        settings = {name: placeless(name, value) for name, value in self._settings(workload).items()}
        shown: dict[str, str] = secrets.MASK.hide(settings)
        return shown

    def _settings(self, workload: ProducerWorkload | ConsumerWorkload) -> dict[str, str]:
        config = self._target.client_config(role_of(workload), layer_of(workload))
        return config if isinstance(workload, ConsumerWorkload) else {**stickiness(workload, config), **config}


STICKY = "sticky.partitioning.linger.ms"
STICKIEST = 10
"""librdkafka's default of it (ms)."""
_BATCH = 1_000_000
"""librdkafka's default of batch.size."""


def stickiness(workload: ProducerWorkload, config: Mapping[str, str]) -> dict[str, str]:
    """Return for how long a producer without keys stays with a partition: until a batch is full, as Java's does.

    By itself librdkafka stays 10 ms however much is sent. At a million messages a second that is many batches of one
    partition, of which five may be in flight: the others wait in the client, which spins meanwhile.
    """
    if workload.key.kind != "none":
        return {}
    rate = workload.rate / workload.fixed_count * workload.mean_size
    full = math.ceil(1000 * int(config.get("batch.size", _BATCH)) / rate)
    return {STICKY: str(full)} if full < STICKIEST else {}


def role_of(workload: ProducerWorkload | ConsumerWorkload) -> Role:
    """Return which kind of client a workload needs."""
    if isinstance(workload, ProducerWorkload):
        return "producer"
    return "share" if workload.protocol == "share" else "consumer"


def layer_of(workload: ProducerWorkload | ConsumerWorkload) -> Layer:
    """Return the client settings that a workload writes, and those that its own fields mean."""
    meant = {} if isinstance(workload, ProducerWorkload) else _consuming(workload)
    return Layer(f"{workload.name}.config", {**meant, **workload.config})


def _consuming(workload: ConsumerWorkload) -> dict[str, str]:
    """Return the client settings that a consuming workload's own fields mean."""
    if workload.protocol == "share":
        return {}
    settings = {"enable.auto.commit": "true" if workload.commit == "auto" else "false"}
    if workload.commit == "auto":
        settings["auto.commit.interval.ms"] = "1000"
    if workload.protocol == "consumer":
        settings["group.protocol"] = "consumer"
    return settings


class SinkCluster:
    """Lanes of the simulated sink: real time, no cluster."""

    def __init__(self, spec: SimulatedSpec, scenario: Scenario, names: Names) -> None:
        self._names = names
        delay = 2 * spec.network + spec.replication + spec.request_overhead
        self._topics = {
            name: sink.SinkTopic(topic.partitions, delay=delay, seed=spec.seed)
            for name, topic in scenario.topics.items()
        }

    def producer(self, workload: ProducerWorkload, form: str, number: int, offsets: bool) -> ProducerLane:
        """Return a producer of the sink."""
        return sink.SinkProducer(self._topics[workload.topic.name])

    def consumer(self, workload: ConsumerWorkload, form: str) -> ConsumerLane:
        """Return a consumer of the sink."""
        return sink.SinkConsumer(self._topics[workload.topic.name], self._names.groups[workload.name], self._names.run)

    def config(self, workload: ProducerWorkload | ConsumerWorkload) -> dict[str, str]:
        """Return the workload's own settings."""
        return dict(workload.config)


class MockCluster(KafkaCluster):
    """Lanes of the real client to librdkafka's mock cluster in this process: what the client can do, and no cluster."""

    def __init__(self, target: Target, scenario: Scenario, names: Names) -> None:
        self._mock = mock.Mock({names.topics[topic.name]: topic.partitions for topic in scenario.topics.values()})
        super().__init__(target.at(self._mock.bootstrap), names)


def forms(scenario: Scenario) -> dict[str, str]:
    """Return where stamps are, by topic: all producers of a topic agree, or all of them use a header."""
    found: dict[str, set[str]] = {name: set() for name in scenario.topics}
    for workload in scenario.producers:
        found[workload.topic.name].add(_form(workload))
    return {
        name: forms.pop() if len(forms) == 1 else ("header" if forms else "binary") for name, forms in found.items()
    }


def _form(workload: ProducerWorkload) -> str:
    payload: Any = workload.payload
    where = "header" if workload.stamp == "header" or workload.tombstones or payload.stamp_form == "header" else "value"
    if workload.stamp == "value" and where == "header":
        raise ScenarioError(f"{workload.name}.stamp: tombstones and {payload.kind} payloads are stamped in a header")
    try:
        payload.check_stamp(where)
    except ValueError as error:
        raise ScenarioError(f"{workload.name}.payload.{error}") from None
    return "header" if where == "header" else str(payload.stamp_form)
