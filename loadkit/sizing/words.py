"""The plan in sentences: the one home of them, for the page, for Markdown and for the terminal."""

from __future__ import annotations

from loadkit.sizing.demand import Use
from loadkit.sizing.interval import Interval
from loadkit.sizing.plan import Plan
from loadkit.sizing.search import Fit
from loadkit.sizing.shapes import TEXT, Ceiling
from loadkit.units import format_byte_rate, format_size

BANNER = {
    "simulated": "simulated: shows the method, not your cluster",
    "co-located": "co-located: shows the method, not your cluster",
}
_BYTES_A_SECOND = ("network_in", "network_out", "disk_write", "disk_read", "work", "ingress", "egress",
                   "ingress_steady", "egress_steady")  # fmt: skip


def banner(plan: Plan) -> str:
    """Return what qualifies every figure; empty where they are of the real cluster."""
    return BANNER.get(plan.demo, plan.demo)


def name(resource: str) -> str:
    """Return what a resource is called."""
    return TEXT[resource]


def amount(resource: str, value: float) -> str:
    """Return an amount of a resource with its unit."""
    if resource in _BYTES_A_SECOND:
        return format_byte_rate(value)
    if resource in ("storage", "memory"):
        return format_size(value)
    if resource == "cpu":
        return f"{value:.3g} cores"
    return f"{value:,.0f} /s" if resource in ("messages", "events") else f"{value:,.0f}"


def shown(ceiling: Ceiling, resource: str) -> str:
    """Return a ceiling with its ends."""
    value = ceiling.value
    mid = amount(resource, value.mid)
    ends = f" ({amount(resource, value.low)} to {amount(resource, value.high)})"
    return mid + ends if value.high > value.low else mid


def shown_interval(resource: str, value: Interval | None) -> str:
    """Return an interval of a resource's amounts; that it was not reached where there is none."""
    if value is None:
        return "not reached"
    return f"{amount(resource, value.mid)} ({amount(resource, value.low)} to {amount(resource, value.high)})"


def headline(plan: Plan) -> str:
    """Return the answer in one sentence."""
    if plan.fit is None:
        first = plan.problems[0]
        return f"Not feasible: {first.text} ({first.path})."
    fit, needs = plan.fit, plan.needs
    what = cluster(fit)
    where = f" in {needs.platform.zones} zones" if not fit.setup.candidate.managed and needs.platform.zones > 1 else ""
    return f"{what}{where} carry {needs.name} for {needs.growth.horizon_months} months, {survives(plan)}."


def cluster(fit: Fit) -> str:
    """Return the cluster in words."""
    candidate = fit.setup.candidate
    plural = "" if fit.n == 1 else "s"
    return f"{fit.n} {candidate.unit}{plural} of {candidate.name}"


def survives(plan: Plan) -> str:
    """Return what the plan survives at its peak."""
    fit = plan.fit
    if fit is None or fit.setup.candidate.managed:
        return "failures being the vendor's affair"
    keys = {use.state.key for use in fit.uses if use.state.binds}
    if "zone" in keys:
        return "also with a zone lost at the peak"
    return "also with a broker lost at the peak" if "broker" in keys else "without surviving a loss at the peak"


def paragraph(plan: Plan) -> str:
    """Return the recommendation as one paragraph, with its confidence."""
    return " ".join([headline(plan), *sentences(plan)])


def sentences(plan: Plan) -> list[str]:
    """Return what a reader needs next."""
    said = []
    fit = plan.fit
    if fit is not None:
        said.append(f"{_first(full(fit.binding))}, and binds; {_runner(fit)}")
        partitions = sum(one.flow.count * one.partitions for one in fit.splits)
        topics = sum(flow.count for flow in plan.flows)
        kinds, copies = f"{topics} topic{'s' if topics > 1 else ''}", plan.needs.platform.replication_factor
        said.append(f"{kinds} with {partitions:,} partitions in all, {copies} copies of each.")
        said.append(lasting(plan))
        said.append(costs(plan))
    said.append(f"Confidence: {plan.confidence.level}, because {'; '.join(plan.confidence.because)}.")
    return [text for text in said if text]


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]


def full(use: Use) -> str:
    """Return how full a resource is in its state."""
    have = amount(use.resource, use.ceiling.value.mid)
    used = f"{name(use.resource)} is at {use.share.mid:.0%} of {have}"
    return f"{used} with {use.state.text}, where {use.most:.0%} is planned"


def _runner(fit: Fit) -> str:
    second = fit.runner_up
    if second is None:
        return "nothing else is known to."
    return f"next comes {name(second.resource)} at {second.share.mid:.0%} of the {second.most:.0%} planned."


def lasting(plan: Plan) -> str:
    """Return how long it lasts."""
    first = plan.first
    if plan.fit is None:
        return ""
    if first is None:
        return "Nothing runs out within ten years."
    return f"{_first(name(first.resource))} runs out first, in {first.months:.0f} months."


def costs(plan: Plan) -> str:
    """Return what it costs."""
    if plan.bill is None:
        return "The cost is not known: no prices are stated."
    if plan.bill.total is None:
        known, missing = plan.bill.known, ", ".join(plan.bill.missing)
        return f"The cost is not known: {missing} missing; the rest is {known:,.0f} {plan.bill.currency} a month."
    return f"It costs {plan.bill.total:,.0f} {plan.bill.currency} a month by prices of {plan.bill.date}."


def age(plan: Plan) -> str:
    """Return how old the measurements are."""
    days = plan.age()
    if days is None:
        return "nothing was measured"
    newest, oldest = days
    return f"{plan.measured.trials if plan.measured else 0} trials, {newest} to {oldest} days old"
