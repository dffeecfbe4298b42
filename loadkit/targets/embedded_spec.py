"""What an embedded cluster is asked to be, and the files its nodes start from. Arithmetic only."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from loadkit.errors import TargetFileError, nearest
from loadkit.targets import embedded_routes, embedded_security
from loadkit.targets.embedded_security import Keys, Security

DEFAULT_VERSION = "4.3.1"

_GRAMMAR = "embedded[:1|:3][@VERSION][?PROPERTY=VALUE&...]"
_TEXT = re.compile(r"^embedded(?::(?P<nodes>[^@?]*))?(?:@(?P<version>[^?]*))?(?:\?(?P<params>.*))?$")
_VERSION = re.compile(r"^(\d+)\.(\d+)\.(\d+)$")
_OLDEST = (3, 6, 0)
_NODES = (1, 3)
_HEAP = re.compile(r"^([1-9]\d*)([mg])$", re.IGNORECASE)
_LEAST_HEAP = 256
_PROPERTY = re.compile(r"^[a-z0-9]+([._-][a-z0-9]+)+$", re.IGNORECASE)
_OURS = frozenset(
    {"process.roles", "node.id", "broker.id", "listeners", "advertised.listeners", "listener.security.protocol.map",
     "inter.broker.listener.name", "controller.listener.names", "controller.quorum.voters",
     "controller.quorum.bootstrap.servers", "log.dir", "log.dirs", "metadata.log.dir"}
)  # fmt: skip
_JVM = (
    "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true",
)  # fmt: skip
_OWN_PARAMS = ("heap", "jvm", "forwarded", "security")
"""Parameters that are none of Kafka's."""
_BRIEF_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m")


@dataclass(frozen=True, slots=True)
class EmbeddedSpec:
    """An embedded cluster as asked for: how many nodes, which Kafka, which broker properties (and `heap`, `jvm`,
    `forwarded`, `security`).
    """

    nodes: int = 1
    version: str = DEFAULT_VERSION
    params: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> EmbeddedSpec:
        """Return what a name such as `embedded:3@3.6.2?heap=2g&log.segment.bytes=1048576` asks for.

        Raises TargetFileError saying what is wrong with it and what is possible.
        """
        match = _TEXT.match(text)
        if match is None:
            raise TargetFileError(f"{text!r} is not an embedded target: write {_GRAMMAR}")
        nodes, version, params = match["nodes"], match["version"], match["params"]
        spec = cls(
            nodes=1 if nodes is None else _nodes(text, nodes),
            version=DEFAULT_VERSION if version is None else _version(text, version),
            params=dict(_param(text, part) for part in _unique(text, list(filter(None, (params or "").split("&"))))),
        )
        if beyond := spec.forwarded - set(range(1, spec.nodes + 1)):
            raise TargetFileError(
                f"{text!r}: there is no broker {min(beyond)} to be forwarded: they are numbered from 1"
            )
        if spec.forwarded and spec.security.doors:
            raise TargetFileError(
                f"{text!r}: brokers that can be cut off have no security: leave out security=, or the fault "
                "`partition` (and forwarded=)"
            )
        return spec

    def __str__(self) -> str:
        """Return the name that `parse` understands."""
        name = "embedded" + (f":{self.nodes}" if self.nodes > 1 else "")
        name += f"@{self.version}" if self.version != DEFAULT_VERSION else ""
        params = "&".join(f"{key}={quote(value, safe=':/,')}" for key, value in self.params.items())
        return f"{name}?{params}" if params else name

    @property
    def release(self) -> tuple[int, int, int]:
        """Return the version as three numbers."""
        major, minor, patch = map(int, self.version.split("."))
        return major, minor, patch

    @property
    def heap(self) -> str:
        """Return the Java heap of one node, as `-Xmx` takes it."""
        return self.params.get("heap", "1g" if self.nodes == 1 else "512m")

    @property
    def jvm(self) -> list[str]:
        """Return the options that a node's JVM gets after ours: the later one of two that differ is in force."""
        return self.params.get("jvm", "").split()

    @property
    def forwarded(self) -> frozenset[int]:
        """Return the ids of the brokers that are reached through a forwarder, so that they can be cut off."""
        return frozenset(map(int, self.params.get("forwarded", "").replace(",", " ").split()))

    @property
    def security(self) -> Security:
        """Return how clients come in; without doors for a cluster that is open to all."""
        return embedded_security.parse(self.params.get("security", ""))


@dataclass(frozen=True, slots=True)
class Node:
    """One combined broker and controller: its id (from 1), its ports, its folder."""

    id: int
    broker: int
    controller: int
    jmx: int
    folder: Path
    inner: int = 0
    """The port on which other brokers reach it where some are forwarded, or clients come in by doors."""
    more: tuple[int, ...] = ()
    """The ports of further doors."""

    @property
    def doors(self) -> tuple[int, ...]:
        """Return the port of each door, `broker` being the first one's."""
        return (self.broker, *self.more)

    @property
    def log(self) -> Path:
        """Return the file Kafka logs to."""
        return self.folder / "kafka.log"

    @property
    def output(self) -> Path:
        """Return the file that takes the JVM's own output."""
        return self.folder / "output.log"


def properties(spec: EmbeddedSpec, node: Node, nodes: Sequence[Node], keys: Keys | None = None) -> str:
    """Return the text of one node's server.properties: ours, then the user's over them. Secured ones have keys."""
    lines = {**_identity(node, nodes), **_cluster(spec), **_protocols(spec)}
    if spec.forwarded:
        lines.update(embedded_routes.identity(node, nodes, spec.forwarded, spec.release))
    if keys:
        lines.update(embedded_security.identity(spec.security, node))
        lines.update(embedded_security.properties(spec.security, keys))
    lines.update({key: value for key, value in spec.params.items() if key not in _OWN_PARAMS})
    return "".join(f"{key}={_escaped(value)}\n" for key, value in lines.items())


def _identity(node: Node, nodes: Sequence[Node]) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.id),
        "controller.quorum.voters": ",".join(f"{one.id}@127.0.0.1:{one.controller}" for one in nodes),
        "listeners": f"PLAINTEXT://127.0.0.1:{node.broker},CONTROLLER://127.0.0.1:{node.controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{node.broker}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(node.folder / "data"),
    }


def _cluster(spec: EmbeddedSpec) -> dict[str, str]:
    copies, in_sync = ("3", "2") if spec.nodes == 3 else ("1", "1")
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": "5",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": "5",
        "group.initial.rebalance.delay.ms": "0",
        "auto.create.topics.enable": "false",
        "delete.topic.enable": "true",
        # Deleted topics and expired segments leave the disk in seconds: the defaults are 60 s and 5 min.
        "log.segment.delete.delay.ms": "1000",
        "log.retention.check.interval.ms": "10000",
    }


def _protocols(spec: EmbeddedSpec) -> dict[str, str]:
    """Return what turns on share groups and sizes their topic; KIP-848 is on by itself from 4.0."""
    if spec.release < (4, 0, 0):
        return {}
    copies, in_sync = ("3", "2") if spec.nodes == 3 else ("1", "1")
    lines = {
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": "5",
    }
    if spec.release < (4, 1, 0):
        early = {"unstable.api.versions.enable": "true", "group.share.enable": "true"}
        lines.update(early, **{"group.coordinator.rebalance.protocols": "classic,consumer,share"})
    return lines


def format_command(java: Path, classpath: str, spec: EmbeddedSpec, node: Node, cluster_id: str) -> list[str]:
    """Return the command that prepares a node's empty data folder."""
    command = [str(java), *_BRIEF_JVM, *_private(spec, node), *_logging(spec, node), "-cp", classpath]
    command += ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(node.folder / "server.properties")]
    return command + (["--feature", "share.version=1"] if spec.release[:2] == (4, 1) else [])


def node_command(
    java: Path, classpath: str, agent: Path, spec: EmbeddedSpec, node: Node, keys: Keys | None = None
) -> list[str]:
    """Return the command that runs a node, its JMX exporter on a port of 127.0.0.1."""
    exporter = f"-javaagent:{agent}=127.0.0.1:{node.jmx}:{node.folder / 'jmx_rules.yml'}"
    command = [str(java), *_JVM, f"-Xms{spec.heap}", f"-Xmx{spec.heap}", *spec.jvm]
    command += embedded_security.jvm(keys) if keys else []
    return [
        *command,
        *_private(spec, node),
        *_logging(spec, node),
        exporter,
        "-cp",
        classpath,
        "kafka.Kafka",
        str(node.folder / "server.properties"),
    ]


def _private(spec: EmbeddedSpec, node: Node) -> list[str]:
    """Return the options that keep what a JVM writes beside its data inside its own folder, and give it its hosts."""
    return [
        *([f"-Djdk.net.hosts.file={embedded_routes.hosts_file(node)}"] if spec.forwarded else []),
        "-XX:-UsePerfData",
        f"-Djava.io.tmpdir={node.folder / 'tmp'}",
        f"-XX:ErrorFile={node.folder / 'hs_err.log'}",
        f"-Dkafka.logs.dir={node.folder}",
    ]


def _logging(spec: EmbeddedSpec, node: Node) -> list[str]:
    option = "log4j.configuration=file:" if spec.release < (4, 0, 0) else "log4j2.configurationFile="
    return [f"-D{option}{node.folder / 'logging.properties'}"]


_LOG4J_1 = """\
log4j.rootLogger=WARN, file
log4j.logger.kafka.server.KafkaRaftServer=INFO
log4j.appender.file=org.apache.log4j.RollingFileAppender
log4j.appender.file.File={file}
log4j.appender.file.MaxFileSize=10MB
log4j.appender.file.MaxBackupIndex=1
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=%d %p %m (%c)%n
"""
_LOG4J_2 = """\
status=error
rootLogger=WARN, file
logger.start.name=kafka.server.KafkaRaftServer
logger.start.level=INFO
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName={file}
appender.file.filePattern={file}.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %m (%c)%n
appender.file.policy.type=SizeBasedTriggeringPolicy
appender.file.policy.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=1
"""


def logging(spec: EmbeddedSpec, node: Node) -> str:
    """Return the logging configuration: warnings, and the start, to one file of at most twice 10 MB."""
    return (_LOG4J_1 if spec.release < (4, 0, 0) else _LOG4J_2).format(file=node.log)


def split_cpus(
    available: Collection[int], siblings: Collection[frozenset[int]] = ()
) -> tuple[frozenset[int], frozenset[int]] | None:
    """Return disjoint sets of CPUs for broker and generator, or None where fewer than four are available.

    `siblings` groups the CPUs that are threads of one core: a core is never divided unless there is only one.
    The broker gets the larger half, because it is what is measured.
    """
    if len(available) < 4:
        return None
    cores = sorted({_core(cpu, siblings) & frozenset(available) for cpu in available}, key=min)
    if len(cores) == 1:
        cores = [frozenset({cpu}) for cpu in sorted(available)]
    half = len(cores) // 2
    return frozenset().union(*cores[half:]), frozenset().union(*cores[:half])


def parse_cpu_list(text: str) -> frozenset[int]:
    """Return the CPUs of a list as Linux writes it, such as `0-1,8-9`."""
    ranges = [part.partition("-") for part in text.strip().split(",")]
    return frozenset(cpu for low, _, high in ranges for cpu in range(int(low), int(high or low) + 1))


def _core(cpu: int, siblings: Collection[frozenset[int]]) -> frozenset[int]:
    return next((group for group in siblings if cpu in group), frozenset({cpu}))


def _nodes(text: str, nodes: str) -> int:
    if not nodes.isdigit() or int(nodes) not in _NODES:
        raise TargetFileError(f"{text!r}: an embedded cluster has 1 or 3 nodes, not {nodes!r}; write {_GRAMMAR}")
    return int(nodes)


def _version(text: str, version: str) -> str:
    match = _VERSION.match(version)
    if match is None or tuple(map(int, match.groups())) < _OLDEST:
        raise TargetFileError(
            f"{text!r}: {version!r} is not a version of Kafka from 3.6.0 on; write it in full, like @{DEFAULT_VERSION}"
        )
    return version


def _param(text: str, part: str) -> tuple[str, str]:
    key, equals, value = (unquote(piece) for piece in part.partition("="))
    if not equals or not value or "\n" in value:
        raise TargetFileError(f"{text!r}: {part!r} is not PROPERTY=VALUE, like num.partitions=6")
    if key == "heap":
        return key, _checked_heap(text, value)
    if key == "jvm":
        return key, _checked_jvm(text, value)
    if key == "forwarded":
        return key, _checked_ids(text, value)
    if key == "security":
        return key, embedded_security.checked(text, value)
    if key in _OURS:
        raise TargetFileError(f"{text!r}: {key} is set by loadkit itself and cannot be changed")
    if not _PROPERTY.match(key):
        hint = nearest(key, _OWN_PARAMS)
        raise TargetFileError(
            f"{text!r}: {key!r} is neither {', '.join(_OWN_PARAMS)} nor a broker property, like num.partitions{hint}"
        )
    return key, value


def _checked_heap(text: str, value: str) -> str:
    match = _HEAP.match(value)
    if match is None or int(match[1]) * (1024 if match[2] in "gG" else 1) < _LEAST_HEAP:
        raise TargetFileError(f"{text!r}: heap={value} is not a Java heap of {_LEAST_HEAP}m or more, like 512m or 2g")
    return value.lower()


def _checked_jvm(text: str, value: str) -> str:
    if not all(option.startswith("-") for option in value.split()):
        raise TargetFileError(f"{text!r}: jvm={value} is not a list of JVM options, like -XX:+AlwaysPreTouch -Xss512k")
    return value


def _checked_ids(text: str, value: str) -> str:
    if not all(part.isdigit() for part in value.split(",")):
        raise TargetFileError(f"{text!r}: forwarded={value} is not a list of brokers, like 2 or 1,3")
    return value


def _unique(text: str, parts: list[str]) -> list[str]:
    keys = [part.partition("=")[0] for part in parts]
    for key in keys:
        if keys.count(key) > 1:
            raise TargetFileError(f"{text!r}: {key} is given twice")
    return parts


def _escaped(value: str) -> str:
    """Return a value as a Java properties file needs it: the backslash starts an escape there."""
    return value.replace("\\", "\\\\")
