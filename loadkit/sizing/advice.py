"""What follows from a plan for those who run it: hot keys, quotas, scaling, alerts, and how to apply it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loadkit.sizing.model import partitions
from loadkit.sizing.plan import Plan, repair
from loadkit.sizing.search import Fit
from loadkit.sizing.shapes import TEXT
from loadkit.sizing.split import Split
from loadkit.units import format_byte_rate, format_duration, format_rate

SCALING: Mapping[str, str] = {
    "self-managed": "There is none: add brokers in steps of the zones, then move partitions (Cruise Control "
    "add_broker).",
    "strimzi": "Raise the KafkaNodePool's replicas in steps of the zones; Cruise Control moves partitions "
    "(KafkaRebalance, add-brokers).",
    "redpanda": "Continuous data balancing moves partitions by itself once a broker was added.",
    "msk-standard": "Storage grows by its own policy where that is switched on; brokers are added by hand, and "
    "partitions moved with kafka-reassign-partitions or Cruise Control. Storage never shrinks.",
    "msk-express": "Storage grows by itself. Brokers are added or changed in size by hand; intelligent rebalancing "
    "moves partitions.",
    "msk-serverless": "It scales by itself within its quotas, and not beyond.",
    "confluent-cloud": "eCKUs scale by themselves up to the maximum that is set; CKUs are changed by hand or by API.",
    "event-hubs": "Standard: auto-inflate raises throughput units up to a maximum and never lowers them. Premium and "
    "dedicated units are changed by hand or by API.",
    "google-managed-kafka": "vCPUs and memory are changed by hand or by API; brokers are added as vCPUs grow.",
}  # fmt: skip
QUOTA = 1.2
"""Of a topic's peak that its clients are allowed: more is a mistake, and hurts others."""


@dataclass(frozen=True, slots=True)
class Hot:
    """A topic whose hottest key is worth a sentence, and the choices there are."""

    topic: str
    text: str
    choices: tuple[str, ...] = ()


CHOICES = (
    "split the key (order:1 .. order:n): the load spreads, and the order of that key is lost",
    "give the hottest keys a topic of their own: order is kept, and the load of one key stays what it is",
    "send less: batch, drop or aggregate before sending",
)


def hot(plan: Plan) -> tuple[Hot, ...]:
    """Return what the hottest keys do, of every topic that has keys."""
    splits = plan.fit.splits if plan.fit else ()
    by_name = {one.flow.topic.name: one for one in splits}
    return tuple(_hot(plan, at, by_name) for at, flow in enumerate(plan.flows) if flow.share > 0)


def _hot(plan: Plan, at: int, by_name: Mapping[str, Split]) -> Hot:
    flow = plan.flows[at]
    name = flow.topic.name
    one = by_name.get(name)
    if one is None:
        bad = [problem.text for problem in plan.problems if problem.path.startswith(f"topics[{at}]")]
        return Hot(name, bad[0] if bad else f"its hottest key has {flow.share:.1%} of the messages", CHOICES)
    candidate = plan.fit.setup.candidate if plan.fit else None
    ceiling = candidate.partition_in if candidate else None
    load = one.flow.peak * one.flow.record * one.share
    told = f"its hottest of {one.partitions} partitions has {one.share:.1%} of the messages, {format_byte_rate(load)}"
    if ceiling is None:
        return Hot(name, told)
    full = load / ceiling.value.mid
    said = f"{told}, {full:.0%} of what a partition takes ({ceiling.origin})"
    return Hot(name, said, CHOICES if full > partitions.FULL / 2 else ())


def moves(fit: Fit) -> Iterator[str]:
    """Yield what must be done with topics that have too few partitions."""
    for one in fit.splits:
        there, topic = one.flow.topic.partitions, one.flow.topic
        if there is None or there >= one.partitions:
            continue
        if topic.keyed:
            yield (
                f"{topic.name} has {there} partitions and needs {one.partitions}. Never add them in place: keys would "
                f"move to other partitions and lose their order. Make {topic.name}-v2 with {one.partitions}, let "
                f"producers switch, let consumers read {topic.name} to its end, then {topic.name}-v2."
            )
        else:
            wanted = f"{topic.name} has {there} partitions and needs {one.partitions}"
            yield f"{wanted}; it has no keys, so they can be added."


@dataclass(frozen=True, slots=True)
class Quota:
    """What a topic's clients should be allowed, bytes a second of the cluster."""

    topic: str
    produce: float
    consume: float


def quotas(plan: Plan) -> tuple[Quota, ...]:
    """Return quotas: a fifth above the horizon's peak, and reading as fast as catching up takes."""
    end = plan.needs.growth.horizon_months
    found = []
    for flow in plan.flows:
        later = flow.grown(end)
        write = later.peak * later.record
        back = (later.peak + later.average * later.outage / later.catch_up) * later.record + later.replay
        found.append(Quota(flow.topic.name, QUOTA * write, QUOTA * back))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Alert:
    """A signal, where it warns, where it wakes somebody, and why there."""

    signal: str
    warn: str
    page: str
    why: str


def alerts(plan: Plan) -> tuple[Alert, ...]:
    """Return the thresholds that follow from the plan's own ceilings, outage and retention."""
    if plan.fit is None:
        return ()
    return (*_of_uses(plan.fit), *_of_lag(plan), *_of_health(plan))


def _of_uses(fit: Fit) -> Iterator[Alert]:
    horizon = {use.resource: use for use in fit.uses if use.state.key == "horizon"}
    worst = {use.resource: max((u for u in fit.uses if u.resource == use.resource and u.state.binds),
                               key=lambda u: u.fullness) for use in horizon.values()}  # fmt: skip
    for resource in ("network_in", "network_out", "ingress", "egress", "storage", "cpu", "replicas"):
        if resource not in horizon or not horizon[resource].demand.mid:
            continue
        use, limit = horizon[resource], worst[resource]
        # what may be used with all brokers such that the worst state still keeps to its share
        safe = limit.most * use.demand.mid / max(limit.demand.mid, 1e-12) * limit.ceiling.value.mid
        share = min(safe / use.ceiling.value.mid, limit.most)
        yield Alert(f"{TEXT[resource]} of a broker", f"above {0.9 * share:.0%}", f"above {share:.0%}",
                    f"beyond it {limit.state.text} leaves more than {limit.most:.0%} in use")  # fmt: skip


def _of_lag(plan: Plan) -> Iterator[Alert]:
    for flow in plan.flows:
        if flow.readers:
            half = min(flow.topic.retention, flow.kept) / 2
            yield Alert(
                f"lag of groups on {flow.topic.name}, as time", f"above {format_duration(min(flow.catch_up, half))}",
                f"above {format_duration(min(flow.outage + flow.catch_up, half))}",
                f"kept {format_duration(flow.kept)}; half of that unread is the way to losing data",
            )  # fmt: skip


def _of_health(plan: Plan) -> Iterator[Alert]:
    least = plan.needs.platform.min_insync_replicas
    yield Alert("partitions below min.insync.replicas, offline partitions", "-", "above 0",
                f"producers with acks=all are refused with fewer than {least} copies in sync")  # fmt: skip
    yield Alert("under-replicated partitions", "above 0 for 5 min, no restart under way", "above 0 for 30 min",
                "a copy is behind: the next loss may stop writes")  # fmt: skip


def runbook(plan: Plan) -> tuple[str, ...]:
    """Return how to apply the plan, in order, with the way back of each step."""
    return tuple(_steps(plan)) if plan.fit else ()


def _steps(plan: Plan) -> Iterator[str]:
    fit = plan.fit
    assert fit is not None
    candidate, n = fit.setup.candidate, fit.n
    yield (
        "Read this page with those who own the topics; sign it off below. Check config files: "
        "`loadkit check configs/`. Way back: nothing was changed."
    )
    yield (
        f"Bring the cluster to {n} {candidate.unit}s of {candidate.name} in {plan.needs.platform.zones} zones, one "
        "zone after the other; wait for no under-replicated partitions after each. Way back: move partitions off again."
    )
    for text in moves(fit):
        yield f"{text} Way back: producers to the old topic, as long as consumers still read it."
    yield (
        "Make or change topics by configs/ (retention last: a shorter one deletes data at once). Way back: the "
        "properties as they were, which `kafka-configs --describe` printed before."
    )
    yield (
        "Roll out consumers first, then producers, one service at a time, with the client settings of configs/. Watch "
        "lag and latency for a day of peak load. Way back: the settings as they were."
    )
    yield "Load the alert rules, and see each fire once on a test topic. Way back: the rules as they were."
    mended = repair(fit)
    if mended:
        yield (
            f"Rehearse a rolling restart at a quiet hour: about {format_duration(mended.rolling)} for all. "
            "Stop when a partition is below min.insync.replicas. Way back: start the broker that is down."
        )
    if plan.next:
        first = plan.next[0].command
        yield f"Measure what is assumed, the most telling first: `{first}`, then plan again with --against."


@dataclass(frozen=True, slots=True)
class Risk:
    """What could make the plan wrong, by how much it matters."""

    text: str
    weight: float
    mend: str


def risks(plan: Plan) -> tuple[Risk, ...]:
    """Return risks and assumptions, those first that matter most."""
    return tuple(sorted(_risks(plan), key=lambda one: -one.weight))


def _risks(plan: Plan) -> Iterator[Risk]:
    width = {swing.key: swing.width for swing in plan.tornado}
    if plan.demo:
        yield Risk(f"The ceilings are {plan.demo}: the whole plan shows the method, not your cluster.", 9.0,
                   "measure the real cluster: loadkit max ... --target target.toml")  # fmt: skip
    for one in plan.assumptions:
        key = {"model.cpu": "cpu_cost", "model.partition": "partition"}.get(one.path, one.path.rpartition(".")[2])
        yield Risk(f"{one.text} ({one.origin}: {one.source})", width.get(key, 0.0), f"state or measure {one.path}")
    if plan.measured:
        for note in plan.measured.notes:
            yield Risk(note, 0.5, plan.next[0].command if plan.next else "")
        for text in plan.measured.unknown:
            yield Risk(f"no trial tells whether {text} holds", 0.6, "measure with a consumer, or for longer")
    if plan.fit:
        yield from _of_cluster(plan.fit, width)


def _of_cluster(fit: Fit, width: Mapping[str, float]) -> Iterator[Risk]:
    for use in {use.resource: use for use in fit.uses}.values():
        for other in use.ceiling.conflicts:
            told = f"{TEXT[use.resource]}: sources differ, {use.ceiling.value.mid:g} ({use.ceiling.source}) is planned"
            yield Risk(f"{told}, and {other.source} says {other.value:g}", width.get(use.resource, 0.1), "confirm it")
    mended = repair(fit)
    if mended and mended.rebuild > 86400:
        filled = format_duration(mended.rebuild)
        yield Risk(f"a lost broker takes {filled} to fill again: another loss meanwhile may stop writes", 0.7,
                   "smaller disks on more brokers, or tiered storage")  # fmt: skip
    if fit.setup.needs.copies:
        yield Risk("a disaster recovery copy is behind by what was not mirrored yet: a failover loses it",
                   0.4, "state how much may be lost, and watch the mirror's lag")  # fmt: skip


def traffic(plan: Plan) -> list[tuple[str, str]]:
    """Return the cluster's traffic at today's peak in words."""
    write = sum(f.count * f.peak * f.record for f in plan.flows)
    read = sum(f.count * (f.peak * f.record * f.tails + f.replay) for f in plan.flows)
    messages = sum(f.count * f.peak for f in plan.flows)
    return [("written", f"{format_byte_rate(write)}, {format_rate(messages)}"), ("read", format_byte_rate(read))]
