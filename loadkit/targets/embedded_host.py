"""What an embedded cluster asks of its machine: free ports, CPUs, and files that outlast it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

from loadkit.targets import embedded_routes, embedded_spec
from loadkit.targets.embedded_security import Keys
from loadkit.targets.embedded_spec import EmbeddedSpec, Node
from loadkit.targets.jars import cache_dir

_TAIL = 15
_KEPT_LOGS = 10


def cpus() -> tuple[frozenset[int], list[frozenset[int]]]:
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
    return embedded_spec.parse_cpu_list(text)


def free_ports(count: int) -> list[int]:
    """Return distinct ports of 127.0.0.1 that were free a moment ago."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


def new_nodes(count: int, folder: Path, doors: int = 1) -> tuple[Node, ...]:
    """Return `count` nodes with free ports, one for clients by each door, and a folder each below `folder`."""
    each = 3 + max(1, doors)
    ports = free_ports(each * count)
    return tuple(
        Node(index + 1, broker, controller, jmx, folder / f"node-{index + 1}", inner, tuple(more))
        for index in range(count)
        for broker, controller, jmx, inner, *more in [ports[each * index : each * (index + 1)]]
    )


def write_files(spec: EmbeddedSpec, node: Node, nodes: Sequence[Node], keys: Keys | None = None) -> None:
    """Return when a node's folder holds the files it starts from."""
    (node.folder / "tmp").mkdir(parents=True)
    files = {
        "server.properties": embedded_spec.properties(spec, node, nodes, keys),
        "logging.properties": embedded_spec.logging(spec, node),
        "jmx_rules.yml": resources.files("loadkit.targets").joinpath("jmx_rules.yml").read_text("utf-8"),
    }
    if spec.forwarded:
        machine = socket.gethostname()
        files[embedded_routes.hosts_file(node).name] = embedded_routes.hosts(node, nodes, spec.forwarded, machine)
    for name, text in files.items():
        (node.folder / name).write_text(text, "utf-8")


def write_routes(spec: EmbeddedSpec, nodes: Sequence[Node], folder: Path) -> tuple[Path, Path]:
    """Return the forwarder's two files: its routes, and the list of who is cut off, which is empty."""
    routes, cut = folder / "routes.json", folder / "cut.json"
    routes.write_text(json.dumps(embedded_routes.routes(nodes, spec.forwarded)), "utf-8")
    cut.write_text("[]", "utf-8")
    return routes, cut


def log_tail(node: Node) -> str:
    """Return the last lines of what a node and its JVM said."""
    return "\n".join(log_text(node).splitlines()[-_TAIL:])


def keep_log(node: Node) -> Path:
    """Return where a node's log was copied to, since its folder is about to go; the newest few are kept."""
    logs = cache_dir() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for old in sorted(logs.glob("kafka-*.log"))[: -(_KEPT_LOGS - 1)]:
        old.unlink(missing_ok=True)
    kept = logs / f"kafka-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{node.id}.log"
    kept.write_text(log_text(node), "utf-8")
    return kept


def log_text(node: Node) -> str:
    """Return all that a node and its JVM said."""
    return "".join(path.read_text("utf-8", "replace") for path in (node.output, node.log) if path.exists())


def last_line(log: Path) -> str:
    """Return the last line that a helper wrote."""
    text = log.read_text("utf-8", "replace").strip() if log.exists() else ""
    return text.rpartition("\n")[2] or "it said nothing"
