"""A gate as Markdown for a pull request, and as annotations of a GitHub workflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadkit.gate import store
from loadkit.gate.record import Comparison
from loadkit.report.gate import words

_SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️"}
_LEVELS = {"pass": "notice", "fail": "error", "inconclusive": "warning"}
_WIDTH = 25
"""Characters of the picture."""


def markdown(document: Mapping[str, Any]) -> str:
    """Return verdict, table and a small picture of the effects."""
    answer, compared = document.get("answer"), store.comparisons_of(document)
    name = document["scenario"][0]["name"]
    if not answer:
        return f"### ⚠️ loadkit gate `{name}`: {document['status']}\n\n{document.get('error') or ''}\n"
    lines = [
        f"### {_SIGNS[answer['verdict']]} loadkit gate `{name}`: {answer['verdict']}", "",
        words.headline(answer, compared), "",
        "| threshold | baseline | candidate | effect | interval | margin | smallest effect told | verdict |",
        "|---|--:|--:|--:|--:|--:|--:|---|", *map(_row, compared),
    ]  # fmt: skip
    relative = [one for one in compared if one.relative and one.effect is not None]
    if relative:
        lines += ["", "```text", *_picture(relative), "```"]
    pairs = f"{answer['pairs']} of at most {document['max_pairs']} interleaved pairs"
    lines += ["", f"{pairs} of {document['duration']:g} s trials on {document['host']['name']}."]
    if document.get("trend"):
        lines += ["", f"{words.TREND}:", *(f"- {line}" for line in words.trends(document))]
    return "\n".join(lines) + "\n"


def _row(one: Comparison) -> str:
    threshold, *others = words.cells(one)
    cells = [f"`{threshold}`", *others, one.verdict]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _picture(compared: list[Comparison]) -> Iterator[str]:
    """Yield each effect (●) with its interval (─) on one axis; ┊ is no change, ┃ the margin."""
    wide = max(len(one.metric) for one in compared)
    known = [abs(end) for one in compared for end in (*one.interval, one.effect, one.margin) if end is not None]
    most = max(known) * 1.1 or 1.0

    def at(value: float) -> int:
        return round((value + most) / (2 * most) * 2 * _WIDTH)

    for one in compared:
        axis = [" "] * (2 * _WIDTH + 1)
        low, high = one.interval
        if low is not None and high is not None:
            axis[at(low) : at(high) + 1] = "─" * (at(high) - at(low) + 1)
        axis[at(0.0)], axis[at(one.margin)] = "┊", "┃"
        axis[at(one.effect or 0.0)] = "●"
        yield f"{one.metric:<{wide}} {''.join(axis).rstrip()}"
    yield f"{'':<{wide}} {words.share(-most):<{_WIDTH - 1}}0{words.share(most):>{_WIDTH + 1}}"


def workflow_commands(document: Mapping[str, Any]) -> list[str]:
    """Return a workflow command a threshold, as GitHub reads them from a step's output."""
    said = []
    for one in store.comparisons_of(document):
        text = words.sentence(one).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        title = f"loadkit gate: {one.threshold}".replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
        said.append(f"::{_LEVELS[one.verdict]} title={title}::{text}")
    return said
