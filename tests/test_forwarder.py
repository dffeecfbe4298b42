"""The ways to a broker that can be cut off: which there are, and a forwarder that holds back what must not pass."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from loadkit.errors import TargetFileError
from loadkit.targets import embedded_routes, embedded_spec, forwarder
from loadkit.targets.embedded_host import free_ports
from loadkit.targets.embedded_spec import EmbeddedSpec, Node

NODES = [Node(id, 9000 + id, 9100 + id, 9200 + id, Path(f"/d/node-{id}"), 9300 + id) for id in (1, 2, 3)]
CUT = frozenset({2})


def seen_by(node: Node) -> dict[str, str]:
    """Return where a node's hosts file says that the others are."""
    text = embedded_routes.hosts(node, NODES, CUT, "here")
    return {name: address for address, name in (line.split() for line in text.splitlines())}


def test_each_way_to_and_from_a_forwarded_broker_leads_through_the_forwarder_and_no_other() -> None:
    """What a hosts file names is served by a route whose ends are these two nodes, on each port they may use."""
    served = {(host, port): set(ends) for host, port, ends in embedded_routes.routes(NODES, CUT)}
    for by in NODES:
        for node in NODES:
            host = seen_by(by)[f"broker-{node.id}"]
            through = by is not node and 2 in (by.id, node.id)
            assert (host != "127.0.0.1") == through
            for port in (node.inner, node.controller):
                assert served.get((host, port)) == ({by.id, node.id} if through else None)
    assert served[(embedded_routes.client_host(NODES[1], CUT), NODES[1].broker)] == {2}
    assert embedded_routes.client_host(NODES[0], CUT) == seen_by(NODES[0])["here"] == "127.0.0.1"
    assert len(served) == 1 + 4 * 2


@pytest.mark.parametrize(("version", "names_controller"), [("3.8.1", False), ("3.9.0", True), ("4.3.1", True)])
def test_brokers_know_each_other_by_names_alone(version: str, names_controller: bool) -> None:
    """No node of a cluster with a forwarded one is told another's address, which would lead around the forwarder."""
    spec = EmbeddedSpec.parse(f"embedded:3@{version}?forwarded=2")
    for node in NODES:
        lines = dict(line.split("=", 1) for line in embedded_spec.properties(spec, node, NODES).splitlines())
        assert lines["inter.broker.listener.name"] == "INNER"
        voters = [f"{one.id}@broker-{one.id}:{one.controller}" for one in NODES]
        assert lines["controller.quorum.voters"] == ",".join(voters)
        host = "127.0.0.100" if node.id == 2 else "127.0.0.1"
        inner = f"PLAINTEXT://{host}:{node.broker},INNER://broker-{node.id}:{node.inner}"
        own = f",CONTROLLER://broker-{node.id}:{node.controller}" if names_controller else ""
        assert lines["advertised.listeners"] == inner + own
        assert "127.0.0.100" not in lines["listeners"]
        command = embedded_spec.node_command(Path("/j"), "c", Path("/a"), spec, node)
        assert f"-Djdk.net.hosts.file=/d/node-{node.id}/hosts" in command
    assert "forwarded=" not in embedded_spec.properties(spec, NODES[0], NODES)


def test_other_clusters_have_no_forwarder() -> None:
    """They are started exactly as before."""
    spec = EmbeddedSpec(nodes=3)
    assert "INNER" not in embedded_spec.properties(spec, NODES[0], NODES)
    assert not any("hosts" in word for word in embedded_spec.node_command(Path("/j"), "c", Path("/a"), spec, NODES[0]))


@pytest.mark.parametrize("text", ["embedded:3?forwarded=4", "embedded?forwarded=0", "embedded:3?forwarded=two"])
def test_only_brokers_that_are_there_can_be_forwarded(text: str) -> None:
    """The error names the parameter."""
    with pytest.raises(TargetFileError, match="forwarded="):
        EmbeddedSpec.parse(text)


class Way:
    """A forwarder before an echoing server."""

    def __init__(self, folder: Path) -> None:
        self.server = socket.create_server(("127.0.0.1", free_ports(1)[0]))
        self.server.settimeout(10)
        self.port = self.server.getsockname()[1]
        self._cut = folder / "cut.json"
        self._cut.write_text("[]")
        (folder / "routes.json").write_text(json.dumps([["127.0.0.77", self.port, [2, 3]]]))
        command = [sys.executable, "-I", "-S", forwarder.__file__, str(folder / "routes.json"), str(self._cut)]
        self.process = subprocess.Popen(command)

    def connected(self) -> socket.socket:
        """Return a connection to the forwarder, which may still be starting."""
        until = time.monotonic() + 20
        while True:
            try:
                return socket.create_connection(("127.0.0.77", self.port), timeout=10)
            except ConnectionRefusedError:
                assert time.monotonic() < until
                time.sleep(0.02)

    def cut(self, *ids: int) -> None:
        """Cut off brokers, and give the forwarder time to hear of it."""
        self._cut.write_text(json.dumps(ids))
        os.kill(self.process.pid, signal.SIGUSR1)
        time.sleep(0.2)


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    """Return a forwarder that is gone afterwards."""
    made = Way(tmp_path)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()
        made.server.close()


def silent(connection: socket.socket) -> bool:
    """Return whether nothing, and no end, comes for a while."""
    connection.settimeout(0.3)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(10)
    return False


def test_a_cut_holds_back_both_ways_and_a_healed_one_lets_all_pass_in_order(way: Way) -> None:
    """Nothing is lost, reset or refused: as with packets that are dropped and sent again."""
    client = way.connected()
    server, _ = way.server.accept()
    client.sendall(b"one")
    assert server.recv(10) == b"one"
    way.cut(2)
    client.sendall(b"two")
    server.sendall(b"answer")
    other = way.connected()
    other.sendall(b"new")
    assert silent(server)
    assert silent(client)
    assert silent(other)
    way.cut(1)  # another broker's: this way is open again
    assert server.recv(10) == b"two"
    assert client.recv(10) == b"answer"
    second, _ = way.server.accept()
    assert second.recv(10) == b"new"
    client.shutdown(socket.SHUT_WR)
    assert server.recv(10) == b""
    server.sendall(b"last")
    server.close()
    assert client.recv(10) == b"last"
    assert client.recv(10) == b""
    for one in (client, other, second):
        one.close()


def test_a_broker_that_is_not_there_ends_the_connection(way: Way) -> None:
    """A killed broker behind the forwarder is as good as refused, not silent."""
    first = way.connected()
    way.server.accept()[0].close()
    way.server.close()
    with way.connected() as later, suppress(ConnectionResetError):
        assert later.recv(1) == b""
    first.close()
