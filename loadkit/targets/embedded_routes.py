"""How an embedded broker can be cut off: the ways to and from it lead through a forwarder. Arithmetic only.

Every broker listens on 127.0.0.1. What passes the forwarder connects to the same port of another address of this
machine, one for each who connects: clients have one, each broker has its own, so that the forwarder knows both ends of
a connection. Clients are told the address itself. Brokers tell each other names, and each broker's JVM looks names up
in a hosts file of its own. This rests on Linux taking all of 127.0.0.0/8 for this machine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

HOME = "127.0.0.1"
_CLIENTS = "127.0.0.100"
_NAMES_ITS_CONTROLLER = (3, 9, 0)
"""The first Kafka that lets a combined node advertise a controller's address, and from then on uses it."""


class Placed(Protocol):
    """A node as far as it concerns ways to it; ports are those of 127.0.0.1."""

    @property
    def id(self) -> int:
        """Return its id, from 1."""

    @property
    def broker(self) -> int:
        """Return the port for clients."""

    @property
    def inner(self) -> int:
        """Return the port for other brokers."""

    @property
    def controller(self) -> int:
        """Return the port for controllers."""

    @property
    def folder(self) -> Path:
        """Return its folder."""


def client_host(node: Placed, forwarded: Collection[int]) -> str:
    """Return the address at which clients reach a node."""
    return _CLIENTS if node.id in forwarded else HOME


def hosts_file(node: Placed) -> Path:
    """Return where a node's own hosts file is."""
    return node.folder / "hosts"


def hosts(node: Placed, nodes: Sequence[Placed], forwarded: Collection[int], machine: str) -> str:
    """Return a node's hosts file: where each node is for it, and this machine's own names."""
    lines = [f"{HOME} localhost", f"{HOME} {machine}"]
    lines += [f"{_seen(node, one, forwarded)} {_name(one)}" for one in nodes]
    return "".join(f"{line}\n" for line in lines)


def _seen(by: Placed, node: Placed, forwarded: Collection[int]) -> str:
    """Return the address at which one node reaches another: its own way through the forwarder, or directly."""
    return _own(by) if by.id != node.id and {by.id, node.id} & set(forwarded) else HOME


def _own(node: Placed) -> str:
    return f"127.0.0.{100 + node.id}"


def _name(node: Placed) -> str:
    return f"broker-{node.id}"


def identity(
    node: Placed, nodes: Sequence[Placed], forwarded: Collection[int], release: tuple[int, int, int]
) -> dict[str, str]:
    """Return the properties by which the nodes of a cluster with forwarded brokers find each other."""
    advertised = [f"PLAINTEXT://{client_host(node, forwarded)}:{node.broker}", f"INNER://{_name(node)}:{node.inner}"]
    if release >= _NAMES_ITS_CONTROLLER:
        advertised.append(f"CONTROLLER://{_name(node)}:{node.controller}")
    ports = (("PLAINTEXT", node.broker), ("INNER", node.inner), ("CONTROLLER", node.controller))
    return {
        "controller.quorum.voters": ",".join(f"{one.id}@{_name(one)}:{one.controller}" for one in nodes),
        "listeners": ",".join(f"{name}://{HOME}:{port}" for name, port in ports),
        "advertised.listeners": ",".join(advertised),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name, _ in ports),
        "inter.broker.listener.name": "INNER",
    }


def routes(nodes: Sequence[Placed], forwarded: Collection[int]) -> list[tuple[str, int, list[int]]]:
    """Return what the forwarder serves: where it listens, and whose being cut off closes that way."""
    found = [(_CLIENTS, node.broker, [node.id]) for node in nodes if node.id in forwarded]
    for by in nodes:
        for node in nodes:
            if _seen(by, node, forwarded) != HOME:
                found += [(_own(by), port, [by.id, node.id]) for port in (node.inner, node.controller)]
    return found
