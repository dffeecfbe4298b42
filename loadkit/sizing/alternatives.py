"""The clusters that were looked at beside the recommended one, each with the reason why it was not taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from loadkit.errors import nearest
from loadkit.sizing import cost, search
from loadkit.sizing.demand import Setup, survives_zone
from loadkit.sizing.limits import plain_name
from loadkit.sizing.model.scaling import Law
from loadkit.sizing.requirements import Requirements, Topic
from loadkit.sizing.search import Fit, Found
from loadkit.sizing.shapes import TEXT


@dataclass(frozen=True, slots=True)
class Alternative:
    """One that was not taken."""

    text: str
    shape: str
    count: int | None
    meets: bool
    """Whether it meets every requirement as stated."""
    reason: str
    binding: str
    month: float | None = None
    """What it costs."""


def best(found: Sequence[Found]) -> Fit | None:
    """Return the fit to recommend: the cheapest where all prices are known, else the fewest cores, else brokers."""
    fits = [one.fit for one in found if one.fit]
    priced = [bill.total if (bill := cost.bill(fit)) else None for fit in fits]
    if not fits:
        return None
    if all(price is not None for price in priced):
        return min(zip(fits, priced, strict=True), key=lambda pair: (pair[1] or 0.0, pair[0].n))[0]
    return min(fits, key=lambda fit: (_size(fit), fit.n))


def measure_of_choice(found: Sequence[Found]) -> str:
    """Return by what the choice was made, in words."""
    bills = [cost.bill(one.fit) for one in found if one.fit]
    if bills and all(bill and bill.total is not None for bill in bills):
        return "the lowest cost a month by the stated prices"
    if all(one.setup.candidate.cores for one in found if one.fit):
        return "the fewest cores in all, since not all prices are stated"
    return "the fewest units by what they carry, since not all prices are stated"


def _size(fit: Fit) -> float:
    candidate = fit.setup.candidate
    if candidate.cores:
        return fit.n * candidate.cores
    quota = candidate.ceilings.get("ingress")
    return fit.n * (quota.value.mid / 1e6 if quota else 1.0)


def beside(chosen: Fit, found: Sequence[Found], law: Law | None) -> tuple[Alternative, ...]:
    """Return what else was looked at, and why it was not taken."""
    return tuple(_beside(chosen, found, law))


def _beside(chosen: Fit, found: Sequence[Found], law: Law | None) -> Iterator[Alternative]:
    for one in found:
        if one.setup.candidate.name != chosen.setup.candidate.name:
            yield _shape(one, chosen, found)
    first, step, _, _ = search.bounds(chosen.setup)
    unit = _units(chosen)
    if chosen.n - step >= first:
        less = search.fit(chosen.setup, chosen.n - step, law)
        yield _of(f"{less.n} {unit} in place of {chosen.n}", less, why_not(less))
    else:
        why = _fewest(chosen.setup, first)
        text = f"fewer {unit} than {chosen.n}"
        yield Alternative(text, chosen.setup.candidate.name, None, False, why, "replication")
    more = search.fit(chosen.setup, chosen.n + step, law)
    yield _of(f"{more.n} {unit} in place of {chosen.n}", more, f"meets all as well, with more to pay: {why_not(more)}")
    yield from _relaxed(chosen, law)
    yield _doubled(chosen, law)
    if there := chosen.setup.needs.existing:
        yield _kept(chosen, found, there.shape, there.brokers, law)


def _fewest(setup: Setup, first: int) -> str:
    if setup.candidate.managed:
        return f"{first} are the fewest that are sold"
    platform = setup.needs.platform
    return f"{platform.replication_factor} copies in {platform.zones} zones alike take at least {first}"


def _units(fit: Fit) -> str:
    return f"{fit.setup.candidate.unit}s of {fit.setup.candidate.name}"


def _shape(one: Found, chosen: Fit, found: Sequence[Found]) -> Alternative:
    name = one.setup.candidate.name
    if one.fit is None:
        return Alternative(f"{name}: no number of them", name, None, False, one.reason, one.binding)
    mine, other = cost.bill(chosen), cost.bill(one.fit)
    if mine and other and mine.total is not None and other.total is not None:
        reason = f"costs {other.total:,.0f} {other.currency} a month against {mine.total:,.0f}"
    else:
        unit = "cores" if one.setup.candidate.cores and chosen.setup.candidate.cores else "MB/s of quota"
        reason = f"{_size(one.fit):g} {unit} against {_size(chosen):g}: {measure_of_choice(found)} was taken"
        if _size(one.fit) == _size(chosen):
            reason = f"as many {unit} in all, on {one.fit.n} machines in place of {chosen.n}"
    return _of(f"{one.fit.n} {_units(one.fit)}", one.fit, reason)


def _of(text: str, fit: Fit, reason: str) -> Alternative:
    found = cost.bill(fit)
    return Alternative(text, fit.setup.candidate.name, fit.n, fit.fits, reason, TEXT[fit.binding.resource],
                       found.total if found else None)  # fmt: skip


def why_not(fit: Fit) -> str:
    """Return the fullest use of a cluster in words."""
    if fit.problems:
        return fit.problems[0].partition(": ")[2]
    use = fit.binding
    return f"{TEXT[use.resource]} is at {use.share.mid:.0%} of the {use.most:.0%} that is planned with {use.state.text}"


def relaxed(needs: Requirements) -> Iterator[tuple[str, str, Requirements]]:
    """Yield requirements of which one is given up, with what that is in words and by its path."""
    if survives_zone(needs):
        survive = needs.survive.model_copy(update={"zone": False})
        yield (
            "one broker lost is survived, a zone is not",
            "survive.zone",
            needs.model_copy(update={"survive": survive}),
        )
    if needs.growth.horizon_months:
        growth = needs.growth.model_copy(update={"horizon_months": 0})
        yield "for today only, to be grown later", "growth.horizon_months", needs.model_copy(update={"growth": growth})


def _relaxed(chosen: Fit, law: Law | None) -> Iterator[Alternative]:
    for text, path, needs in relaxed(chosen.setup.needs):
        setup = replace(chosen.setup, needs=needs)
        if chosen.setup.candidate.managed and path == "survive.zone":
            continue
        found = search.smallest(setup, law, near=chosen.n)
        if not found.fit:
            continue
        n = found.fit.n
        same = "needs as many: there is nothing to save" if n == chosen.n else f"gives up {path}, which is required"
        made = _of(f"{text}: {n} {_units(chosen)}", found.fit, same)
        yield replace(made, meets=False)


def _doubled(chosen: Fit, law: Law | None) -> Alternative:
    twice = replace(chosen.setup, flows=tuple(flow.scaled(2.0) for flow in chosen.setup.flows))
    found = search.smallest(twice, law, near=chosen.n)
    text = "for twice the load"
    if found.fit is None:
        return Alternative(text, chosen.setup.candidate.name, None, False, f"cannot be: {found.reason}", found.binding)
    why = "is not required" if found.fit.n > chosen.n else "the recommended cluster carries that too"
    return _of(f"{text}: {found.fit.n} {_units(chosen)}", found.fit, why)


def _kept(chosen: Fit, found: Sequence[Found], shape: str, n: int, law: Law | None) -> Alternative:
    setups = {one.setup.candidate.name: one.setup for one in found}
    setup = setups.get(plain_name(shape))
    text = f"the cluster there is: {n} {shape}"
    if setup is None:
        why = f"existing.shape {shape!r} is none of the shapes to choose from{nearest(shape, setups)}"
        return Alternative(text, shape, n, False, why, "unknown")
    first, step, _, _ = search.bounds(setup)
    if n < first:
        return Alternative(text, shape, n, False, _fewest(setup, first), "replication")
    fit = search.fit(setup, n, law)
    uneven = f"; {n} do not spread evenly over {step} zones" if n % step else ""
    if fit.n == chosen.n and setup is chosen.setup:
        return _of(text, fit, "is what is recommended: nothing to add")
    return _of(text, fit, ("carries it, " if fit.fits else "") + why_not(fit) + uneven)


def slower(fit: Fit, path: str, text: str) -> tuple[Alternative, ...]:
    """Return what there is to do where only an objective cannot be held."""
    without = _of(f"without that objective: {fit.n} {_units(fit)}", fit, f"gives up {path}")
    other = Alternative("other client settings", fit.setup.candidate.name, None, False,
                        f"loadkit sweep over linger.ms and batch.size may hold it: {text}", "latency")  # fmt: skip
    return replace(without, meets=False), other


def ways_out(setup: Setup, law: Law | None) -> tuple[Alternative, ...]:
    """Return what would be possible if one requirement were given up, where none is as they stand."""
    return tuple(_ways_out(setup, law))


def _ways_out(setup: Setup, law: Law | None) -> Iterator[Alternative]:
    needs = setup.needs
    tried = [(text, replace(setup, needs=other), path) for text, path, other in relaxed(needs)]
    half = tuple(flow.scaled(0.5) for flow in setup.flows)
    tried.append(("half the load (on two clusters, say)", replace(setup, flows=half), "topics"))
    if any(flow.share for flow in setup.flows):
        plain = tuple(replace(flow, share=0.0) for flow in setup.flows)
        tried.append(
            ("the hottest keys salted, which gives up their order", replace(setup, flows=plain), "hottest_key")
        )
    else:
        shorter = needs.model_copy(update={"topics": tuple(_short(topic) for topic in needs.topics)})
        flows = tuple(replace(flow, topic=topic) for flow, topic in zip(setup.flows, shorter.topics, strict=True))
        tried.append(("half the retention", replace(setup, needs=shorter, flows=flows), "retention"))
    if needs.platform.max_brokers is not None:
        platform = needs.platform.model_copy(update={"max_brokers": None})
        more = replace(setup, needs=needs.model_copy(update={"platform": platform}))
        tried.append(("as many as it takes", more, "platform.max_brokers"))
    for text, other, path in tried:
        wrong = search.impossible(other)
        found = search.smallest(other, law)
        name = setup.candidate.name
        if wrong:
            yield Alternative(text, name, None, False, f"is not enough: {wrong[0][1]}", wrong[0][0])
        elif found.fit:
            reason = f"would do with {found.fit.n} {_units(found.fit)}, and gives up {path}"
            yield replace(_of(text, found.fit, reason), meets=False)
        else:
            yield Alternative(text, name, None, False, f"is not enough: {found.reason}", found.binding)


def _short(topic: Topic) -> Topic:
    return topic.model_copy(update={"retention": topic.retention / 2})
