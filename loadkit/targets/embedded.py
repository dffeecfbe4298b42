"""A real Apache Kafka on this machine, made for a run and gone after it.

`start` fetches what is missing, has a supervisor run one or three combined nodes in KRaft mode, and returns when
every node knows every other. Whatever ends this process ends them and removes their data (see supervisor.py).
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import TracebackType

from loadkit.errors import TargetError
from loadkit.targets import embedded_spec, jars, java
from loadkit.targets.embedded_ready import live_brokers
from loadkit.targets.embedded_spec import DEFAULT_VERSION, EmbeddedSpec, Node
from loadkit.targets.supervisor_link import Link, sweep

__all__ = ["EmbeddedCluster", "EmbeddedSpec", "java_command", "start"]

Progress = Callable[[str], None]

AGENT = "io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1"

_READY = 120.0
_FORMAT = 60.0
_GRACE = 3.0
_PAUSE = 0.1
_TRIES = 3
_TAIL = 15
_TAKEN = ("Address already in use", "BindException")
_KEPT_LOGS = 10


class _PortTaken(Exception):
    """A port that was free when it was chosen is so no longer."""


@dataclass(frozen=True, slots=True)
class _Kit:
    """What nodes are started from: a Java, the jars, the JMX agent, and the CPUs they may use."""

    java: java.Java
    classpath: str
    agent: Path
    cpus: frozenset[int] | None


class EmbeddedCluster:
    """A running cluster, a context manager that ends it; made by `start`."""

    def __init__(self, spec: EmbeddedSpec, kit: _Kit, generator_cpus: frozenset[int] | None) -> None:
        """Start the supervisor, which makes the data folder; no node yet."""
        self._kit = kit
        self._link = Link()
        self.spec = spec
        self.data_dir: Path = self._link.folder
        self.nodes: tuple[Node, ...] = _new_nodes(spec.nodes, self.data_dir)
        self._pids: dict[int, int] = {}
        self.broker_cpus = kit.cpus
        self.generator_cpus = generator_cpus

    @property
    def bootstrap(self) -> str:
        """Return the brokers' addresses as `bootstrap.servers` takes them."""
        return ",".join(f"127.0.0.1:{node.broker}" for node in self.nodes)

    @property
    def jmx_urls(self) -> tuple[str, ...]:
        """Return the address of each node's metrics page, in the order of the nodes."""
        return tuple(f"http://127.0.0.1:{node.jmx}/metrics" for node in self.nodes)

    @property
    def java(self) -> str:
        """Return the version of the Java that runs the nodes."""
        return self._kit.java.version

    @property
    def kafka_version(self) -> str:
        """Return the version of Kafka."""
        return self.spec.version

    @property
    def alive(self) -> bool:
        """Return whether the supervisor and every node that was started run."""
        return self._link.alive and all(self._link.ended(pid) is None for pid in self._pids.values())

    def node_pid(self, index: int) -> int:
        """Return the pid of a node's JVM, counted from 0, to signal it."""
        return self._pids[index]

    def kill_node(self, index: int) -> None:
        """Return when a node, counted from 0, is dead by SIGKILL."""
        self._end(index, signal.SIGKILL, _GRACE)

    def stop_node(self, index: int) -> None:
        """Return when a node, counted from 0, has shut down in good order (SIGTERM).

        Raises TargetError when it has not within 60 s.
        """
        self._end(index, signal.SIGTERM, 60.0)

    def start_node(self, index: int) -> None:
        """Return when a node that was killed or stopped runs again and answers.

        Raises TargetError when it does not come back.
        """
        if index in self._pids and self._link.ended(self._pids[index]) is None:
            return
        try:
            self._spawn(index)
            self._await([self.nodes[index]], least=len(self._running()))
        except _PortTaken as error:
            raise TargetError(f"node {index} cannot start again: its port was taken meanwhile") from error

    def close(self) -> None:
        """Return when every JVM is gone and the data removed; a second call does nothing."""
        self._link.close(_GRACE)

    def __enter__(self) -> EmbeddedCluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _launch(self, progress: Progress) -> None:
        progress(f"formatting {self.spec.nodes} data folder{'s' * (self.spec.nodes > 1)}")
        self._format()
        progress(f"starting Kafka {self.spec.version} on Java {self.java}, {_count(self.spec.nodes)}")
        for index in range(self.spec.nodes):
            self._spawn(index)
        self._await(self.nodes, least=self.spec.nodes)

    def _format(self) -> None:
        cluster_id = urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode().replace("-", "_")
        pids = []
        for node in self.nodes:
            _write_files(self.spec, node, self.nodes)
            command = embedded_spec.format_command(
                self._kit.java.path, self._kit.classpath, self.spec, node, cluster_id
            )
            pids.append(self._link.spawn(f"format-{node.id}", command, node.output))
        for node, pid in zip(self.nodes, pids, strict=True):
            if self._link.wait(pid, _FORMAT) != 0:
                raise self._failure(node, "its data folder could not be formatted")

    def _spawn(self, index: int) -> None:
        node, kit = self.nodes[index], self._kit
        command = embedded_spec.node_command(kit.java.path, kit.classpath, kit.agent, self.spec, node)
        self._pids[index] = self._link.spawn(f"node-{node.id}", command, node.output, kit.cpus)

    def _await(self, nodes: Sequence[Node], least: int) -> None:
        """Return when each of `nodes` knows at least `least` live brokers."""
        waiting, limit = list(nodes), time.monotonic() + _READY
        while waiting:
            self._check(nodes)
            if time.monotonic() > limit:
                raise self._failure(waiting[0], f"it was not ready within {_READY:.0f} s")
            time.sleep(_PAUSE)
            waiting = [node for node in waiting if len(live_brokers(node.broker)) < least]

    def _check(self, nodes: Sequence[Node]) -> None:
        self._link.check()
        for node in nodes:
            status = self._link.ended(self._pids[node.id - 1])
            if status is not None:
                text = _tail(node)
                if any(word in text for word in _TAKEN):
                    raise _PortTaken
                raise self._failure(node, f"it ended with {status}")

    def _end(self, index: int, number: int, timeout: float) -> None:
        name, pid = f"node-{self.nodes[index].id}", self._pids[index]
        self._link.signal(name, number)
        self._link.signal(name, signal.SIGCONT)
        if self._link.wait(pid, timeout) is None:
            raise TargetError(f"node {index} of the embedded cluster did not end within {timeout:.0f} s")

    def _running(self) -> list[int]:
        return [index for index, pid in self._pids.items() if self._link.ended(pid) is None]

    def _failure(self, node: Node, what: str) -> TargetError:
        kept = _keep_log(node)
        return TargetError(
            f"node {node.id} of the embedded cluster (Kafka {self.spec.version}) failed: {what}. "
            f"Its log is {kept}; the last lines:\n{_tail(node)}"
        )


def start(spec: EmbeddedSpec, progress: Progress = jars.silent) -> EmbeddedCluster:
    """Return a running cluster once every node answers and knows the others.

    Sweeps what killed supervisors left first. Raises UsageError when Java or the extra is missing, TargetFileError
    when there is no such Kafka, TargetError with the last log lines when it does not start.
    """
    sweep()
    split = embedded_spec.split_cpus(*_cpus())
    broker_cpus, generator_cpus = split or (None, None)
    kit = _kit(spec, broker_cpus, progress)
    for _ in range(_TRIES):
        try:
            return _started(spec, kit, generator_cpus, progress)
        except _PortTaken:
            progress("a port was taken meanwhile: starting again with others")
    raise TargetError(f"the embedded cluster found its ports taken {_TRIES} times in a row: try again")


def _started(
    spec: EmbeddedSpec, kit: _Kit, generator_cpus: frozenset[int] | None, progress: Progress
) -> EmbeddedCluster:
    began = time.monotonic()
    with ExitStack() as stack:
        cluster = stack.enter_context(EmbeddedCluster(spec, kit, generator_cpus))
        cluster._launch(progress)
        stack.pop_all()
    progress(f"{spec} is ready at {cluster.bootstrap} after {time.monotonic() - began:.1f} s")
    return cluster


def java_command(version: str = DEFAULT_VERSION, progress: Progress = jars.silent) -> list[str]:
    """Return `[java, '-cp', classpath]`, to which a main class of Kafka's own tools and its arguments are added."""
    spec = EmbeddedSpec.parse(f"embedded@{version}")
    found = java.find(*java.requirement(spec.release))
    return [str(found.path), "-cp", _classpath(version, progress)]


def _kit(spec: EmbeddedSpec, cpus: frozenset[int] | None, progress: Progress) -> _Kit:
    sasl = any("sasl" in f"{key}={value}".lower() for key, value in spec.params.items())
    found = java.find(*java.requirement(spec.release, sasl))
    return _Kit(found, _classpath(spec.version, progress), jars.artifact(AGENT, progress), cpus)


def _classpath(version: str, progress: Progress) -> str:
    return os.pathsep.join(map(str, jars.jars(version, progress)))


def _cpus() -> tuple[frozenset[int], list[frozenset[int]]]:
    """Return the CPUs this process may use and which of them share a core; none where they cannot be pinned."""
    if not hasattr(os, "sched_getaffinity"):
        return frozenset(), []
    available = frozenset(os.sched_getaffinity(0))
    return available, [_siblings(cpu) for cpu in available]


def _siblings(cpu: int) -> frozenset[int]:
    try:
        text = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text("ascii")
    except OSError:
        return frozenset({cpu})
    ranges = [part.partition("-") for part in text.strip().split(",")]
    return frozenset(one for low, _, high in ranges for one in range(int(low), int(high or low) + 1))


def _new_nodes(count: int, folder: Path) -> tuple[Node, ...]:
    ports = iter(_free_ports(3 * count))
    return tuple(Node(index, next(ports), next(ports), next(ports), folder / f"node-{index}") for index in
                 range(1, count + 1))  # fmt: skip


def _free_ports(count: int) -> list[int]:
    """Return distinct ports of 127.0.0.1 that were free a moment ago."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


def _write_files(spec: EmbeddedSpec, node: Node, nodes: Sequence[Node]) -> None:
    (node.folder / "tmp").mkdir(parents=True)
    rules = resources.files("loadkit.targets").joinpath("jmx_rules.yml").read_text("utf-8")
    files = {
        "server.properties": embedded_spec.properties(spec, node, nodes),
        "logging.properties": embedded_spec.logging(spec, node),
        "jmx_rules.yml": rules,
    }
    for name, text in files.items():
        (node.folder / name).write_text(text, "utf-8")


def _log_text(node: Node) -> str:
    parts = (path.read_text("utf-8", "replace") for path in (node.output, node.log) if path.exists())
    return "".join(parts)


def _tail(node: Node) -> str:
    return "\n".join(_log_text(node).splitlines()[-_TAIL:])


def _keep_log(node: Node) -> Path:
    """Return where a node's log was copied to, since its folder is about to go; the newest few are kept."""
    logs = jars.cache_dir() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for old in sorted(logs.glob("kafka-*.log"))[: -(_KEPT_LOGS - 1)]:
        old.unlink(missing_ok=True)
    kept = logs / f"kafka-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{node.id}.log"
    kept.write_text(_log_text(node), "utf-8")
    return kept


def _count(nodes: int) -> str:
    return "1 node" if nodes == 1 else f"{nodes} nodes"
