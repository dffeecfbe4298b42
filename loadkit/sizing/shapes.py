"""What can be bought: one candidate a shape, with a ceiling for each resource of one broker or unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from loadkit.errors import UsageError, nearest
from loadkit.sizing import interval, limits
from loadkit.sizing.ceilings import Measured
from loadkit.sizing.interval import Interval
from loadkit.sizing.limits import Limit
from loadkit.sizing.model import cpu
from loadkit.sizing.requirements import OWN_SHAPES, Requirements, Shape
from loadkit.sizing.workload import Origin

MANAGED = ("msk-serverless", "confluent-cloud", "event-hubs", "google-managed-kafka")
"""Platforms whose units the vendor keeps up through failures, so that copies and lost brokers are its own affair."""
ELASTIC = (*MANAGED, "msk-express")
"""Platforms whose storage grows by itself."""
FAILED, STORED, CPU = 0.8, 0.7, 0.7
"""Most use that is planned of throughput, disks and cores (Cruise Control: network 0.8, disk 0.8, cpu 0.7)."""
STORED_FAILED = 0.85
"""Of disks when a broker is lost and its replicas are re-created (MSK's alarm, KafkaDataLogsDiskUsed)."""
TEXT: Mapping[str, str] = {
    "work": "measured throughput", "messages": "measured message rate", "network_in": "network in",
    "network_out": "network out", "disk_write": "disk write rate", "disk_read": "disk read rate", "storage": "storage",
    "memory": "memory", "cpu": "CPU", "replicas": "the number of replicas",
    "connections": "the number of connections", "ingress": "ingress quota",
    "egress": "egress quota", "ingress_steady": "ingress, recommended", "egress_steady": "egress, recommended",
    "partitions": "the number of partitions", "compacted_partitions": "the number of compacted partitions",
    "events": "event quota",
}  # fmt: skip
MOST: Mapping[str, float] = {
    "storage": STORED, "memory": 1.0, "cpu": CPU, "replicas": 1.0, "partitions": 1.0, "ingress_steady": 1.0,
    "egress_steady": 1.0, "compacted_partitions": 1.0,
}  # fmt: skip
"""Planned use by resource; `FAILED` for all others."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most of a resource that one broker or unit has."""

    value: Interval
    origin: Origin
    source: str
    most: float
    """Share of it that is planned for the worst state that must be survived."""
    guarded: bool = False
    """Whether the low end must carry the load too: it is measured, and its interval says how far it can be trusted."""
    conflicts: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A shape and its ceilings by resource."""

    name: str
    unit: str
    managed: bool
    ceilings: Mapping[str, Ceiling]
    cost: cpu.Cost
    cores: float | None = None
    memory: float | None = None
    network: float | None = None
    disk: float | None = None
    """Bytes of its own disk; None where storage is bought as needed."""
    fewest: int = 1
    most: int = 1_000_000
    most_source: str = ""
    partition_in: Ceiling | None = None
    partition_out: Ceiling | None = None
    limits: Mapping[str, Limit] = field(default_factory=dict)
    measured: bool = False
    """Whether the results are of this shape."""


def candidates(needs: Requirements, measured: Measured | None) -> tuple[Candidate, ...]:
    """Return every shape to choose from; UsageError where one that is named does not exist."""
    platform = needs.platform
    sheet = limits.sheet(platform.kind)
    if platform.kind in OWN_SHAPES:
        return tuple(_own(shape, sheet, needs, measured) for shape in platform.shapes)
    names = [limits.plain_name(name) for name in platform.sizes] or list(sheet.shapes)
    for at, name in enumerate(names):
        if name not in sheet.shapes:
            known = ", ".join(sheet.shapes)
            raise UsageError(
                f"platform.sizes[{at}]: {platform.kind} has no {name!r}{nearest(name, sheet.shapes)}; it has {known}"
            )
    return tuple(_sold(name, sheet, needs, measured) for name in names)


def _own(shape: Shape, sheet: limits.Sheet, needs: Requirements, measured: Measured | None) -> Candidate:
    known = sheet.of(shape.name, needs.limits)
    if "replicas_per_core" in known:
        known["replicas"] = _by(known["replicas_per_core"], "replicas", shape.cores)
    told = f"stated for {shape.name}"
    found = {
        "network_in": _stated(shape.network, told), "network_out": _stated(shape.network, told),
        "disk_write": _stated(shape.disk_write, told), "disk_read": _stated(shape.disk_read or shape.disk_write, told),
        "storage": _stated(shape.disk, told, STORED), "memory": _stated(shape.memory, told, 1.0),
    }  # fmt: skip
    if "ingress_per_core" in known:
        known["ingress"] = _by(known["ingress_per_core"], "ingress", shape.cores)
    found |= dict(_vendors(known)) | _measured(shape.name, measured)
    cost = _cost(shape.name, measured)
    found["cpu"] = Ceiling(interval.of(shape.cores), "stated", told, CPU)
    return Candidate(
        shape.name, sheet.unit, False, found, cost, shape.cores, shape.memory, shape.network, shape.disk,
        partition_in=_partition(measured, known), limits=known, measured=_is(shape.name, measured),
    )  # fmt: skip


def _sold(name: str, sheet: limits.Sheet, needs: Requirements, measured: Measured | None) -> Candidate:
    known = sheet.of(name, needs.limits)
    managed = needs.platform.kind in MANAGED
    found = dict(_vendors(known)) | _measured(name, measured)
    cores = known["cores"].value if "cores" in known else None
    memory = known["memory"].value if "memory" in known else None
    cost = _cost(name, measured)
    if cores and (cost.measured or "ingress" not in known):  # a vendor's throughput is what its cores carry
        most = known["max_cpu"].value if "max_cpu" in known else CPU
        found["cpu"] = Ceiling(interval.of(cores), "vendor", known["cores"].source, most)
    if memory and not managed:
        found["memory"] = Ceiling(interval.of(memory), "vendor", known["memory"].source, 1.0)
    most_row = known.get("max_count")
    return Candidate(
        name, {"premium": "PU", "dedicated": "CU"}.get(name, sheet.unit) if sheet.platform == "event-hubs" else
        {"dedicated": "CKU"}.get(name, sheet.unit), managed, found, cost, cores, memory,
        fewest=int(known["min_count"].value) if "min_count" in known else 1,
        most=int(most_row.value) if most_row else 1_000_000, most_source=most_row.source if most_row else "",
        partition_in=_partition(measured, known),
        partition_out=_quota(known["partition_out"]) if "partition_out" in known else None, limits=known,
        measured=_is(name, measured),
    )  # fmt: skip


def _by(row: Limit, resource: str, times: float) -> Limit:
    return Limit(row.shape, resource, row.value * times, f"{row.source}, times {times:g} cores", row.verified_on,
                 row.confidence, row.note)  # fmt: skip


def _stated(value: float, source: str, most: float = FAILED) -> Ceiling:
    return Ceiling(interval.of(value), "stated", source, most)


def _quota(row: Limit, most: float | None = None) -> Ceiling:
    origin: Origin = "stated" if row.confidence == "stated" else "vendor"
    ends = interval.around(row.value, 0.5) if row.confidence == "low" else interval.of(row.value)
    return Ceiling(ends, origin, row.source, MOST.get(row.resource, FAILED) if most is None else most,
                   conflicts=row.conflicts)  # fmt: skip


def _vendors(known: Mapping[str, Limit]) -> Iterator[tuple[str, Ceiling]]:
    """Yield the ceilings that a vendor's figures give."""
    for resource in ("ingress", "ingress_steady", "egress", "egress_steady", "disk_write", "storage", "replicas",
                     "partitions", "compacted_partitions", "connections"):  # fmt: skip
        if resource in known:
            yield resource, _quota(known[resource])
    if "messages" in known:
        yield "events", _quota(known["messages"], FAILED)


def _is(name: str, measured: Measured | None) -> bool:
    """Return whether measurements may be used for a shape: they are of it, or all is a demonstration."""
    if measured is None:
        return False
    return bool(measured.demo) or (measured.shape is not None and limits.plain_name(measured.shape) == name)


def _measured(name: str, measured: Measured | None) -> dict[str, Ceiling]:
    if measured is None or not _is(name, measured):
        return {}
    found = {"work": measured.work, "messages": measured.messages}
    return {
        resource: Ceiling(value, "measured", measured.source, FAILED, guarded=True)
        for resource, value in found.items() if value is not None
    }  # fmt: skip


def _cost(name: str, measured: Measured | None) -> cpu.Cost:
    if measured and _is(name, measured) and measured.cpu:
        return measured.cpu
    return cpu.prior()


PARTITION = Interval(5e6, 10e6, 20e6)
"""Bytes/s of one partition with acks=all, where it was not measured."""
PARTITION_SOURCE = "Tencent CKafka states 10 to 20 MB/s a partition at acks=all; planners' usual figure is 10 MB/s"


def _partition(measured: Measured | None, known: Mapping[str, Limit]) -> Ceiling:
    """Return the ceiling of one partition: measured, the vendor's quota, or assumed but at least what was carried."""
    if measured and measured.partition:
        found = Ceiling(measured.partition, "measured", measured.source, FAILED)
    else:
        least = measured.partition_at_least if measured else 0.0
        ends = Interval(*(max(end, least) for end in PARTITION.facts()))
        found = Ceiling(ends, "assumed", PARTITION_SOURCE, FAILED)
    if "partition_in" in known and known["partition_in"].value < found.value.mid:
        return _quota(known["partition_in"])
    return found
