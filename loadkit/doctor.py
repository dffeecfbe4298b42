"""Is this cluster fit to be tested, and are we allowed to? Each finding that fails says what to fix.

Offline, the file is checked; online, every address, the login, each right loadkit needs (on a topic and a group of its
own, noted in the ledger, removed afterwards), settings that make a test unsafe or its figures wrong, metrics, clocks.
"""

from __future__ import annotations

import secrets as random_source
import socket
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from loadkit import ledger, platforms, secrets
from loadkit.errors import LoadkitError
from loadkit.health import Finding, Status, as_row, as_text, clock, durability, security, settings
from loadkit.secrets import MASK
from loadkit.target import Target, load_target
from loadkit.targets import admin, probe
from loadkit.targets.properties import Role, cautions, servers
from loadkit.telemetry.broker import TIMEOUT, Brokers
from loadkit.units import format_duration

__all__ = ["Finding", "as_row", "as_text", "examine", "examine_named"]

_ROLES: tuple[Role, ...] = ("producer", "consumer", "admin")
_ROUNDS = 5
_PATIENCE = 20.0
_SHOWN = 5
_WANTED = frozenset(
    {
        "bytes_in",
        "bytes_out",
        "messages_in",
        "cpu",
        "request_idle",
        "network_idle",
        "under_replicated",
        "heap",
        "produce_p99",
    }
)
"""What a report says of brokers, by the names of `telemetry.broker`."""


def examine(target: Target, offline: bool = False, timeout: float = 10.0) -> list[Finding]:
    """Return the findings, in the order a reader should act on them; never raises for what the target does.

    `offline` looks at the file alone. `timeout` (seconds) bounds each single question to the cluster.
    """
    findings = [*_file(target)]
    if offline or target.kind == "simulated" or "bootstrap.servers" not in target.client:
        return [*findings, Finding("cluster", "skip", "not asked: only the target's settings were looked at")]
    if any(finding.status == "fail" for finding in findings):
        return [*findings, Finding("cluster", "skip", "not asked: the settings have to be right first")]
    return [*findings, *_online(target, timeout)]


def examine_named(text: str, offline: bool = False) -> list[Finding]:
    """Return the findings for a target as it is named; an embedded cluster is started for it and ended again."""
    target = load_target(text)
    if target.kind != "embedded" or offline:
        return examine(target, offline)
    from loadkit.targets import embedded

    with embedded.start(embedded.EmbeddedSpec.parse(target.text)) as cluster:
        return examine(target.at(cluster.bootstrap, **cluster.client))


def _file(target: Target) -> Iterator[Finding]:
    configs: dict[Role, dict[str, str]] = {}
    yield from platforms.blank(target)
    if missing := _unset(target):
        places = "are not set" if len(missing) > 1 else "is not set"
        fix = "export " + " ".join(f"{name}=..." for name in missing)
        yield Finding("secrets", "fail", f"{', '.join(missing)} of the environment {places}", fix)
        return
    if not target.built_in or "bootstrap.servers" in target.client:
        for role in _ROLES:
            try:
                configs[role] = target.client_config(role)
            except LoadkitError as wrong:
                yield Finding(f"settings of the {role}", "fail", str(wrong), "follow the sentence beside this")
                continue
            objection = MASK.text(probe.judge(role, configs[role]))
            yield Finding(
                f"settings of the {role}",
                "fail" if objection else "ok",
                f"librdkafka refuses them: {objection}" if objection else "librdkafka takes them",
                f"correct [client] or [{role}] of {target.text}" if objection else "",
            )
    yield from _secret_files(target)
    if "admin" in configs:
        yield from security(configs["admin"])
        yield from platforms.findings(target, configs["admin"])
    if "producer" in configs:
        yield from (
            Finding("producer's safety", "warn", text, "see [producer]") for text in cautions(configs["producer"])
        )
    yield from durability(target)


def _unset(target: Target) -> list[str]:
    """Return the environment variables that the target's client properties need and that are not set."""
    sections = (target.client, target.producer, target.consumer, target.admin)
    return list(dict.fromkeys(name for one in sections for value in one.values() for name in secrets.unset(value)))


def _secret_files(target: Target) -> Iterator[Finding]:
    folder = target.path.parent if target.path else Path()
    for section in (target.client, target.producer, target.consumer, target.admin):
        for name, value in section.items():
            if not isinstance(value, Mapping):
                continue
            place = folder / Path(str(value["file"])).expanduser()
            if place.exists() and place.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
                yield Finding(
                    "secrets", "warn", f"{name} is read from {place}, which others can read", f"chmod 600 {place}"
                )


def _online(target: Target, timeout: float) -> Iterator[Finding]:
    config = target.client_config("admin")
    reached = _addresses("bootstrap server", servers(config["bootstrap.servers"]), timeout)
    yield from reached
    if all(finding.status == "fail" for finding in reached):
        return
    try:
        connection = admin.connect(config, timeout)
    except LoadkitError as refused:
        yield Finding("login", "fail", str(refused), "follow the sentence beside this; the brokers' logs say more")
        return
    yield from _cluster(connection, timeout)
    yield from _asked("replication", lambda: _replication(connection))
    yield from _asked("cluster settings", lambda: settings(target, connection.cluster, _broker_settings(connection)))
    yield from _probe(target, connection)
    yield from _metrics(target)


def _asked(check: str, ask: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what a question found; a right that is only needed for the question makes it a skip."""
    try:
        return list(ask())
    except LoadkitError as refused:
        return [
            Finding(
                check, "skip", str(refused), "grant Describe and DescribeConfigs on the cluster to have this checked"
            )
        ]


def _addresses(check: str, places: Sequence[tuple[str, int]], timeout: float) -> list[Finding]:
    with ThreadPoolExecutor(max_workers=min(16, len(places))) as pool:
        return list(pool.map(lambda place: _address(check, place[0], place[1], timeout), places))


def _address(check: str, host: str, port: int, timeout: float) -> Finding:
    began = time.monotonic()
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError as problem:
        text = f"{host} has no address: {problem.strerror}"
        return Finding(
            f"{check} {host}:{port}", "fail", text, "check the name, and that this machine uses the right DNS"
        )
    try:
        socket.create_connection((host.strip("[]"), port), timeout=timeout).close()
    except OSError as problem:
        text = f"{found[0][4][0]} does not take a connection: {problem.strerror or problem}"
        fix = "check the port, the firewall or security group, and that the broker runs"
        return Finding(f"{check} {host}:{port}", "fail", text, fix)
    return Finding(f"{check} {host}:{port}", "ok", f"connected after {format_duration(time.monotonic() - began)}")


def _cluster(connection: admin.Connection, timeout: float) -> Iterator[Finding]:
    cluster = connection.cluster
    release = f"Kafka {cluster.version}" if cluster.version else "a version it does not tell"
    racks = f", racks {', '.join(cluster.racks)}" if cluster.racks else ""
    count = f"{len(cluster.brokers)} broker{'s' * (len(cluster.brokers) != 1)}"
    yield Finding("login", "ok", f"cluster {cluster.id}: {count}, {release}{racks}")
    places = [(broker.host, broker.port) for broker in cluster.brokers]
    for finding in _addresses("broker", places, timeout):
        fix = f"{finding.fix}; this is what the broker's advertised.listeners says" if finding.fix else ""
        yield Finding(finding.check, finding.status, finding.text, fix)


def _replication(connection: admin.Connection) -> Iterator[Finding]:
    behind = admin.under_replicated(connection)
    if not behind:
        yield Finding("replication", "ok", "every partition has all its replicas in sync")
        return
    more = f" and {len(behind) - _SHOWN} more" if len(behind) > _SHOWN else ""
    text = f"{len(behind)} partitions lack a replica or a leader: {', '.join(behind[:_SHOWN])}{more}"
    yield Finding("replication", "fail", text, "wait until the cluster is healthy; loadkit does not start a run before")


def _broker_settings(connection: admin.Connection) -> dict[str, str]:
    return admin.broker_configs(connection, connection.cluster.brokers[0].id)


def _probe(target: Target, connection: admin.Connection) -> Iterator[Finding]:
    """Make a topic, send, read, delete: each right on its own, so that the finding names the one that is missing."""
    run = f"doctor-{random_source.token_hex(4)}"
    topic, group = target.named(run, "probe"), target.named(run, "probe-group")
    partitions = max(1, min(len(connection.cluster.brokers), target.limits.max_partitions if target.limits else 64))
    config = {**target.topics.config(), "message.timestamp.type": "LogAppendTime"}
    plan = admin.TopicPlan(topic, partitions, target.topics.replication_factor, config)
    try:
        ledger.note(target, connection.cluster.id, run, [topic], [group])
        admin.create_topics(connection, [plan])
    except LoadkitError as refused:
        with suppress(LoadkitError):
            _remove(target, connection, run, topic, group)
        yield Finding(
            "right to create topics",
            "fail",
            str(refused),
            f"grant Create on topics with the prefix {target.topics.prefix!r}",
        )
        return
    yield Finding("right to create topics", "ok", f"{topic} with {partitions} partitions was made")
    try:
        yield from _messages(target, connection, topic, group, partitions)
    finally:
        yield from _removal(target, connection, run, topic, group)


def _messages(
    target: Target, connection: admin.Connection, topic: str, group: str, partitions: int
) -> Iterator[Finding]:
    prefix = target.topics.prefix
    try:
        stored = probe.produce(target.client_config("producer"), topic, partitions, _ROUNDS, connection.timeout)
    except LoadkitError as refused:
        yield Finding("right to produce", "fail", str(refused), f"grant Write on topics with the prefix {prefix!r}")
        return
    yield Finding("right to produce", "ok", f"{partitions * _ROUNDS} messages were confirmed")
    yield clock(stored)
    count = partitions * _ROUNDS
    try:
        read = probe.consume(target.client_config("consumer"), topic, group, count, connection.timeout + _PATIENCE)
    except LoadkitError as refused:
        yield Finding(
            "right to consume", "fail", str(refused), f"grant Read on topics and groups with the prefix {prefix!r}"
        )
        return
    status: Status = "ok" if read == count else "fail"
    fix = "" if read == count else "look for a consumer quota, and at the group coordinator's log"
    yield Finding("right to consume", status, f"{read} of {count} messages were read by a group", fix)


def _removal(target: Target, connection: admin.Connection, run: str, topic: str, group: str) -> Iterator[Finding]:
    try:
        kept = _remove(target, connection, run, topic, group)
    except LoadkitError as refused:
        kept = str(refused)
    if kept:
        fix = f"grant Delete on topics and groups with the prefix {target.topics.prefix!r}, then run `loadkit clean`"
        yield Finding("right to delete", "fail", kept, fix)
        return
    yield Finding("right to delete", "ok", "topic and group were removed")


def _remove(target: Target, connection: admin.Connection, run: str, topic: str, group: str) -> str:
    """Take away what the probe made; return what would not go."""
    if target.built_in:
        admin.delete_topics(connection, [topic])
        admin.delete_groups(connection, [group])
    return "; ".join(ledger.clean(target, connection, run).kept)


def _metrics(target: Target) -> Iterator[Finding]:
    urls = target.metrics_urls()
    if not urls:
        text = "no metrics.jmx_exporter: a report cannot say what the brokers were busy with"
        yield Finding("metrics", "skip", text, "list each broker's endpoint under [metrics]")
    for url in urls:
        yield _endpoint(url)


def _endpoint(url: str) -> Finding:
    check, brokers, clock = f"metrics {MASK.text(url)}", Brokers([url]), count()
    rows: list[Mapping[str, Any]] = [*brokers.sample(lambda: next(clock)), *brokers.sample(lambda: next(clock))]
    if not rows:
        return Finding(
            check,
            "fail",
            f"no Prometheus page within {TIMEOUT:.0f} s",
            "check address and firewall, and that the JMX exporter runs there",
        )
    missing = sorted(_WANTED - rows[-1].keys())
    if missing:
        fix = "use the JMX exporter rules that loadkit ships (loadkit/targets/jmx_rules.yml)"
        return Finding(check, "warn", f"answers, without {', '.join(missing)}", fix)
    return Finding(check, "ok", f"answers, with all {len(_WANTED)} series")
