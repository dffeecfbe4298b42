"""`loadkit size --verify-java`: a plan's producer files in both clients, one after the other, on a Kafka here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadkit.sizing.check.reading.properties import lines
from loadkit.sizing.split import Split
from loadkit.targets import admin, embedded, java_perf
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec

MESSAGES, BYTES = 500_000, 2**28
"""At most so many messages and bytes: some seconds of each client, most of them after the JVM has warmed up."""
PARTITIONS = 100
"""At most so many on the one broker there is."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What both clients did with the files of one kind of producer."""

    file: Path
    topic: str
    size: int
    """Bytes a message."""
    partitions: int
    both: java_perf.Verified

    def text(self) -> str:
        """Return a sentence and a line for each client."""
        said = (f"{self.file}: as fast as each client can, messages of {self.size} bytes as in {self.topic}, "
                f"{self.partitions} partitions, one broker on this machine")  # fmt: skip
        return "\n".join([said, *(f"  {line}" for line in self.both.text().splitlines())])

    def document(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {**asdict(self), "file": str(self.file)}


def verify(configs: Path, splits: Sequence[Split], say: Callable[[str], None]) -> tuple[Verified, ...]:
    """Return what both clients do with each producer file in `configs` on an embedded cluster that is gone afterwards.

    Raises TargetError where it does not start, RunError where a client fails.
    """
    with embedded.start(EmbeddedSpec.parse("embedded"), say) as cluster:
        return tuple(each(configs, splits, cluster, say))


def each(
    configs: Path, splits: Sequence[Split], cluster: EmbeddedCluster, say: Callable[[str], None], most: int = MESSAGES
) -> Iterator[Verified]:
    """Yield what kafka-producer-perf-test and librdkafka do, for each kind of producer, on a new topic."""
    connection = admin.connect({"bootstrap.servers": cluster.bootstrap})
    for folder, split in _kinds(splits):
        topic, size = split.flow.topic.name, round(split.flow.topic.size)
        partitions = min(split.partitions, PARTITIONS)
        name = f"verify-java-{topic}"
        admin.create_topics(connection, [admin.TopicPlan(name, partitions, 1)])
        java = configs / "java" / folder / "producer.properties"
        native = (configs / "librdkafka" / folder / "producer.conf").read_text(encoding="utf-8")
        say(f"{java}: kafka-producer-perf-test, then librdkafka")
        both = java_perf.verify(
            java, {one.name: one.value for one in lines(native)}, cluster.bootstrap, name,
            max(1, min(most, BYTES // size)), size, cluster.kafka_version,
        )  # fmt: skip
        yield Verified(java, topic, size, partitions, both)


def _kinds(splits: Sequence[Split]) -> Iterator[tuple[str, Split]]:
    """Yield the folder of each kind of producer and the topic with the most bytes at its peak that has it."""
    for folder, transactional in (("", False), ("transactional", True)):
        of_kind = [one for one in splits if one.flow.topic.transactions == transactional]
        if of_kind:
            yield folder, max(of_kind, key=lambda one: one.flow.peak * one.flow.record)
