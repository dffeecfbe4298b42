"""Clusters that stay: a state file for each one that `loadkit cluster start` serves.

A cluster runs as long as its supervisor holds the lock of its data folder, so a state file is never believed on its
own, and no signal goes to a pid that may have become somebody else's.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from loadkit.errors import TargetError
from loadkit.targets.embedded_cluster import EmbeddedCluster
from loadkit.targets.jars import cache_dir
from loadkit.targets.supervisor_link import is_live

_STOP = 60.0
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class State:
    """One served cluster: its owner's pid, when it started (ISO 8601, UTC), and how to reach it."""

    pid: int
    started: str
    target: str
    nodes: int
    kafka_version: str
    bootstrap: str
    jmx_urls: tuple[str, ...]
    data_dir: str
    client: Mapping[str, Any] = field(default_factory=dict)
    """Further properties of a client, secrets as references to files."""

    def through(self, client: Mapping[str, Any]) -> State:
        """Return this state with another way in: all the properties of a client, `bootstrap.servers` among them."""
        own = dict(client)
        return replace(self, bootstrap=own.pop("bootstrap.servers"), client=own)


def state_of(cluster: EmbeddedCluster) -> State:
    """Return the state of a cluster that this process owns."""
    return State(
        pid=os.getpid(),
        started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        target=str(cluster.spec),
        nodes=cluster.spec.nodes,
        kafka_version=cluster.kafka_version,
        bootstrap=cluster.bootstrap,
        jmx_urls=cluster.jmx_urls,
        data_dir=str(cluster.data_dir),
        client=cluster.client,
    )


def state_file(state: State) -> Path:
    """Return where a served cluster's state lies: in the cache folder, named as its data folder."""
    return cache_dir() / "clusters" / f"{Path(state.data_dir).name}.json"


@contextmanager
def announced(state: State) -> Iterator[None]:
    """Keep the state file of a cluster for as long as the block runs."""
    path = state_file(state)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(state), indent=1), "utf-8")
    draft.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running() -> list[State]:
    """Return the clusters that are served now, the oldest first, after sweeping the files of those that are not."""
    states = []
    for path in (cache_dir() / "clusters").glob("*.json"):
        state = _read(path)
        if state is None or not is_live(Path(state.data_dir)):
            path.unlink(missing_ok=True)
        else:
            states.append(state)
    return sorted(states, key=lambda state: (state.started, state.pid))


def stop(state: State) -> None:
    """Return when the owner of a served cluster was told to end and its JVMs and data are gone.

    Raises TargetError when that takes more than a minute.
    """
    folder = Path(state.data_dir)
    if is_live(folder):
        with suppress(ProcessLookupError):  # If the owner is gone already, its supervisor is about to be.
            os.kill(state.pid, signal.SIGTERM)
    limit = time.monotonic() + _STOP
    while is_live(folder):
        if time.monotonic() > limit:
            raise TargetError(f"the cluster of process {state.pid} did not end within {_STOP:.0f} s")
        time.sleep(_PAUSE)
    state_file(state).unlink(missing_ok=True)


def target_toml(cluster: EmbeddedCluster | State) -> str:
    """Return the text of a target file for a cluster, to be used with `--target`."""
    state = cluster if isinstance(cluster, State) else state_of(cluster)
    return f"""\
# {state.target}: a cluster on this machine, run by process {state.pid}. Figures taken on it show the method.
name = "embedded-{state.nodes}"
[client]
"bootstrap.servers" = "{state.bootstrap}"
{"".join(_line(name, value) for name, value in state.client.items())}[topics]
prefix = "loadkit."
replication_factor = {3 if state.nodes == 3 else 1}
min_insync_replicas = {2 if state.nodes == 3 else 1}
retention = "1h"
retention_bytes = "10GiB"
[limits]
max_rate = "2GB/s"
max_bytes = "1TB"
max_partitions = 2000
[metrics]
jmx_exporter = [{", ".join(f'"{url}"' for url in state.jmx_urls)}]
[cluster]
platform = "self-managed"
brokers = {state.nodes}
"""


def _line(name: str, value: Any) -> str:
    """Return a property as TOML has it; a secret is a reference to its file."""
    text = f"{{ file = {json.dumps(value['file'])} }}" if isinstance(value, Mapping) else json.dumps(value)
    return f"{json.dumps(name)} = {text}\n"


def _read(path: Path) -> State | None:
    try:
        fields: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return State(**{**fields, "jmx_urls": tuple(fields["jmx_urls"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
