"""A plan as the facts that its config files need."""

from __future__ import annotations

import math
from collections.abc import Mapping

from loadkit.sizing import cost, facts
from loadkit.sizing.facts import BrokerFacts, Ceilings, Facts, GroupFacts, TopicFacts
from loadkit.sizing.model import cpu, failure, page_cache
from loadkit.sizing.plan import Plan
from loadkit.sizing.search import Fit
from loadkit.sizing.shapes import Candidate, Ceiling
from loadkit.sizing.split import Split
from loadkit.sizing.workload import slo_seconds

MESSAGE = 1_048_588
"""max.message.bytes of Kafka."""
LEAST_DISK = 2**30


def facts_of(plan: Plan) -> Facts:
    """Return what config files need of a plan that is feasible."""
    fit = plan.fit
    assert fit is not None, "a plan that is not feasible has no config files"
    needs, candidate = plan.needs, fit.setup.candidate
    platform = needs.platform
    zone = any(use.state.key == "zone" and use.state.binds for use in fit.uses)
    left = fit.n if candidate.managed else failure.left(fit.n, platform.zones, broker=True, zone=zone)
    return Facts(
        name=needs.name, made_on=plan.made_on, platform=platform.kind, brokers=fit.n, zones=platform.zones,
        kafka_version=platform.kafka_version, replication_factor=platform.replication_factor,
        min_insync_replicas=platform.min_insync_replicas, topics=tuple(_topic(one) for one in fit.splits),
        clients=tuple(one.effect for one in plan.choices), broker=_broker(fit),
        ceilings=_ceilings(candidate), outage_s=max(flow.outage for flow in plan.flows),
        catch_up_s=max(flow.catch_up for flow in plan.flows), brokers_lost=fit.n - left, unit=candidate.unit,
        demo=bool(plan.demo),
    )  # fmt: skip


def _topic(one: Split) -> TopicFacts:
    flow, topic = one.flow, one.flow.topic
    consumers = dict(one.consumers)
    return TopicFacts(
        name=topic.name, partitions=one.partitions, retention_ms=-1 if math.isinf(topic.retention) else
        round(topic.retention * 1000), retention_bytes=topic.retention_bytes, cleanup=topic.cleanup,
        max_message_bytes=max(topic.max_message or 0, MESSAGE, 2 * topic.size), keyed=topic.keyed,
        transactional=topic.transactions, peak_bytes_per_s=flow.peak * flow.record,
        groups=tuple(GroupFacts(of.name, consumers.get(of.name, 1), of.process_time) for of in topic.groups),
        latency_slo_s=slo_seconds(topic, "latency"), end_to_end_slo_s=slo_seconds(topic, "end_to_end"),
        hottest_share=one.share, existing_partitions=topic.partitions,
        local_retention_ms=round(topic.local_retention * 1000) if topic.local_retention else None, count=flow.count,
    )  # fmt: skip


def _broker(fit: Fit) -> BrokerFacts:
    """Return the machine; of a unit whose machine is the vendor's affair, what is known of it."""
    candidate = fit.setup.candidate
    memory = candidate.memory or 4.0 * 2**30
    ceiling = candidate.ceilings.get("network_in") or candidate.ceilings.get("ingress")
    network = candidate.network or (ceiling.value.mid if ceiling else 20e6)
    disk = max(candidate.disk or cost.provisioned(fit), LEAST_DISK)
    return BrokerFacts(candidate.name, candidate.cores or 1.0, round(memory), round(page_cache.heap(memory)),
                       math.ceil(disk), network)  # fmt: skip


def _ceilings(candidate: Candidate) -> Ceilings:
    found = candidate.ceilings
    into = _least(found, "work", "network_in", "ingress")
    out = _least(found, "network_out", "egress")
    disk = _least(found, "disk_write", "work", "ingress")
    cores = found.get("cpu")
    allowed = _ceiling(Ceiling(cores.value * cores.most, cores.origin, cores.source, 1.0)) if cores else None
    assumed = facts.Ceiling(1.0, 1.0, 1.0, False, "the vendor's affair")
    partition = _ceiling(candidate.partition_in) if candidate.partition_in else None
    return Ceilings(into, out, disk, allowed or assumed, partition)


def _least(found: Mapping[str, Ceiling], *names: str) -> facts.Ceiling:
    """Return the lowest of some ceilings; what a core of Google's is said to take where there is none."""
    there = [found[name] for name in names if name in found]
    if not there:
        assumed = "Google, plan-cluster-size: 20 MB/s of write equivalents a vCPU"
        return facts.Ceiling(cpu.WRITE, cpu.WRITE, cpu.WRITE, False, assumed)
    return _ceiling(min(there, key=lambda one: one.value.mid))


def _ceiling(one: Ceiling) -> facts.Ceiling:
    return facts.Ceiling(one.value.low, one.value.mid, one.value.high, one.origin == "measured", one.source)
