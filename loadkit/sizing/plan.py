"""The plan: which cluster, how sure, what binds, how long it lasts, what else was looked at, what to measure next.

`make` is pure: requirements and measurements in, everything a report and config files need out. The date comes in as a
value, so that the same inputs always give the same plan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from loadkit.sizing import alternatives, cost, search, sensitivity, workload
from loadkit.sizing.alternatives import Alternative
from loadkit.sizing.ceilings import Measured
from loadkit.sizing.choices import Choice
from loadkit.sizing.demand import Setup, State, Use, states, uses
from loadkit.sizing.model import failure, growth, rebuild
from loadkit.sizing.model.scaling import Law
from loadkit.sizing.requirements import Requirements
from loadkit.sizing.search import Fit, Found
from loadkit.sizing.sensitivity import Swing
from loadkit.sizing.shapes import TEXT, candidates
from loadkit.sizing.workload import Assumption, Flow

RESTART = 300.0
"""Seconds that a broker is away in a rolling restart."""
OLD = 180
"""Days after which a measurement is called old."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What makes a plan impossible: the requirement and why."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Lasts:
    """How long a resource lasts; None: longer than ten years."""

    resource: str
    months: float | None


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the plan is, and why no surer."""

    level: str
    """high, medium, low, or demonstration."""
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Next:
    """A measurement that would narrow the plan, by how much it matters."""

    text: str
    command: str
    width: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it; `fit` is None where no cluster meets the requirements."""

    needs: Requirements
    made_on: date
    measured: Measured | None
    flows: tuple[Flow, ...]
    assumptions: tuple[Assumption, ...]
    found: tuple[Found, ...]
    fit: Fit | None
    problems: tuple[Problem, ...]
    confidence: Confidence
    alternatives: tuple[Alternative, ...]
    choices: tuple[Choice, ...] = ()
    lasts: tuple[Lasts, ...] = ()
    tornado: tuple[Swing, ...] = ()
    next: tuple[Next, ...] = ()
    bill: cost.Bill | None = None
    scenario: str = "scenario.py"
    """The Locust file that was measured, for commands."""

    @property
    def demo(self) -> str:
        """Why its figures are of no cluster that anybody would run; empty where they are."""
        return self.measured.demo if self.measured else ""

    @property
    def feasible(self) -> bool:
        """Whether there is a cluster that meets the requirements."""
        return self.fit is not None

    @property
    def first(self) -> Lasts | None:
        """The resource that runs out first."""
        ends = [one for one in self.lasts if one.months is not None]
        return min(ends, key=lambda one: one.months or 0.0, default=None)

    def age(self) -> tuple[int, int] | None:
        """Return the days since the newest and the oldest trial; None without measurements."""
        if not self.measured or not all(self.measured.started):
            return None
        newest, oldest = ((self.made_on - date.fromisoformat(at[:10])).days for at in reversed(self.measured.started))
        return newest, oldest


def make(
    needs: Requirements, measured: Measured | None, made_on: date, choices: Sequence[Choice] = (),
    scenario: str = "scenario.py",
) -> Plan:  # fmt: skip
    """Return the plan; UsageError where the requirements name something that there is not."""
    flows, assumed = workload.flows(needs, measured)
    consumer = measured.consumer_at_least if measured else 0.0
    setups = [Setup(needs, flows, candidate, consumer) for candidate in candidates(needs, measured)]
    law = measured.law if measured else None
    problems = list(dict.fromkeys(Problem(*one) for setup in setups for one in search.impossible(setup)))
    problems += _slo(needs, measured)
    found = [search.smallest(setup, law) for setup in setups]
    fit = None if problems else alternatives.best(found)
    if fit is None:
        first = found[0]
        if not problems:
            problems = list(dict.fromkeys(Problem(one.path, one.reason) for one in found))
        others = [
            Alternative(f"{one.setup.candidate.name}: {_of(one)}", one.setup.candidate.name, None, False,
                        one.reason or problems[0].text, one.binding or problems[0].path) for one in found
        ]  # fmt: skip
        out = _ways_out(first, problems, _slo(needs, measured), law)
        sure = Confidence("high" if measured and not measured.demo else "medium", ("a requirement rules it out",))
        if measured and measured.demo:
            sure = Confidence("demonstration", (_demo(measured),))
        return Plan(needs, made_on, measured, flows, assumed, tuple(found), None, tuple(problems), sure,
                    (*others, *out), tuple(choices), scenario=scenario)  # fmt: skip
    made = Plan(
        needs, made_on, measured, flows, (*assumed, *_assumed(fit, measured)), tuple(found), fit, (),
        _confidence(fit, measured, made_on), alternatives.beside(fit, found, law), tuple(choices),
        tuple(_lasting(fit)), sensitivity.tornado(fit, law), bill=cost.bill(fit), scenario=scenario,
    )  # fmt: skip
    return replace(made, next=tuple(_next(made)))


def _ways_out(
    first: Found, problems: Sequence[Problem], slow: Sequence[Problem], law: Law | None
) -> tuple[Alternative, ...]:
    """Return what would be possible; where only an objective is in the way, what helps against that."""
    if first.fit and list(problems) == list(slow):
        return alternatives.slower(first.fit, slow[0].path, slow[0].text)
    return alternatives.ways_out(first.setup, law)


def _of(one: Found) -> str:
    return "no number of them is enough" if one.fit is None else f"{one.fit.n} would carry the load"


def _slo(needs: Requirements, measured: Measured | None) -> list[Problem]:
    """Return the objective that no trial holds, by its place in the file."""
    if not measured or not measured.broken:
        return []
    for at, topic in enumerate(needs.topics):
        for place, text in enumerate(topic.slo):
            if measured.broken.startswith(text):
                return [Problem(f"topics[{at}].slo[{place}]", f"no trial holds it: {measured.broken}")]
    return [Problem("topics.slo", f"no trial holds it: {measured.broken}")]


def _demo(measured: Measured) -> str:
    return f"its ceilings are {measured.demo}: they show the method, not your cluster"


def _confidence(fit: Fit, measured: Measured | None, today: date) -> Confidence:
    """Return how sure a plan is: by what its binding ceiling rests on, and what was not measured."""
    binding = fit.binding.ceiling
    said = [f"{TEXT[fit.binding.resource]} binds, and its ceiling is {binding.origin} ({binding.source})"]
    if measured and measured.demo:
        return Confidence("demonstration", (_demo(measured), *said))
    here = bool(measured and fit.setup.candidate.measured)
    if not measured:
        said.append("nothing was measured")
    elif not here:
        said.append(f"the results are of {measured.shape}, not of {fit.setup.candidate.name}")
    elif measured.work is None:
        said.append("no trial reached the cluster's limit, so throughput rests on assumptions")
    if measured and measured.unknown:
        said.append(f"no trial tells anything of {', '.join(measured.unknown)}")
    old = bool(measured and measured.started[0] and (today - date.fromisoformat(measured.started[0][:10])).days > OLD)
    if old:
        said.append(f"the oldest trial is more than {OLD} days old")
    vague = any(one.value.high > 2 * one.value.low for one in fit.setup.candidate.ceilings.values())
    if here and measured and measured.work is not None and not (old or vague or measured.unknown):
        return Confidence("high", tuple(said))
    sure = here or (binding.origin in ("stated", "vendor") and fit.setup.candidate.cost.measured)
    return Confidence("medium" if sure else "low", tuple(said))


def _assumed(fit: Fit, measured: Measured | None) -> list[Assumption]:
    """Return what the model itself takes for given."""
    said = [Assumption("model.imbalance", "the fullest broker has 10 % more than the mean",
                       "leader.imbalance.per.broker.percentage of Kafka")]  # fmt: skip
    cpu = fit.setup.candidate.cost
    if "cpu" in fit.setup.candidate.ceilings and not cpu.measured:
        said.append(
            Assumption("model.cpu", "a core takes 20 MB/s of write equivalents, half or twice as much", cpu.source)
        )
    partition = fit.setup.candidate.partition_in
    if partition and partition.origin == "assumed":
        said.append(Assumption("model.partition", f"a partition takes {partition.value.mid / 1e6:.3g} MB/s",
                               partition.source))  # fmt: skip
    if not measured or measured.consumer_at_least < 50_000:
        said.append(Assumption("model.consumer", "a consumer without work of its own takes 50,000 msg/s",
                               "judgement: far above what process_time leaves"))  # fmt: skip
    if measured and measured.law is None and fit.n > 2 * measured.brokers and fit.setup.candidate.measured:
        text = f"{fit.n} brokers carry {fit.n} times what one does, and {measured.brokers} at most were measured"
        said.append(Assumption("model.scaling", text, "nothing: measure a larger cluster"))
    return said


def _lasting(fit: Fit) -> list[Lasts]:
    """Return how many months each resource lasts with the partitions and brokers of the plan, the shortest first."""
    looked = [state for state in states(fit.setup.needs, fit.setup.candidate.managed) if state.binds]
    found = [Lasts(resource, _months(fit, looked, resource)) for resource in _bound(fit)]
    return sorted(found, key=lambda one: math.inf if one.months is None else one.months)


def _bound(fit: Fit) -> list[str]:
    return list(dict.fromkeys(use.resource for use in fit.uses if use.state.binds))


def _months(fit: Fit, looked: Sequence[State], resource: str) -> float | None:
    def fits(month: float) -> bool:
        found = (use for state in looked for use in uses(fit.setup, fit.n, fit.splits, replace(state, month=month)))
        return all(use.fullness <= 1 + 1e-9 for use in found if use.resource == resource)

    return growth.months_until(fits)


def _next(plan: Plan) -> list[Next]:
    """Return the measurements that would narrow the plan most, each with the command, once."""
    found = []
    if not plan.measured or plan.measured.work is None or plan.demo:
        said = "what this shape carries within the objectives, which nothing has measured yet"
        found.append(Next(said, _max(plan), 1.0))
    for swing in plan.tornado:
        if swing.measurable and swing.width > 0:
            text, command = _command(plan, swing.key)
            found.append(Next(text or f"{swing.text} of this shape", command, swing.width))
    return list({one.command: one for one in reversed(found)}.values())[::-1]


def _max(plan: Plan, more: str = "") -> str:
    slo = " ".join(f"--slo '{text}'" for text in workload.objectives(plan.needs)) or "--slo 'latency.p99 < 100ms'"
    return f"loadkit max {plan.scenario} --target target.toml {more}{slo}"


def _command(plan: Plan, key: str) -> tuple[str, str]:
    """Return what to measure and how, for an input."""
    run = f"loadkit run {plan.scenario} --target target.toml"
    match key:
        case "compression":
            return "the compression of your own payload", f"{run}   # with payloads.replay(file=...) of real messages"
        case "hottest_key":
            return "the true distribution of keys", f"{run}   # with keys.file(...) of real keys"
        case "partition":
            return "what one partition takes", _max(plan, f"--set {plan.needs.topics[0].name}.partitions=1 ")
        case "cpu_cost":
            return "CPU a byte, from [metrics] jmx_exporter of the target file", _max(plan)
    return "", _max(plan)


@dataclass(frozen=True, slots=True)
class Repair:
    """How long it takes to mend things, in seconds."""

    rebuild: float
    """To fill a broker that was lost with its replicas, at the rate left over at the horizon's peak."""
    restart: float
    """Until a restarted broker has caught up."""
    rolling: float
    """All brokers, one after the other."""


def repair(fit: Fit) -> Repair | None:
    """Return how long mending takes; None where it is the vendor's affair."""
    if fit.setup.candidate.managed:
        return None
    by = {use.resource: use for use in fit.uses if use.state.key == "broker"}
    into, written = by.get("network_in"), by.get("disk_write")
    spare = [use.ceiling.value.mid * use.most - use.demand.mid for use in (into, written) if use]
    held = by["storage"].demand.mid if "storage" in by else 0.0
    usual = {use.resource: use for use in fit.uses if use.state.key == "horizon"}
    write = usual["disk_write"].demand.mid if "disk_write" in usual else 0.0
    pace = max(min(spare, default=0.0), 0.0)
    caught = failure.restart_catch_up(write, RESTART, pace) if write else 0.0
    return Repair(rebuild.seconds(held, pace, pace), caught, fit.n * (RESTART + caught))


def headroom(fit: Fit) -> list[tuple[State, Use]]:
    """Return the fullest use of each state."""
    return [(use.state, use) for use in search.by_state(fit).values()]
