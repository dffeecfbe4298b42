"""Figures in rows: dots with their intervals, each under its label; and heat maps of two knobs.

With `planes` the only plotly of many trials; the look is that of `charts`.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from loadkit.report import charts
from loadkit.report.charts import FAINT, INK, Figure, color_of
from loadkit.report.sweep.marks import UNSAFE_CELL, Dot, Mark
from loadkit.report.sweep.planes import lines_of, log_axis, marker

ROW, LINE, WRAP = 26, 15, 46
"""Pixels of a row's dot and of each line of its label; characters of such a line, as many as a phone has room for."""
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 1 / 3, 0.5, 0.67, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0,
          1.01, 1.02, 1.05, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)  # fmt: skip


def dots(rows: Sequence[Dot], x: str, y: str, *, ratio: bool = False) -> Figure:
    """Return rows of dots with intervals on a logarithmic axis; `ratio` marks it as changes in percent around 1."""
    places, height = _places(rows)
    placed = list(zip(places, rows, strict=True))
    marks = dict.fromkeys(row.mark for row in rows)
    traces = [_dots(mark, [(at, row) for at, row in placed if row.mark == mark]) for mark in marks]
    figure = go.Figure(traces, charts.layout(x, y))
    _tall(figure, height + 96, len(traces) > 1)
    figure.update_yaxes(range=[height, 0], showticklabels=False, showgrid=False, fixedrange=True)
    figure.update_xaxes(showgrid=True)
    ends = [end for row in rows for end in (row.low, row.value, row.high) if end and np.isfinite(end)]
    if ratio:
        _ratio_axis(figure, ends)
    else:
        log_axis(figure.update_xaxes, ends)
    figure.update_layout(annotations=[_label(at, row) for at, row in placed])
    return charts.spec(figure)


def heat(
    values: Sequence[Sequence[float | None]], texts: Sequence[Sequence[str]], unsafe: Sequence[tuple[int, int]],
    levels: tuple[Sequence[str], Sequence[str]], titles: tuple[str, str, str],
) -> Figure:  # fmt: skip
    """Return a heat map on a logarithmic scale: a row a level of the second knob, a column a level of the first.

    `unsafe` are cells (column, row) without a safe point, which a cross marks; `titles` name both knobs and the metric.
    """
    across, up = (list(range(len(known))) for known in levels)
    logs = [[np.nan if value is None else float(np.log10(value)) for value in row] for row in values]
    traces: list[Any] = [go.Heatmap(
        x=across, y=up, z=logs, text=[[html.escape(text) for text in row] for row in texts], texttemplate="%{text}",
        textfont={"size": 13}, colorscale=[[0, charts.PALE], [1, charts.DEEP]], showscale=False, xgap=3, ygap=3,
        hovertemplate=f"{html.escape(titles[2])}: %{{text}}<extra></extra>",
    )]  # fmt: skip
    if unsafe:
        traces.append(go.Scatter(
            x=[column - 0.42 for column, _ in unsafe], y=[row + 0.28 for _, row in unsafe], mode="markers",
            name=UNSAFE_CELL.name, hoverinfo="skip",
            marker={**marker(UNSAFE_CELL), "line": {"width": 1, "color": charts.PAPER}},
        ))  # fmt: skip
    figure = go.Figure(traces, charts.layout(titles[0], titles[1]))
    _tall(figure, 130 + 58 * len(up), bool(unsafe))
    figure.update_layout(margin_l=56)
    for update, at, known in ((figure.update_xaxes, across, levels[0]), (figure.update_yaxes, up, levels[1])):
        texts_of = [html.escape(level) for level in known]
        update(tickvals=at, ticktext=texts_of, range=[-0.5, len(at) - 0.5], showgrid=False)
    return charts.spec(figure)


def _dots(mark: Mark, own: Sequence[tuple[float, Dot]]) -> go.Scatter:
    bars = {
        "array": [(row.high or row.value) - row.value for _, row in own],
        "arrayminus": [row.value - (row.low or row.value) for _, row in own],
        "thickness": 2, "width": 4, "color": color_of(mark.color),
    }  # fmt: skip
    return go.Scatter(
        x=[row.value for _, row in own], y=[at for at, _ in own], mode="markers", name=mark.name, marker=marker(mark),
        error_x=bars, customdata=[lines_of(row.hover) for _, row in own], hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _tall(figure: go.Figure, height: int, legend: bool) -> None:
    """Give a figure whose rows need their height just that, on a phone too, and put the legend right above it."""
    figure.update_layout(
        hovermode="closest", height=height, meta={"tall": True}, showlegend=legend, margin_l=34,
        legend_y=1 + 10 / height,
    )  # fmt: skip


def _ratio_axis(figure: go.Figure, ends: Sequence[float]) -> None:
    """Set a logarithmic axis of ratios, marked in percent of change, with a line at no change."""
    low, high = min([*ends, 0.98]), max([*ends, 1.02])
    apart = np.log(high / low) / 5
    kept = [1.0]
    for tick in sorted(_TICKS, key=lambda tick: abs(np.log(tick))):
        if low * 0.99 <= tick <= high * 1.01 and all(abs(np.log(tick / other)) >= apart for other in kept):
            kept.append(tick)
    room = 0.05 * np.log10(high / low)
    figure.update_xaxes(
        type="log", tickvals=sorted(kept), ticktext=[_percent(tick) for tick in sorted(kept)],
        range=[np.log10(low) - room, np.log10(high) + room],
    )  # fmt: skip
    line = {"color": FAINT, "width": 1.2}
    figure.add_shape(type="line", xref="x", yref="paper", x0=1, x1=1, y0=0, y1=1, line=line, layer="below")


def _percent(ratio: float) -> str:
    return "no change" if ratio == 1 else f"×{ratio:.3g}" if ratio >= 3 else f"{(ratio - 1) * 100:+.0f} %"


def _places(rows: Sequence[Dot]) -> tuple[list[float], int]:
    """Return where each dot stands, in pixels from the top, and how tall all rows are together."""
    places, top = [], 0
    for row in rows:
        top += LINE * len(_wrapped(row.label)) + ROW
        places.append(float(top - ROW / 2))
    return places, top + 6


def _wrapped(label: str) -> list[str]:
    return textwrap.wrap(label, WRAP) or [""]


def _label(place: float, row: Dot) -> dict[str, Any]:
    text = "<br>".join(html.escape(line) for line in _wrapped(row.label))
    return {
        "text": f"<b>{text}</b>" if row.bold else text, "xref": "paper", "x": 0, "xanchor": "left", "yref": "y",
        "y": place - 9, "yanchor": "bottom", "showarrow": False, "align": "left", "font": {"size": 11.5, "color": INK},
    }  # fmt: skip
