"""What must hold of a plan's machines, variables, capacities, alerts and dashboard."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from loadkit.sizing.check.model import Finding, Kind, Piece
from loadkit.sizing.check.rules.machine import heap_bytes
from loadkit.sizing.check.rules.plan import lost
from loadkit.sizing.check.rules.say import found, how
from loadkit.sizing.check.rules.topic import kept_s
from loadkit.sizing.check.rules.watching import threshold
from loadkit.sizing.facts import Facts
from loadkit.sizing.settings import platforms

_JVM = ("-Xms", "-Xmx", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis", "-XX:InitiatingHeapOccupancyPercent",
        "-XX:+ExitOnOutOfMemoryError")  # fmt: skip
_KERNEL = ("vm.max_map_count", "vm.swappiness", "vm.dirty_background_ratio", "vm.dirty_ratio", "net.core.rmem_max",
           "net.core.wmem_max")  # fmt: skip
_ZERO = {
    "KafkaOfflinePartitions": "offlinepartitionscount", "KafkaUnderMinIsr": "underminisrpartitioncount",
    "KafkaAtMinIsr": "atminisrpartitioncount", "KafkaUnderReplicated": "underreplicatedpartitions",
    "KafkaOfflineLogDirectory": "offlinelogdirectorycount", "KafkaUncleanElection": "uncleanleaderelections_total",
}  # fmt: skip
_CRITICAL = ("KafkaOfflinePartitions", "KafkaUnderMinIsr", "KafkaOfflineLogDirectory", "KafkaUncleanElection",
             "KafkaActiveController", "KafkaDiskCritical", "KafkaConsumerLagRetention")  # fmt: skip
_WAIT_MIN = {False: 15, True: 10}
"""Longest wait of an alert (min): of those of which one is too many, and of others."""
_SLACK = 1.0001


def machines(facts: Facts, pieces: Sequence[Piece]) -> Iterator[Finding]:
    """Yield where what is said of machines is not whole or not what the plan says."""
    if not platforms.without(facts.platform, "machine"):
        yield from _system(facts, pieces)
    yield from _variables(facts, pieces)
    if not platforms.without(facts.platform, "cruise_control"):
        yield from _capacity(facts, pieces)
    if not platforms.without(facts.platform, "strimzi"):
        yield from _strimzi(facts, pieces)
    if not platforms.without(facts.platform, "prometheus"):
        yield from _alerts(facts, [piece for piece in pieces if piece.kind == "alerts"])
    if not platforms.without(facts.platform, "grafana"):
        boards = [piece for piece in pieces if piece.kind == "dashboard"]
        drawn = sum(path.endswith(".expr") for piece in boards for path in piece.values)
        if drawn < 9:
            yield lost("a panel of the dashboard, or its expression")


def _one(pieces: Sequence[Piece], kind: Kind, names: Sequence[str]) -> Iterator[Finding | Piece]:
    own = [piece for piece in pieces if piece.kind == kind]
    if len(own) != 1:
        yield lost(f"the file for {kind}")
        return
    yield own[0]
    for name in names:
        if name not in own[0].values:
            yield found(own[0], "explicit", name, f"{name} is not written", "write it")


def _system(facts: Facts, pieces: Sequence[Piece]) -> Iterator[Finding]:
    for kind, names in (("jvm", _JVM), ("kernel", _KERNEL), ("limits", ("LimitNOFILE", "LimitMEMLOCK"))):
        for said in _one(pieces, kind, names):  # type: ignore[arg-type]
            if isinstance(said, Finding):
                yield said
            else:
                yield from _fits(facts, said)


def _fits(facts: Facts, piece: Piece) -> Iterator[Finding]:
    broker = facts.broker
    alive = max(1, facts.brokers - facts.brokers_lost)
    hosted = math.ceil(sum(topic.partitions for topic in facts.topics) * facts.replication_factor / alive)
    segments = math.ceil(broker.disk_bytes / 2**30) + hosted
    maps, files = piece.number("vm.max_map_count"), piece.number("LimitNOFILE")
    if maps is not None and maps < 2 * segments / 0.8:
        yield found(piece, "maps", "vm.max_map_count", f"too few for {segments} segments", "raise it")
    if files is not None and files < 4 * segments:
        yield found(piece, "files", "LimitNOFILE", f"too few for {segments} segments", "raise it")
    if piece.kind == "jvm":
        yield from _heap(facts, piece, ("-Xms", "-Xmx"))
    for name, text in (("vm.swappiness", "1"), ("LimitMEMLOCK", "infinity")):
        if piece.text(name, text) != text:
            yield found(piece, "plan", name, f"{how(piece, name)}, and the plan says {text}", f"write {text}")


def _heap(facts: Facts, piece: Piece, names: Sequence[str]) -> Iterator[Finding]:
    wanted = facts.broker.heap_bytes // 2**20 * 2**20
    for name in names:
        if heap_bytes(piece.text(name)) != wanted:
            yield found(piece, "heap", name, f"{how(piece, name)}, and the plan says {wanted // 2**20}m", "write that")
    if wanted >= facts.broker.ram_bytes:
        yield found(piece, "heap", names[-1], "the heap takes all memory: no page cache is left", "change the plan")


def _variables(facts: Facts, pieces: Sequence[Piece]) -> Iterator[Finding]:
    wanted = {
        "kafka_version": facts.kafka_version, "broker_count": str(facts.brokers), "count_unit": facts.unit,
        "zone_count": str(facts.zones),
        "broker_shape": facts.broker.shape, "broker_volume_gib": str(facts.broker.disk_bytes // 2**30),
        "broker_heap_mib": str(facts.broker.heap_bytes // 2**20),
    }  # fmt: skip
    for said in _one(pieces, "variables", tuple(wanted)):
        if isinstance(said, Finding):
            yield said
            continue
        for name, text in wanted.items():
            if name in said.values and said.text(name) != text:
                yield found(said, "plan", name, f"{how(said, name)}, and the plan says {text}", f"write {text}")


def _capacity(facts: Facts, pieces: Sequence[Piece]) -> Iterator[Finding]:
    at, made = "brokerCapacities[0].", facts.ceilings
    wanted = {
        f"{at}brokerId": "-1", f"{at}capacity.DISK": str(facts.broker.disk_bytes // 2**20),
        f"{at}capacity.CPU.num.cores": str(max(1, int(facts.broker.cpu_cores))),
        f"{at}capacity.NW_IN": made.network_in.kib_per_s,
        f"{at}capacity.NW_OUT": made.network_out.kib_per_s,
    }  # fmt: skip
    for said in _one(pieces, "capacity", tuple(wanted)):
        if isinstance(said, Finding):
            yield said
            continue
        for name, text in wanted.items():
            if name in said.values and said.text(name) != text:
                yield found(said, "capacity", name, f"{how(said, name)}, and the plan says {text}", f"write {text}")


def _strimzi(facts: Facts, pieces: Sequence[Piece]) -> Iterator[Finding]:
    clusters = [piece for piece in pieces if piece.kind == "broker" and piece.dialect == "strimzi"]
    if len(clusters) != 1:
        yield lost("the Kafka resource")
        return
    wanted = {"spec.version": facts.kafka_version}
    if facts.zones > 1:
        wanted["spec.rack.topologyKey"] = "topology.kubernetes.io/zone"
    yield from _exactly(clusters[0], wanted)
    pools = {piece.name: piece for piece in pieces if piece.kind == "pool"}
    broker = facts.broker
    volume = {"storage.type": "jbod", "storage.volumes[0].type": "persistent-claim"}
    nodes = {
        **volume, "replicas": str(facts.brokers), "roles[0]": "broker",
        "storage.volumes[0].size": f"{broker.disk_bytes // 2**30}Gi", "resources.requests.cpu": f"{broker.cpu_cores:g}",
        "resources.requests.memory": f"{broker.ram_bytes // 2**20}Mi",
        "resources.limits.memory": f"{broker.ram_bytes // 2**20}Mi",
    }  # fmt: skip
    for name, expected in (("controller", {**volume, "replicas": "3", "roles[0]": "controller"}), ("broker", nodes)):
        if name not in pools:
            yield lost(f"the node pool {name}")
            continue
        yield from _exactly(pools[name], expected)
    if "broker" in pools:
        yield from _heap(facts, pools["broker"], ("jvmOptions.-Xms", "jvmOptions.-Xmx"))


def _exactly(piece: Piece, wanted: dict[str, str]) -> Iterator[Finding]:
    for name, text in wanted.items():
        if piece.text(name) != text:
            yield found(piece, "plan", name, f"{how(piece, name)}, and the plan says {text}", f"write {text}")


def _alerts(facts: Facts, pieces: Sequence[Piece]) -> Iterator[Finding]:
    bounds = _bounds(facts)
    for key, (metric, most) in bounds.items():
        own = [piece for piece in pieces if _key(piece) == key]
        if len(own) != 1:
            yield lost(f"alert {' '.join(filter(None, key))}")
            continue
        yield from _alert(own[0], metric, most)
    for piece in pieces:
        if _key(piece) not in bounds:
            yield found(piece, "alert", "alert", f"alert {piece.name} is none of the plan's", "take it out")


def _key(piece: Piece) -> tuple[str, str, str]:
    return piece.name, piece.text("labels.topic"), piece.text("labels.consumergroup")


def _alert(piece: Piece, metric: str, most: tuple[str, float]) -> Iterator[Finding]:
    ends = threshold(piece.text("expr"))
    sign, bound = most
    right = ends is not None and ends[0] == sign and (ends[1] == bound if sign != ">" or not bound else
                                                      0 < ends[1] <= bound * _SLACK)  # fmt: skip
    if metric not in piece.text("expr") or not right:
        yield found(piece, "alert", "expr", f"{piece.name} must compare {metric} with {sign} {bound:g} at most",
                    "write that")  # fmt: skip
    wait, longest = piece.text("for"), _WAIT_MIN[(sign == ">" and not bound) or sign == "!="]
    if not wait.endswith("m") or not wait[:-1].isdigit() or int(wait[:-1]) > longest:
        text = f"{piece.name} waits for {wait or 'nothing'}, more than {longest} minutes"
        yield found(piece, "alert", "for", text, "lower it")
    for name in ("annotations.summary", "annotations.description"):
        if not piece.text(name):
            yield found(piece, "alert", name, f"{piece.name} says nothing to who is called", "write a summary")
    severity = "critical" if piece.name in _CRITICAL else "warning"
    if piece.text("labels.severity") != severity:
        yield found(piece, "alert", "labels.severity", f"{piece.name} is {severity}", f"write {severity}")


def _bounds(facts: Facts) -> dict[tuple[str, str, str], tuple[str, tuple[str, float]]]:
    """Return each alert of a plan to the metric it must read and the threshold it may have at most."""
    made, broker = facts.ceilings, facts.broker
    left = max(0, facts.brokers - facts.brokers_lost) / facts.brokers * 0.8
    flat: dict[str, tuple[str, tuple[str, float]]] = {name: (metric, (">", 0.0)) for name, metric in _ZERO.items()}
    flat |= {
        "KafkaActiveController": ("activecontrollercount", ("!=", 1.0)),
        "KafkaNetworkIn": ("bytesin_total", (">", made.network_in.low * left)),
        "KafkaNetworkOut": ("bytesout_total", (">", made.network_out.low * left)),
        "KafkaCpu": ("process_cpu_seconds_total", (">", made.cpu.low * left)),
        "KafkaDiskWarning": ("kafka_log_log_size", (">", broker.disk_bytes * 0.75)),
        "KafkaDiskCritical": ("kafka_log_log_size", (">", broker.disk_bytes * 0.85)),
        "KafkaNetworkThreadsBusy": ("networkprocessoravgidle", ("<", 0.3)),
    }
    objectives = [topic.latency_slo_s for topic in facts.topics if topic.latency_slo_s]
    if objectives:
        flat["KafkaProduceLatency"] = ("totaltimems", (">", min(objectives) * 1000))
    found_ = {(name, "", ""): row for name, row in flat.items()}
    for topic in facts.topics:
        if made.partition is not None:
            found_["KafkaHotPartition", topic.name, ""] = ("bytesin_total", (">", made.partition.low * 0.7))
        kept = _kept(facts, topic.name)
        for group in topic.groups:
            most = min(kept / 2, max(60.0, min(facts.catch_up_s, _cached_s(facts))))
            found_["KafkaConsumerLag", topic.name, group.name] = ("kafka_consumergroup_lag", (">", most))
            if kept < math.inf:
                row = ("kafka_consumergroup_lag", (">", kept / 2))
                found_["KafkaConsumerLagRetention", topic.name, group.name] = row
    return found_


def _cached_s(facts: Facts) -> float:
    """Return how long what a broker writes at peak stays in its page cache (s), 2 GiB left to the system."""
    written = sum(topic.peak_bytes_per_s for topic in facts.topics) * facts.replication_factor / facts.brokers
    free = max(0, facts.broker.ram_bytes - facts.broker.heap_bytes - 2 * 2**30)
    return free / written if written else math.inf


def _kept(facts: Facts, name: str) -> float:
    from loadkit.sizing.check.model import Value

    topic = next(one for one in facts.topics if one.name == name)
    said = {
        "cleanup.policy": topic.cleanup,
        "retention.ms": str(topic.retention_ms),
        "partitions": str(topic.partitions),
        "retention.bytes": str(-1 if topic.retention_bytes is None else topic.retention_bytes),
    }
    piece = Piece("topic", "", "", values={key: Value(text, 0) for key, text in said.items()})
    return kept_s(piece, topic.peak_bytes_per_s)
