"""A real Apache Kafka on this machine, made for a run and gone after it.

`start` fetches what is missing, has a supervisor run one or three combined nodes in KRaft mode, and returns when
every node knows every other. Whatever ends this process ends them and removes their data (see supervisor.py).
`serve` is such an owner that only waits, and `running` and `stop` find it from elsewhere.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from loadkit.errors import TargetError
from loadkit.target_sections import Topics
from loadkit.targets import embedded_spec, jars, java
from loadkit.targets.embedded_cluster import EmbeddedCluster, Kit, PortTaken
from loadkit.targets.embedded_host import cpus
from loadkit.targets.embedded_security import USER
from loadkit.targets.embedded_spec import DEFAULT_VERSION, EmbeddedSpec
from loadkit.targets.embedded_state import State, announced, running, state_file, state_of, stop, target_toml
from loadkit.targets.supervisor_link import sweep

__all__ = [
    "EmbeddedCluster", "EmbeddedSpec", "State", "java_command", "running", "serve", "start", "state_file", "state_of",
    "stop", "target_toml",
]  # fmt: skip

Progress = Callable[[str], None]

_AGENT = "io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1"
_TRIES = 3
_LOOK = 0.5


class _Stopped(BaseException):
    """SIGINT or SIGTERM has come."""


def start(spec: EmbeddedSpec, progress: Progress = jars.silent) -> EmbeddedCluster:
    """Return a running cluster once every node answers and knows the others.

    Sweeps what killed supervisors left first. Raises UsageError when Java or the extra is missing, TargetFileError
    when there is no such Kafka, TargetError with the last log lines when it does not start.
    """
    sweep()
    kit = _kit(spec, progress)
    for _ in range(_TRIES):
        try:
            return _started(spec, kit, progress)
        except PortTaken:
            progress("a port was taken meanwhile: starting again with others")
    raise TargetError(f"the embedded cluster found its ports taken {_TRIES} times in a row: try again")


def java_command(version: str = DEFAULT_VERSION, progress: Progress = jars.silent) -> list[str]:
    """Return `[java, '-cp', classpath]`, to which a main class of Kafka's own tools and its arguments are added."""
    spec = EmbeddedSpec.parse(f"embedded@{version}")
    return [str(java.find(*java.requirement(spec.release)).path), "-cp", _classpath(version, progress)]


def serve(
    spec: EmbeddedSpec, progress: Progress = jars.silent, ready: Callable[[State], None] = lambda state: None
) -> None:
    """Return after having run a cluster until SIGINT, SIGTERM or `stop`; to be called in the main thread.

    `ready` is called with the state once the cluster answers and others can see it. Raises as `start` does, and
    TargetError when a node ends by itself.
    """
    try:
        with _stoppable(), start(spec, progress) as cluster, announced(state_of(cluster)):
            ready(state_of(cluster))
            while True:
                cluster.check()
                time.sleep(_LOOK)
    except _Stopped:
        progress("stopped: no node and no data is left")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into _Stopped and ignore others, so that the end is not cut short."""

    def handler(number: int, _: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise _Stopped

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _started(spec: EmbeddedSpec, kit: Kit, progress: Progress) -> EmbeddedCluster:
    began = time.monotonic()
    with ExitStack() as stack:
        cluster = stack.enter_context(EmbeddedCluster(spec, kit))
        cluster.launch(progress)
        if spec.security.acls:
            _grant(cluster)
        stack.pop_all()
    progress(f"{spec} is ready at {cluster.bootstrap} after {time.monotonic() - began:.1f} s")
    return cluster


def _grant(cluster: EmbeddedCluster) -> None:
    """Give the user of the doors what a run needs: the prefix."""
    from loadkit.targets import embedded_rights  # brings confluent-kafka, which an open cluster does without

    embedded_rights.grant(cluster.inner_bootstrap, USER, Topics().prefix)


def _kit(spec: EmbeddedSpec, progress: Progress) -> Kit:
    sasl = spec.security.login or any("sasl" in f"{key}={value}".lower() for key, value in spec.params.items())
    found = java.find(*java.requirement(spec.release, sasl))
    broker, generator = embedded_spec.split_cpus(*cpus()) or (None, None)
    return Kit(found, _classpath(spec.version, progress), jars.artifact(_AGENT, progress), broker, generator)


def _classpath(version: str, progress: Progress) -> str:
    return os.pathsep.join(map(str, jars.jars(version, progress)))
