"""Topics: partitions with the reason, consumers, and what hot keys do."""

from __future__ import annotations

from loadkit.report.block import Block, Note, Part, Points, block, table
from loadkit.report.sizing.view import View
from loadkit.sizing import advice
from loadkit.units import format_byte_rate, format_rate

TITLE = "Topics and partitions"
ORDER = 20


def build(view: View) -> Block | None:
    """Return partitions with reasons, migrations, quotas and hot keys."""
    plan = view.plan
    parts: list[Part | None] = []
    if plan.fit:
        rows = [
            [one.flow.topic.name, f"{one.flow.count}", f"{one.partitions}", one.needs[0].reason, _groups(one.consumers),
             format_rate(one.flow.peak), f"{one.share:.1%}"] for one in plan.fit.splits
        ]  # fmt: skip
        head = ("topic", "alike", "partitions", "because of", "consumers", "peak at the horizon", "hottest partition")
        parts.append(table("Partitions, for the whole horizon", head, rows, texts=(0, 3, 4)))
    parts += [Note(text, "see the runbook", tone="warn") for text in (advice.moves(plan.fit) if plan.fit else ())]
    for hot in advice.hot(plan):
        if hot.choices:
            parts += [Note(f"{hot.topic}: {hot.text}", "the choices, and what each costs:"), Points(hot.choices)]
    told = [f"{hot.topic}: {hot.text}." for hot in advice.hot(plan) if not hot.choices]
    return block(TITLE, [*parts, Points(tuple(told)) if told else None, _quotas(view)])


def _groups(consumers: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in consumers) or "none stated"


def _quotas(view: View) -> Part:
    rows = [
        [one.topic, format_byte_rate(one.produce), format_byte_rate(one.consume)] for one in advice.quotas(view.plan)
    ]
    caption = "Quotas of clients, a fifth above the horizon's peak (all clients of a topic together; divide by brokers)"
    return table(caption, ("topic", "to produce", "to consume, each group"), rows, folded=True)
