"""Everything that config files need of a plan, and nothing else: the seam between the plan and its files.

Units are seconds, bytes, bytes a second and cores; names of settings are Java's. Values only: no clock, no I/O. What is
impossible (fewer copies than in-sync replicas, say) is not refused here but by the checker that reads the files back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

Platform = Literal[
    "self-managed", "strimzi", "redpanda", "msk-standard", "msk-express", "msk-serverless", "confluent-cloud",
    "event-hubs", "google-managed-kafka",
]  # fmt: skip
PLATFORMS: tuple[str, ...] = get_args(Platform)
Cleanup = Literal["delete", "compact", "compact,delete"]


@dataclass(frozen=True, slots=True)
class Effect:
    """A client setting that the plan chose: its value, and what choosing it did where it was measured."""

    setting: str
    """Java's name: `linger.ms`."""
    value: str
    """As Java's properties take it: `"10"`, `"131072"`, `"lz4"`."""
    text: str
    """What the figures below are a change of, and against what: `"latency.p99 against linger.ms=0"`."""
    low: float | None = None
    mid: float | None = None
    high: float | None = None
    """The relative change with its interval: -0.12 is 12 % less. None where nothing was measured."""
    client: str = ""
    """The client that measured it, with its version: `"librdkafka 2.16.0"`, `"java 4.3.1"`. Empty: assumed."""
    source: str = ""
    """Where it comes from: the folder of the result, or the source of the assumption."""

    @property
    def measured(self) -> bool:
        """Return whether a client measured it."""
        return bool(self.client) and self.mid is not None


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that one broker (or partition) takes for ever: low, mid and high end of what is known."""

    low: float
    mid: float
    high: float
    measured: bool
    """False: assumed, by the source."""
    source: str

    @property
    def kib_per_s(self) -> str:
        """The low end in KiB/s as a plain number, exact to a byte where it is small."""
        return str(int(self.low // 1024)) if self.low >= 2**20 else f"{self.low / 1024:.3f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Ceilings of one broker; of one partition where measured."""

    network_in: Ceiling
    """Bytes a second into its network interface, replication included."""
    network_out: Ceiling
    """Bytes a second out of it, replication included."""
    disk: Ceiling
    """Bytes a second that its disks write."""
    cpu: Ceiling
    """Busy cores that the plan allows, of those it has."""
    partition: Ceiling | None = None
    """Bytes a second that one partition takes within the SLO."""


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """One broker's machine as planned."""

    shape: str
    """The name it is ordered by: `m7g.2xlarge`; of a unit on platforms that sell units."""
    cpu_cores: float
    ram_bytes: int
    heap_bytes: int
    disk_bytes: int
    """Of the data volume (all of them together)."""
    network_bytes_per_s: float
    """Each way, sustained."""


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A consumer group of a topic."""

    name: str
    consumers: int
    process_time_s: float
    """Worst time that one message takes its consumer."""


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic as planned."""

    name: str
    partitions: int
    retention_ms: int
    """-1: for ever."""
    retention_bytes: int | None
    """Of each partition; None: no limit by size."""
    cleanup: Cleanup
    max_message_bytes: int
    """Largest batch that the topic takes."""
    keyed: bool
    transactional: bool
    peak_bytes_per_s: float
    """As sent, after compression, without copies."""
    groups: tuple[GroupFacts, ...] = ()
    latency_slo_s: float | None = None
    """99th percentile of the time from due to acknowledged; None: no objective."""
    end_to_end_slo_s: float | None = None
    hottest_share: float | None = None
    """Part of the topic's bytes that its hottest partition gets; None: not known."""
    local_retention_ms: int | None = None
    """Kept on the brokers' own disks where the rest is tiered; None: not tiered."""
    existing_partitions: int | None = None
    """Where the topic exists already."""
    count: int = 1
    """How many topics alike it stands for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A plan as its files need it."""

    name: str
    made_on: date
    platform: Platform
    brokers: int
    """Or units, on platforms that sell units (`unit` names them)."""
    zones: int
    kafka_version: str
    replication_factor: int
    min_insync_replicas: int
    topics: tuple[TopicFacts, ...]
    clients: tuple[Effect, ...]
    """The client settings the plan chose; those that safety fixes need not be among them."""
    broker: BrokerFacts
    ceilings: Ceilings
    outage_s: float
    """Longest time that consumers are away."""
    catch_up_s: float
    """Longest time that they may take to catch up."""
    brokers_lost: int = 1
    """Brokers that may be lost at once with the plan still holding: one, or those of a zone."""
    unit: str = "broker"
    """`broker`, or what the platform sells: `eCKU`, `CKU`, `TU`, `PU`, `CU`, `vCPU`."""
    demo: bool = False
    """Ceilings come from a co-located or simulated target: every file says that it shows the method."""
