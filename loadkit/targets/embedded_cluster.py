"""The nodes of one embedded cluster as its owner sees them: start, faults, end."""

from __future__ import annotations

import json
import secrets
import signal
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from loadkit.errors import TargetError
from loadkit.targets import embedded_keys, embedded_routes, embedded_security, embedded_spec, forwarder
from loadkit.targets.embedded_host import (
    free_ports,
    keep_log,
    last_line,
    log_tail,
    log_text,
    new_nodes,
    write_files,
    write_routes,
)
from loadkit.targets.embedded_ready import live_brokers
from loadkit.targets.embedded_security import Keys
from loadkit.targets.embedded_spec import EmbeddedSpec, Node
from loadkit.targets.java import Java
from loadkit.targets.supervisor_link import Link

Progress = Callable[[str], None]

_READY = 120.0
_FORMAT = 60.0
_STOP = 60.0
_GRACE = 3.0
_PAUSE = 0.1
_TAKEN = ("Address already in use", "BindException")


class PortTaken(Exception):
    """A port that was free when it was chosen is so no longer."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What nodes are started from: a Java, the jars, the JMX agent; and who gets which CPUs (None: all share all)."""

    java: Java
    classpath: str
    agent: Path
    broker_cpus: frozenset[int] | None
    generator_cpus: frozenset[int] | None


class EmbeddedCluster:
    """A running cluster, a context manager that ends it; made by `embedded.start`. Nodes are counted from 0."""

    def __init__(self, spec: EmbeddedSpec, kit: Kit) -> None:
        """Start the supervisor, which makes the data folder; no node yet."""
        self.spec = spec
        self._kit = kit
        self._pids: dict[int, int] = {}
        self._paused: set[int] = set()
        self._cut: set[int] = set()
        """Ids of the nodes that stand still, and of those that are cut off."""
        self._forwarder: int | None = None
        self._issuer: int | None = None
        self._keys: Keys | None = None
        self._link = Link()
        self.data_dir: Path = self._link.folder
        self._nodes = new_nodes(spec.nodes, self.data_dir, len(spec.security.doors))

    @property
    def bootstrap(self) -> str:
        """Return the brokers' addresses as `bootstrap.servers` takes them; those of the first door of a secured one."""
        hosts = [embedded_routes.client_host(node, self.spec.forwarded) for node in self._nodes]
        return ",".join(f"{host}:{node.broker}" for host, node in zip(hosts, self._nodes, strict=True))

    @property
    def client(self) -> dict[str, Any]:
        """Return what a client needs besides `bootstrap`, as properties of a target: nothing for an open cluster."""
        return embedded_security.client(self.spec.security.door(None), self._keys) if self._keys else {}

    def by(self, name: str) -> dict[str, Any]:
        """Return all that a client needs to come in by the door of this name; KeyError where there is none."""
        door = self.spec.security.door(name)
        assert self._keys, "a cluster with doors has keys"
        at = self.spec.security.doors.index(door)
        bootstrap = ",".join(f"{embedded_routes.HOME}:{node.doors[at]}" for node in self._nodes)
        return {"bootstrap.servers": bootstrap, **embedded_security.client(door, self._keys)}

    @property
    def inner_bootstrap(self) -> str:
        """Return the addresses of the listener between the brokers of a secured cluster, whose user may do all."""
        return ",".join(f"{embedded_routes.HOME}:{node.inner}" for node in self._nodes)

    @property
    def jmx_urls(self) -> tuple[str, ...]:
        """Return the address of each node's metrics page, in the order of the nodes."""
        return tuple(f"http://127.0.0.1:{node.jmx}/metrics" for node in self._nodes)

    @property
    def java(self) -> str:
        """Return the version of the Java that runs the nodes."""
        return self._kit.java.version

    @property
    def kafka_version(self) -> str:
        """Return the version of Kafka."""
        return self.spec.version

    @property
    def broker_cpus(self) -> frozenset[int] | None:
        """Return the CPUs the nodes are pinned to, or None when they share all with the generator."""
        return self._kit.broker_cpus

    @property
    def generator_cpus(self) -> frozenset[int] | None:
        """Return the CPUs left to the generator, which is to pin itself there, or None when all are shared."""
        return self._kit.generator_cpus

    def node_pid(self, index: int) -> int:
        """Return the pid of a node's JVM, to signal it."""
        return self._pids[index]

    def kill_node(self, index: int) -> None:
        """Return when a node is dead by SIGKILL."""
        self._end(index, signal.SIGKILL)

    def stop_node(self, index: int) -> None:
        """Return when a node has shut down in good order, by SIGTERM.

        Raises TargetError when it has not within 60 s.
        """
        self._end(index, signal.SIGTERM)

    def start_node(self, index: int) -> None:
        """Return when a node that was killed or stopped runs again, answers, and knows the others that can be reached.

        Raises TargetError when it does not come back.
        """
        if index in self._pids:
            return
        try:
            self._spawn(index)
            self._await([index])
        except PortTaken as error:
            del self._pids[index]
            raise TargetError(f"node {index} cannot start again: its port was taken meanwhile") from error

    def pause_node(self, index: int) -> None:
        """Have a node stand still, by SIGSTOP, until `resume_node`; nothing for one that does not run."""
        self._paused.add(self._nodes[index].id)
        self._link.signal(self._name(index), signal.SIGSTOP)

    def resume_node(self, index: int) -> None:
        """Let a paused node run on."""
        self._link.signal(self._name(index), signal.SIGCONT)
        self._paused.discard(self._nodes[index].id)

    def cut_node(self, index: int) -> None:
        """Let nothing pass between a forwarded node and clients or other nodes, until `heal_node`."""
        self._cut.add(self._nodes[index].id)
        self._tell_forwarder()

    def heal_node(self, index: int) -> None:
        """Let all pass again to and from a node."""
        self._cut.discard(self._nodes[index].id)
        self._tell_forwarder()

    def check(self) -> None:
        """Return when all is well: every node runs that was not killed or stopped on purpose.

        Raises TargetError with the last log lines of the node that ended.
        """
        self._link.check()
        if self._forwarder is not None and self._link.ended(self._forwarder) is not None:
            said = last_line(self._forwarder_log)
            raise TargetError(f"the forwarder before the embedded cluster's brokers ended: {said}")
        if self._issuer is not None and self._link.ended(self._issuer) is not None:
            raise TargetError("the issuer of tokens beside the embedded cluster ended: nobody can log in any more")
        for node, status in self._dead():
            raise self._failure(node, f"killed by signal {-status}" if status < 0 else f"it ended with {status}")

    def close(self) -> None:
        """Return when every JVM is gone and the data removed; a second call does nothing."""
        self._link.close(_GRACE)

    def __enter__(self) -> Self:
        """Return the cluster itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def launch(self, progress: Progress) -> None:
        """Return when every node is formatted, runs, and knows every other.

        Raises PortTaken when a chosen port was taken meanwhile, TargetError when a node fails, UsageError where openssl
        is missing for a secured one.
        """
        if self.spec.security.doors:
            progress("making its certificates and logins")
            self._keys = embedded_keys.made(self.spec.security, self._link, free_ports(1)[0])
            self._issuer = embedded_keys.issuing(self._link, self._keys) if self._keys.issuer else None
        progress(f"formatting {_count(self.spec.nodes, 'data folder')}")
        self._format()
        if self.spec.forwarded:
            self._forward()
        progress(f"starting Kafka {self.spec.version} on Java {self.java}, {_count(self.spec.nodes, 'node')}")
        for index in range(self.spec.nodes):
            self._spawn(index)
        self._await(range(self.spec.nodes))

    def _format(self) -> None:
        cluster_id = urlsafe_b64encode(secrets.token_bytes(16)).decode()[:22].replace("-", "_")
        kit, pids = self._kit, []
        for node in self._nodes:
            write_files(self.spec, node, self._nodes, self._keys)
            command = embedded_spec.format_command(kit.java.path, kit.classpath, self.spec, node, cluster_id)
            if self._keys:
                command = embedded_keys.with_users(command, self.spec.security, self._keys, node.folder)
            pids.append(self._link.spawn(f"format-{node.id}", command, node.output))
        for node, pid in zip(self._nodes, pids, strict=True):
            if self._link.wait(pid, _FORMAT) != 0:
                raise self._failure(node, "its data folder could not be formatted")

    def _forward(self) -> None:
        files = map(str, write_routes(self.spec, self._nodes, self.data_dir))
        command = [sys.executable, "-I", "-S", forwarder.__file__, *files]
        self._forwarder = self._link.spawn("forwarder", command, self._forwarder_log)

    @property
    def _forwarder_log(self) -> Path:
        return self.data_dir / "forwarder.log"

    def _tell_forwarder(self) -> None:
        (self.data_dir / "cut.json").write_text(json.dumps(sorted(self._cut)), "utf-8")
        self._link.signal("forwarder", signal.SIGUSR1)

    def _name(self, index: int) -> str:
        return f"node-{self._nodes[index].id}"

    def _spawn(self, index: int) -> None:
        node, kit = self._nodes[index], self._kit
        command = embedded_spec.node_command(kit.java.path, kit.classpath, kit.agent, self.spec, node, self._keys)
        self._pids[index] = self._link.spawn(self._name(index), command, node.output, kit.broker_cpus)

    def _await(self, indexes: Collection[int]) -> None:
        """Return when each of these nodes answers that every running node is live that can be."""
        waiting, limit = [self._nodes[index] for index in indexes], time.monotonic() + _READY
        while waiting:
            if any(word in log_text(node) for node, _ in self._dead() for word in _TAKEN):
                raise PortTaken
            self.check()
            if time.monotonic() > limit:
                raise self._failure(waiting[0], f"it was not ready within {_READY:.0f} s")
            time.sleep(_PAUSE)
            running = {self._nodes[index].id for index in list(self._pids)} - self._paused - self._cut
            waiting = [node for node in waiting if not running <= live_brokers(self._plain_port(node))]

    def _plain_port(self, node: Node) -> int:
        """Return a port at which a node answers in the clear and without a login."""
        return node.inner if self._keys else node.broker

    def _end(self, index: int, number: int) -> None:
        pid = self._pids.pop(index, None)
        if pid is None:
            return
        name = self._name(index)
        self._link.signal(name, number)
        self._link.signal(name, signal.SIGCONT)
        if self._link.wait(pid, _STOP) is None:
            raise TargetError(f"node {index} of the embedded cluster did not end within {_STOP:.0f} s")

    def _dead(self) -> list[tuple[Node, int]]:
        """Return the nodes that ended by themselves, each with its exit code."""
        ended = [(index, pid, self._link.ended(pid)) for index, pid in list(self._pids.items())]
        # one that another thread has killed meanwhile is no longer among them
        return [(self._nodes[index], code) for index, pid, code in ended
                if code is not None and self._pids.get(index) == pid]  # fmt: skip

    def _failure(self, node: Node, what: str) -> TargetError:
        return TargetError(
            f"node {node.id - 1} of the embedded cluster (Kafka {self.spec.version}) failed: {what}. "
            f"Its log is {keep_log(node)}; the last lines:\n{log_tail(node)}"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)
