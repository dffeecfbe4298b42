"""The answer of a search in plain words: the one home of its sentences, for the page and for the terminal.

A rate at which the load generator gave out is never called the cluster's: it is a lower bound.
"""

from __future__ import annotations

from loadkit.report.sweep import words
from loadkit.report.sweep.maximum.view import View
from loadkit.report.sweep.view import show
from loadkit.units import format_rate

_BOUNDS = {"cluster": "the cluster", "generator": "the load generator", "none": "nothing that was reached",
           "unknown": "not known"}  # fmt: skip


def headline(view: View) -> str:
    """Return the answer in one sentence."""
    low, high = view.interval
    if view.facts.get("status") == "running":
        return f"Still searching: {_bracket(low, high)} after {words.counted(len(view.probes), 'trial')}."
    if view.rate is None:
        return _without(view, low, high)
    held = f"{words.counted(len(view.holds), 'hold')} at that rate passed"
    slo = "the SLO holds" if view.slo else "the load is sustained"
    if limited(view):
        return (
            f"At least {format_rate(view.rate)}: there {slo} ({held}), and above it the load generator gave out first, "
            "so this is not the cluster's capacity."
        )
    if high is None:
        return f"At least {format_rate(view.rate)}: there {slo} ({held}), and no higher rate could be tried."
    return f"Up to {format_rate(view.rate)} {slo}: {held}, and {format_rate(high)} is too much."


def _without(view: View, low: float | None, high: float | None) -> str:
    if view.facts.get("status") in ("interrupted", "failed"):
        return f"{str(view.facts['status']).capitalize()} before there was an answer: {_bracket(low, high)}."
    if low is None:
        tried = min((probe.rate for probe in view.probes), default=None)
        lowest = f"; the lowest tried was {format_rate(tried)}" if tried else ""
        return f"No rate was found at which the SLO holds{lowest}."
    return f"No rate can be named: trials near the edge did not agree. {words.capital(_bracket(low, high))}."


def _bracket(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "no rate is known to pass or to fail"
    if low is None:
        return f"no rate has passed, and {format_rate(high)} failed"
    if high is None:
        return f"{format_rate(low)} passed, and no rate above it has failed"
    return f"the edge lies between {format_rate(low)} and {format_rate(high)}"


def limited(view: View) -> bool:
    """Return whether the load generator gave out before the target did."""
    return bool(view.answer.get("bound") == "generator")


def sentences(view: View) -> list[str]:
    """Return what a reader needs next: what failed beyond, what bound it, the knee, and holes below the answer."""
    said = [_failing(view), _bound(view), _over(view), _knee(view), _regions(view)]
    return [text for text in said if text]


def _failing(view: View) -> str:
    failing = view.answer.get("failing") or {}
    slo, evidence = failing.get("slo"), failing.get("evidence")
    if not slo and not evidence:
        return ""
    shown = ", ".join(evidence) if isinstance(evidence, list) else evidence
    return (
        f"What failed first beyond it: {slo}{f' ({shown})' if shown and shown != slo else ''}." if slo else f"{shown}."
    )


def _bound(view: View) -> str:
    bound = view.answer.get("bound")
    text = f"What bound it: {_BOUNDS.get(bound, bound)}." if bound and bound != "none" else ""
    needs = view.answer.get("needs") or view.answer.get("workers_needed")
    more = (
        f" {words.counted(int(needs), 'more worker')} would be needed, by the measured CPU a message." if needs else ""
    )
    return f"{text}{more}".strip()


def _over(view: View) -> str:
    failed = next((probe for probe in view.over if probe.verdict == "fail"), None)
    if not failed or view.rate is None:
        return ""
    why = f": {failed.reasons[0]}" if failed.reasons else ""
    return f"The counter-check, {failed.rate / view.rate - 1:.0%} above it, failed as it must{why}.".replace("%", " %")


def _knee(view: View) -> str:
    found = view.knee()
    if not found:
        return ""
    low, high = (format_rate(rate) for rate in found.between)
    latency = show(view.latency, found.latency)
    return (
        f"{words.capital(words.metric(view.latency))} bends at about {format_rate(found.rate)} (between {low} and "
        f"{high}), where it is {latency}: beyond it, latency grows faster than the rate."
    )


def _regions(view: View) -> str:
    if len(view.regions) < 2:
        return ""
    spans = [f"{format_rate(low)} to {format_rate(high)}" for low, high in view.regions]
    return f"It is not one stretch of rates that passes: {words.listed(spans)} do, and rates between them do not."


def labels(view: View) -> list[str]:
    """Return what qualifies every figure."""
    target = view.facts.get("target") or {}
    target = target if isinstance(target, dict) else {}
    said = []
    if target.get("kind") == "simulated":
        said.append("simulated: no real cluster was measured")
    elif target.get("co_located"):
        said.append("co-located: shows the method, not your cluster")
    if target.get("co_located") and target.get("cores") == "shared":
        said.append("generator and brokers shared the same cores")
    if limited(view):
        said.append("generator-limited: not the cluster's capacity")
    return said


def tone(view: View) -> str:
    """Return how the verdict is coloured: good only for a confirmed rate that the generator did not bound."""
    if view.facts.get("status") == "failed" or (view.facts.get("status") == "complete" and not view.probes):
        return "bad"
    found = view.rate is not None and view.facts.get("status") == "complete"
    return "good" if found and not limited(view) and view.interval[1] is not None else "warn"


def title(view: View) -> str:
    """Return what was searched."""
    name = (view.facts.get("scenario") or {}).get("name") or view.out.name
    return f"Highest rate of {name}"
