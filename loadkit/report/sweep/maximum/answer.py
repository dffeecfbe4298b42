"""The answer of a search in words, for the page and for the terminal.

The answer itself is the sentence that the search left in its file; what is added here is what its trials show
beside it. A rate at which the load generator gave out is never called the cluster's: it is a lower bound.
"""

from __future__ import annotations

from loadkit.report.answer import labels_of
from loadkit.report.sweep import words
from loadkit.report.sweep.maximum.view import View
from loadkit.report.sweep.view import show
from loadkit.units import format_rate


def headline(view: View) -> str:
    """Return the answer in a sentence or two; before there is one, what the trials so far say."""
    said = str(view.answer.get("text") or "")
    if said:
        return words.sentence(said)
    status = {"running": "Still searching"}.get(str(view.facts["status"]), str(view.facts["status"]).capitalize())
    return f"{status}: {_bracket(*view.interval)} after {words.counted(len(view.probes), 'trial')}."


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
    """Return what a reader needs next: where the limit lies, the knee, and holes below the answer."""
    return [text for text in (_bound(view), _knee(view), _regions(view), words.sentence(view.unsafe)) if text]


def _bound(view: View) -> str:
    bound, stage = view.answer.get("bound"), view.answer.get("stage")
    if bound == "cluster":
        return f"What bound it: the cluster{f', at its {stage}' if stage else ''}."
    if bound == "unknown" and stage == "consumers":
        return "What bound it: the scenario's consumers fell behind; whether the cluster serves more is not known."
    return {
        "generator": "What bound it: the load generator, so this is not the cluster's capacity.",
        "unknown": "What bound it is not known.",
    }.get(bound or "", "")


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
    limited_by = ["generator-limited: not the cluster's capacity"] if limited(view) else []
    unsafe = ["unsafe settings: not to be recommended"] if view.unsafe else []
    return [*labels_of(view.facts.get("target") or {}), *limited_by, *unsafe]


def tone(view: View) -> str:
    """Return how the verdict is coloured: good only for a confirmed rate that the generator did not bound."""
    if view.facts["status"] == "failed" or view.answer.get("outcome") == "none":
        return "bad"
    found = view.rate is not None and view.facts["status"] == "complete"
    return "good" if found and not limited(view) and not view.unsafe and view.interval[1] is not None else "warn"


def title(view: View) -> str:
    """Return what was searched."""
    name = (view.facts.get("scenario") or {}).get("name") or view.out.name
    return f"Highest rate of {name}"
