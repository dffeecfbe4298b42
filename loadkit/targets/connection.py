"""Reaching a cluster: who answers, and why it does not.

librdkafka's own log goes to the logger `loadkit.librdkafka`.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Any, TypeVar

import confluent_kafka as ck
import confluent_kafka.admin

from loadkit.errors import TargetError
from loadkit.secrets import MASK
from loadkit.targets import diagnosis, tokens, versions
from loadkit.targets.properties import servers
from loadkit.targets.refusals import UNREACHABLE, denies, explain

LOG = logging.getLogger("loadkit.librdkafka")
LOG.addHandler(logging.NullHandler())
_SLICE = 0.005
_ASKING = 2.0
_ADMIN: Any = confluent_kafka.admin
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker as clients see it."""

    id: int
    host: str
    port: int
    rack: str | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a cluster says of itself."""

    id: str
    brokers: tuple[Broker, ...]
    controller: int | None
    version: str
    """The Kafka release, such as `4.3`; empty where it could not be learned."""

    @property
    def racks(self) -> tuple[str, ...]:
        """The racks (availability zones) its brokers stand in."""
        return tuple(sorted({broker.rack for broker in self.brokers if broker.rack}))


@dataclass(frozen=True, slots=True)
class Connection:
    """A way to ask a cluster; made by `connect`."""

    client: Any
    cluster: Cluster
    address: str
    timeout: float
    errors: deque[Any] = field(repr=False)
    config: Mapping[str, Any] = field(repr=False)
    """Holds secrets."""
    partitions: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False)
    """The partitions of topics whose offsets were asked for: their number does not change while we look."""
    made: set[str] = field(default_factory=set, repr=False)
    """The topics made over it: a broker may hear of them after the others."""
    readers: dict[str, Any] = field(default_factory=dict, repr=False)
    """A consumer that never joins for each group whose offsets were asked for."""


def connect(config: Mapping[str, str], timeout: float = 10.0) -> Connection:
    """Return a connection once the cluster has answered; `config` is `Target.client_config("admin")`.

    Raises `TargetError` within `timeout` seconds where nobody answers, at once where the login or TLS fails.
    """
    address = config.get("bootstrap.servers", "")
    doing, errors, config = f"connecting to {address}", deque[Any](maxlen=100), tokens.signing(config)
    try:
        client = _ADMIN.AdminClient({**config, "error_cb": errors.append}, logger=LOG)
    except ck.KafkaException as refused:
        raise explained(refused.args[0], doing, address) from None
    asked = client.describe_cluster(request_timeout=timeout)
    answer = awaited(client, asked, errors, timeout, doing=doing, subject=address, why=lambda: _why(config, timeout))
    brokers = tuple(Broker(node.id, node.host, node.port, node.rack) for node in answer.nodes)
    errors.clear()
    controller = answer.controller.id if answer.controller is not None else None
    cluster = Cluster(answer.cluster_id or "", brokers, controller, _version(config, brokers, min(timeout, _ASKING)))
    return Connection(client, cluster, address, timeout, errors, config)


def _why(config: Mapping[str, Any], timeout: float) -> TargetError | None:
    """Return the error that says why a cluster does not let us in, where that is plain."""
    found = diagnosis.of(config, min(timeout, _ASKING))
    return TargetError(MASK.text(found)) if found else None


def _version(config: Mapping[str, str], brokers: Sequence[Broker], timeout: float) -> str:
    try:
        context = versions.tls(config)
    except OSError:
        return ""
    places = [(broker.host, broker.port) for broker in brokers[:1]] + servers(config["bootstrap.servers"])[:1]
    for host, port in places:
        if answer := versions.ask(host, port, context, timeout):
            return answer.release
    return ""


def awaited(
    client: Any, future: Future[_Answer], errors: deque[Any], timeout: float, *, doing: str, subject: str,
    let_in: bool = False, why: Callable[[], TargetError | None] = lambda: None,
    facts: Mapping[str, object] | None = None,
) -> _Answer:  # fmt: skip
    """Return the future's value; serve callbacks meanwhile, so that a failed login ends the wait at once.

    Not so where the cluster has `let_in` this client before: a token that is over is renewed, and a later login passes.
    `why` is asked once, when something has gone wrong for the first time; what it knows ends the wait, too. `facts` are
    those of `refusals.explain`.
    """
    limit, asked = time.monotonic() + timeout + 1.0, False
    errors.clear()  # what was said before has passed, or will be said again
    while not future.done() and time.monotonic() < limit:
        client.poll(_SLICE)
        if errors and not asked:
            asked = True
            if known := why():
                raise known
        fatal = next((error for error in errors if denies(error.name(), error.str())), None)
        if fatal is not None and not let_in:
            raise explained(fatal, doing, subject, **(facts or {}))
    try:
        return future.result(timeout=0)
    except ck.KafkaException as refused:
        error = refused.args[0]
    except FutureTimeout:
        raise explain("_TIMED_OUT", f"{timeout:.0f} s", doing, subject) from None
    heard = list(errors) if error.name() in UNREACHABLE else []
    guesses = [one for one in heard if "?" in one.str()]  # librdkafka's own word of what may be the matter
    told = (guesses or heard or [error])[-1]
    raise explained(told, doing, subject, **(facts or {})) from None


def explained(error: Any, doing: str, subject: str, **facts: object) -> TargetError:
    """Return the error for one of confluent-kafka's."""
    return explain(error.name(), error.str(), doing, subject, **facts)
