"""Stored results in their order, and where their level changed: for reading, never part of the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loadkit import vocabulary
from loadkit.report.block import Block, Cell, Chart, Part, Points, Table, block, table
from loadkit.report.gate import pictures, words
from loadkit.report.gate.view import View

TITLE = "Trend"
ORDER = 40
_LEAD = (
    "Stored results of the same scenario, target and settings on this class of machine, this gate's candidate among "
    "them. A step is where the level changed (least squares, each step held to 1 % by permutation); slow drift may "
    "look like one. It is no part of the verdict."
)


def build(view: View) -> Block | None:
    """Return a chart a metric, and what was left out; None where no history was given."""
    told = view.document.get("trend")
    if not told:
        return None
    charts = [_chart(at, one) for at, one in enumerate(told["series"])]
    parts: list[Part | None] = [Points(tuple(words.trend(one) for one in told["series"])), *charts]
    return block(TITLE, [*parts, _left_out(told["left_out"])], _LEAD)


def _chart(at: int, one: Mapping[str, Any]) -> Chart | None:
    if len(one["values"]) < 2:
        return None
    metric = one["metric"]
    timed = vocabulary.split(metric)[1].partition(".")[0] in vocabulary.LATENCIES
    values = [value["value"] * (1e3 if timed else 1) for value in one["values"]]
    figure = pictures.steps(values, [step["at"] for step in one["changes"]], f"{metric}{' (ms)' if timed else ''}")
    rows = [[value["when"], value["folder"], words.shown(metric, value["value"])] for value in one["values"]]
    made = table("results", ("measured", "result", metric), rows, folded=True, texts=(0, 1))
    return Chart(f"trend-{at}", f"{metric} of stored results", figure, made)


def _left_out(left: Sequence[Mapping[str, Any]]) -> Table | None:
    rows: list[list[Cell | str]] = [[one["folder"], one["why"]] for one in left]
    return table("Left out", ("result", "why"), rows, texts=(0, 1), folded=len(rows) > 5) if rows else None
