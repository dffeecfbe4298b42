"""Every formula with its numbers, every limit with its source, so that any figure can be checked by hand."""

from __future__ import annotations

import json

from loadkit.report.block import Block, Links, Part, Prose, Table, block, table
from loadkit.report.sizing.links import data_link
from loadkit.report.sizing.view import View
from loadkit.sizing import words
from loadkit.sizing.plan import Plan
from loadkit.sizing.search import Fit

TITLE = "Appendix: every figure"
ORDER = 100


def build(view: View) -> Block | None:
    """Return formulas, limits, measurements and the requirements as they were read."""
    plan = view.plan
    parts: list[Part | None] = []
    if plan.fit:
        parts += [_formulas(plan.fit), _limits(plan.fit)]
    parts += [_measured(plan), _stated(plan)]
    parts.append(Prose("The same as data, with the requirements as they were read:"))
    whole = json.dumps(view.document, indent=1, default=str)
    parts.append(Links((data_link("sizing.json", "sizing.json", whole, "application/json"),)))
    return block(TITLE, parts)


def _formulas(fit: Fit) -> Table:
    rows = [
        [words.name(use.resource), use.state.text, use.formula, words.shown(use.ceiling, use.resource),
         f"{use.share.mid:.1%}", f"{use.most:.0%}"] for use in fit.uses
    ]  # fmt: skip
    head = ("resource", "state", "asked of the fullest broker", "ceiling", "used", "planned")
    return table("Formulas, filled in", head, rows, texts=(0, 1, 2, 3), folded=True)


def _limits(fit: Fit) -> Table:
    rows = []
    for resource, ceiling in fit.setup.candidate.ceilings.items():
        others = "; ".join(f"{other.value:g} ({other.source})" for other in ceiling.conflicts)
        rows.append(
            [words.name(resource), words.shown(ceiling, resource), ceiling.origin, ceiling.source, others or "–"]
        )
    head = ("resource", "ceiling of one", "origin", "source", "other sources say")
    return table("Ceilings and where they come from", head, rows, texts=(0, 1, 2, 3, 4), folded=True)


def _measured(plan: Plan) -> Table | None:
    seen = plan.measured
    if seen is None:
        return None
    rows = [
        ["results", seen.source], ["trials", f"{seen.trials}, {seen.started[0]} to {seen.started[1]}"],
        ["shape", seen.shape or "not stated"],
        ["write equivalents of a broker", words.shown_interval("work", seen.work)],
        ["messages of a broker, copies counted", words.shown_interval("messages", seen.messages)],
        ["carried at least", f"{words.amount('work', seen.work_at_least)}, {seen.messages_at_least:,.0f} msg/s"],
        ["one partition, at least", words.amount("work", seen.partition_at_least)],
        ["one consumer, at least", f"{seen.consumer_at_least:,.0f} msg/s"],
        *(["note", note] for note in seen.notes),
    ]  # fmt: skip
    return table("What was measured", ("what", "value"), rows, texts=(0, 1), folded=True)


def _stated(plan: Plan) -> Table:
    rows = [
        [flow.topic.name, f"{flow.average:,.0f}", f"{flow.peak:,.0f}", f"{flow.topic.size:,}", f"{flow.ratio:g}",
         f"{flow.share:.2%}", f"{flow.per_month:.1%}", f"{flow.kept / 3600:,.0f}", f"{flow.tails}"]
        for flow in plan.flows
    ]  # fmt: skip
    head = (
        "topic",
        "msg/s",
        "peak msg/s",
        "bytes",
        "compression",
        "hottest key",
        "growth a month",
        "kept (h)",
        "groups",
    )
    return table("The workload as it was planned with, one topic of each kind", head, rows, folded=True)
