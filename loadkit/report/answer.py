"""The answer of a trial in plain words: the one home of its sentences, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from loadkit.analysis import blame
from loadkit.analysis.recovery import told
from loadkit.intervals import TOO_SHORT
from loadkit.report.view import View
from loadkit.units import format_count, format_duration, format_rate

LIMITS = {
    "none": "Limit: none reached",
    "cluster": "Limit: the cluster",
    "generator": "Limit: the load generator",
    "unknown": "Limit: unknown",
}
_COUNTED = (("lost", "lost"), ("duplicated", "duplicated"), ("reordered", "reordered"))
FEW = 0.5
"""Share of the messages due in a second below which its acknowledgements count as stalled."""


def status(view: View) -> str:
    """Return what is to be said first of a run that is not complete; an empty text when it is."""
    word = view.facts.get("status")
    if word == "complete":
        return ""
    start, end = view.result.measured
    ran = f"{format_duration(max(view.span[1], 0.0))} ({format_duration(end - start)} of them measured)"
    if word == "failed":
        return f"Failed after {ran}, partial: {view.facts.get('error') or 'the run left no reason'}"
    return f"Interrupted after {ran}, partial: the numbers hold for the part that was measured."


def headline(view: View) -> str:
    """Return one sentence: which load was offered, how much of it was met, and whose limit it was."""
    metrics = view.summary.metrics
    start, end = view.result.measured
    if end <= start:
        return "Nothing was measured: the run ended before its measured phase began."
    if metrics.get("offered") is None:
        return _of_consumers(view, format_duration(end - start))
    share = f"{format_rate(metrics['throughput'])} of {format_rate(metrics['offered'])}"
    met = f"{share} offered for {format_duration(end - start)}"
    return {
        "none": f"The load was met: {met} were acknowledged.",
        "cluster": f"The cluster was the limit: it acknowledged {met}.",
        "generator": "The load generator was the limit, so this says nothing of the cluster's capacity: "
        f"{met} were acknowledged.",
    }.get(view.summary.limit, f"It is not clear what limited this run: {met} were acknowledged.")


def _of_consumers(view: View, lasted: str) -> str:
    got = format_rate(view.summary.metrics.get("consumed"))
    return {
        "none": f"The consumers kept up: they received {got} for {lasted}.",
        "cluster": f"The cluster was the limit: consumers received {got} for {lasted} while lag grew.",
        "generator": f"The load generator was the limit: its consumers received {got} for {lasted} while lag grew.",
    }.get(view.summary.limit, f"It is not clear what limited this run: consumers received {got} for {lasted}.")


def one_sentence(view: View) -> str:
    """Return the whole answer in one sentence, for the terminal."""
    said = [headline(view).rstrip(".")]
    known = [p for p in ("p50", "p99", "p99.9", "max") if _known(view, f"latency.{p}")]
    if known:
        said.append("latency " + ", ".join(f"{p} {view.shown(f'latency.{p}')}" for p in known))
    elif _known(view, "end_to_end.p50"):
        known = [p for p in ("p50", "p99", "max") if _known(view, f"end_to_end.{p}")]
        said.append("end to end " + ", ".join(f"{p} {view.shown(f'end_to_end.{p}')}" for p in known))
    said.append(LIMITS.get(view.summary.limit, "limit: unknown").lower())
    checked = integrity(view).rstrip(".")
    return "; ".join([*said, checked[:1].lower() + checked[1:]]) + "."


def sentences(view: View) -> tuple[str, ...]:
    """Return what a reader needs next: how long messages took, whether any went missing, whether it was steady."""
    said = [_latency(view), stage(view), _end_to_end(view), integrity(view), stalls(view)]
    return tuple(text for text in said if text)


def _latency(view: View) -> str:
    names = (("half", "p50"), ("99 %", "p99"), ("99.9 %", "p99.9"))
    parts = [
        f"{words} were acknowledged within {view.shown(f'latency.{p}')}"
        for words, p in names
        if _known(view, f"latency.{p}")
    ]
    if not parts:
        return ""
    first, *rest = parts
    shorter = [part.replace("were acknowledged within ", "within ") for part in rest]
    slowest = f"; the slowest took {view.shown('latency.max')}" if _known(view, "latency.max") else ""
    return f"Of all messages, counted from the instant each was due, {', '.join([first, *shorter])}{slowest}."


def stage(view: View) -> str:
    """Return which stage made the p99; empty where there is no p99 or nothing was told of stages."""
    found = blame.of_result(view.result, view.seconds)
    return found.sentence if found else ""


def _end_to_end(view: View) -> str:
    name = "end_to_end.p99" if _known(view, "end_to_end.p99") else "end_to_end.p50"
    if not _known(view, name):
        return ""
    share = "99 %" if name.endswith("p99") else "Half"
    slowest = view.shown("end_to_end.max")
    return f"{share} reached their consumer within {view.shown(name)} of being due; the slowest took {slowest}."


def _known(view: View, name: str) -> bool:
    return view.summary.metrics.get(name) is not None


def untold(view: View) -> str:
    """Return of which percentiles in the answer the run is too short to give intervals; an empty text when of none."""
    series = "latency" if _known(view, "latency.p50") else "end_to_end"
    short = [p for p in ("p50", "p99", "p99.9") if f"{series}.{p}" in view.summary.too_short]
    return f"95 % interval of {series.replace('_', ' ')} {', '.join(short)}: {TOO_SHORT}" if short else ""


def integrity(view: View) -> str:
    """Return whether messages were lost, duplicated or reordered, or why that is not known."""
    metrics = view.summary.metrics
    if metrics.get("lost") is None:
        return f"Whether messages were lost is not known: {view.why('lost')}."
    bad = [f"{format_count(metrics[name])} {word}" for name, word in _COUNTED if metrics.get(name)]
    return f"{', '.join(bad)} ({_worst(view.facts)})." if bad else "No message was lost, duplicated or reordered."


def _worst(facts: Mapping[str, Any]) -> str:
    checked = facts.get("integrity") or {}
    where = [
        f"{p['topic']}/{p['partition']}" for p in checked.get("partitions") or () if any(p.get(n) for n, _ in _COUNTED)
    ]
    if not where:
        return "the partition is not known"
    more = f" and {len(where) - 3} more" if len(where) > 3 else ""
    return f"in {', '.join(where[:3])}{more}"


def stalls(view: View) -> str:
    """Return in how many measured seconds acknowledgements nearly stopped; empty when in none."""
    start, end = view.result.measured
    due_t, due = view.all_of("producer", "due")
    acked_t, acked = view.all_of("producer", "acked")
    if view.summary.metrics.get("offered") is None or not len(due_t) or not np.array_equal(due_t, acked_t):
        return ""
    inside = (due_t >= start) & (due_t < end) & (due >= 20)
    slow = inside & (acked < FEW * due)
    if not slow.any() or (view.summary.limit in ("generator", "cluster") and slow.mean() > FEW):
        return ""
    shares = f"{format_count(float(slow.sum()))} of {format_count(float(inside.sum()))} seconds"
    first = format_duration(float(due_t[slow][0]))
    return (
        f"It was not steady: in {shares} fewer than half of the messages due were acknowledged, "
        f"first {first} after the schedule began."
    )


def faults(view: View) -> tuple[str, ...]:
    """Return a sentence for each fault that was asked for: how long the run took to be as it was before."""
    return tuple(f"{fault['fault']}: {_recovery(fault)}." for fault in told(view.result))


def _recovery(fault: Mapping[str, Any]) -> str:
    if fault["disturbed"] is None:
        return f"what it did is not known: {fault['error'] or fault['why']}"
    if not fault["disturbed"]:
        return "throughput and latency stayed as before"
    seconds = f"{fault['disturbed']} s" + (f", {format_count(fault['errors'])} messages failed" * bool(fault["errors"]))
    if fault["recovered"] is None:
        return f"not as before again in the measured phase; disturbed for {seconds}"
    return f"as before {format_duration(fault['recovered'])} after it began; disturbed for {seconds}"


def labels(view: View) -> tuple[str, ...]:
    """Return what qualifies every figure: co-located, simulated, cores shared, several clocks."""
    bound = view.summary.metrics.get("clock.bound")
    several = [f"several hosts' clocks: end to end is good to ±{format_duration(bound)}"] if bound else []
    return (*labels_of(view.facts.get("target") or {}), *several)


def labels_of(target: Mapping[str, Any]) -> list[str]:
    """Return what qualifies every figure measured on a target."""
    said = []
    if target.get("kind") == "simulated":
        said.append("simulated: no real cluster was measured")
    elif target.get("co_located"):
        said.append("co-located: shows the method, not your cluster")
    if target.get("co_located") and target.get("cores") == "shared":
        said.append("generator and brokers shared the same cores")
    return said


def tone(view: View) -> str:
    """Return how the verdict is coloured: good only for a whole run that met its load and lost nothing."""
    metrics = view.summary.metrics
    if view.facts.get("status") == "failed" or metrics.get("lost"):
        return "bad"
    whole = view.facts.get("status") == "complete" and view.summary.limit == "none"
    clean = not any(metrics.get(name) for name in ("errors", "duplicated", "reordered", "unsent"))
    return "good" if whole and clean and not stalls(view) else "warn"


def title(view: View) -> str:
    """Return the scenario's name, or that of the folder."""
    return str((view.facts.get("scenario") or {}).get("name") or view.result.out.name)
