"""What is found in a target's and a cluster's settings, and in what probes measured."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loadkit.target import Target
from loadkit.targets.admin import Cluster
from loadkit.targets.probe import Stored
from loadkit.targets.properties import servers
from loadkit.units import format_byte_rate, format_count, format_duration, format_size

Status = Literal["ok", "warn", "fail", "skip"]

_SKEW = 0.1
_REPLICAS = 4000
"""Replicas a broker from which on vendors advise against more (MSK's largest brokers: 4000)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    status: Status
    text: str
    fix: str = ""
    """What to do; never empty where it failed."""


def as_row(finding: Finding) -> dict[str, str]:
    """Return a finding as JSON has it."""
    return {"check": finding.check, "status": finding.status, "text": finding.text, "fix": finding.fix}


def as_text(findings: Sequence[Finding]) -> str:
    """Return the findings as lines, what to fix below each, and a last line that sums up."""
    width = max((len(finding.check) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:<5} {finding.check:<{width}}  {finding.text}")
        if finding.fix:
            lines.append(f"{'':<5} {'':<{width}}  -> {finding.fix}")
    counts = Counter(finding.status for finding in findings)
    lines.append(", ".join(f"{counts[status]} {status}" for status in ("ok", "warn", "fail", "skip") if counts[status]))
    return "\n".join(lines)


def security(config: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is weak in how clients reach the cluster."""
    protocol = config.get("security.protocol", "plaintext")
    hosts = [host for host, _ in servers(config["bootstrap.servers"])]
    near = all(host in ("localhost", "[::1]") or host.startswith("127.") for host in hosts)
    if not protocol.endswith("ssl") and not near:
        text = (
            "what is sent, a login included, can be read on the way"
            if protocol.startswith("sasl")
            else "what is sent can be read on the way"
        )
        yield Finding(
            "encryption",
            "warn",
            f"security.protocol is {protocol}: {text}",
            "set SSL or SASL_SSL if the cluster offers it",
        )
    elif config.get("enable.ssl.certificate.verification") == "false":
        text = "certificates are not checked, so anyone can be the broker"
        yield Finding("encryption", "warn", text, "remove enable.ssl.certificate.verification and set ssl.ca.location")
    else:
        yield Finding("encryption", "ok", f"security.protocol is {protocol}" + (" on this machine" if near else ""))


def durability(target: Target) -> Iterator[Finding]:
    """Yield what is unsafe, or unlike production, in how topics will be made."""
    copies, needed = target.topics.replication_factor, target.topics.min_insync_replicas
    fix = "set topics.replication_factor = 3 and topics.min_insync_replicas = 2"
    if copies is not None and copies < 3:
        text = f"topics.replication_factor = {copies}: figures will be better than a safe topic's"
        yield Finding("durability", "warn", text, fix)
    if needed is not None and needed < 2:
        text = f"topics.min_insync_replicas = {needed}: acks=all can mean one copy"
        yield Finding("durability", "warn", text, fix)
    if copies is not None and copies > 1 and needed == copies:
        text = f"topics.min_insync_replicas = replication_factor = {copies}: one restart stops every write"
        yield Finding("durability", "warn", text, fix)


def settings(target: Target, cluster: Cluster, broker: Mapping[str, str]) -> list[Finding]:
    """Return what the cluster's size and settings mean for this target; `broker` are one broker's properties."""
    brokers, found = len(cluster.brokers), []
    copies = target.topics.replication_factor or int(broker.get("default.replication.factor", 1))
    if copies > brokers:
        text = f"topics.replication_factor = {copies}, and there are {brokers} brokers"
        found.append(Finding("replication factor", "fail", text, f"set topics.replication_factor to at most {brokers}"))
    elif target.topics.replication_factor is None and copies < 3:
        text = f"the cluster's default.replication.factor is {copies}, and topics.replication_factor is not set"
        fix = "set topics.replication_factor = 3" if brokers >= 3 else "test on three brokers or more"
        found.append(Finding("replication factor", "warn", text, fix))
    needed = target.topics.min_insync_replicas or int(broker.get("min.insync.replicas", 1))
    if needed > copies:
        text = f"min.insync.replicas is {needed} with {copies} replicas: acks=all can never succeed"
        found.append(
            Finding("in-sync replicas", "fail", text, f"set topics.min_insync_replicas to at most {max(1, copies - 1)}")
        )
    elif target.topics.min_insync_replicas is None and needed < 2:
        text = "the cluster's min.insync.replicas is 1: acks=all can mean one copy"
        found.append(Finding("in-sync replicas", "warn", text, "set topics.min_insync_replicas = 2"))
    if broker.get("unclean.leader.election.enable") == "true":
        text = "unclean.leader.election.enable is true: a failover may lose acknowledged messages"
        found.append(Finding("leader election", "warn", text, "set it to false on the cluster"))
    if target.limits is not None:
        found.append(_load(target, brokers, copies))
    found.append(_message_size(target, broker))
    return found


def _load(target: Target, brokers: int, copies: int) -> Finding:
    limits = target.limits
    assert limits is not None
    each = math.ceil(limits.max_partitions * copies / max(1, brokers))
    text = (
        f"up to {format_byte_rate(limits.max_rate)}, {format_size(limits.max_bytes)} in all, "
        f"{format_count(limits.max_partitions)} partitions ({format_count(each)} replicas a broker)"
    )
    if each > _REPLICAS:
        return Finding("limits", "warn", text, f"set limits.max_partitions = {max(1, _REPLICAS * brokers // copies)}")
    return Finding("limits", "ok", text)


def _message_size(target: Target, broker: Mapping[str, str]) -> Finding:
    largest = int(target.client_config("producer").get("message.max.bytes", 1_000_000))
    taken = int(broker.get("message.max.bytes", 1_048_588))
    if largest > taken:
        text = f"the producer's message.max.bytes is {format_size(largest)}, the brokers take {format_size(taken)}"
        fix = "give the scenario's topics a larger max.message.bytes, or lower message.max.bytes of [producer]"
        return Finding("message size", "warn", text, fix)
    return Finding("message size", "ok", f"messages up to {format_size(taken)} are taken")


def clock(stored: Sequence[Sequence[Stored]]) -> Finding:
    """Return how far the brokers' clocks are from ours: the worst partition leader's."""
    offset, bound = max((clock_offset(samples) for samples in stored), key=lambda pair: abs(pair[0]))
    text = f"brokers are within {format_duration(abs(offset))} ± {format_duration(bound)} of this machine's clock"
    if abs(offset) - bound > _SKEW:
        side = "ahead of" if offset > 0 else "behind"
        text = f"a broker's clock is {format_duration(abs(offset))} ± {format_duration(bound)} {side} this machine's"
        return Finding(
            "clock", "warn", text, "run NTP or chrony on both; retention and timestamps follow the brokers' clocks"
        )
    return Finding("clock", "ok", text)


def clock_offset(samples: Iterable[Stored]) -> tuple[float, float]:
    """Return offset and bound (s) of a broker's clock against ours: theirs minus ours lies in offset ± bound.

    A broker stamps a message with its clock t, cut to milliseconds, after it was sent and before it was acked:
    stored - acked <= offset <= stored + 1 ms - sent. The bounds of all samples hold at once (Cristian 1989).
    """
    taken = list(samples)
    low = max(sample.stored - sample.acked for sample in taken)
    high = min(sample.stored + 0.001 - sample.sent for sample in taken)
    return (low + high) / 2, abs(high - low) / 2
