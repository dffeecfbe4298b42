"""Figures of a plan: bars of use against what is planned, growth over months, and the tornado. Only plotly of plans."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from loadkit.report import charts
from loadkit.report.charts import AMBER, BLUE, FAINT, GREEN, RED, Figure, color_of

ROW = 34
"""Pixels of a bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One resource: how much of it is used, with its ends, and how much is planned to be; shares."""

    name: str
    low: float
    mid: float
    high: float
    planned: float
    hover: str


def uses(bars: Sequence[Bar]) -> Figure:
    """Return horizontal bars of use in percent, each with a mark where the plan's limit lies."""
    names = [html.escape(bar.name) for bar in bars]
    colors = [
        color_of(RED if b.mid > b.planned * (1 + 1e-9) else AMBER if b.mid > 0.9 * b.planned else GREEN) for b in bars
    ]
    traces = [
        go.Bar(
            x=[100 * bar.mid for bar in bars], y=names, orientation="h", marker={"color": colors}, name="used",
            error_x={"array": [100 * (bar.high - bar.mid) for bar in bars], "color": FAINT, "thickness": 1.5,
                     "arrayminus": [100 * (bar.mid - bar.low) for bar in bars]},
            customdata=[html.escape(bar.hover) for bar in bars], hovertemplate="%{customdata}<extra></extra>",
        ),
        go.Scatter(
            x=[100 * bar.planned for bar in bars], y=names, mode="markers", name="planned at most", hoverinfo="skip",
            marker={"symbol": "line-ns", "size": 20, "line": {"width": 3, "color": charts.INK}},
        ),
    ]  # fmt: skip
    figure = go.Figure(traces, charts.layout("used of the fullest broker (%)", ""))
    _rows(figure, len(bars))
    top = max([100.0, *(100 * bar.high for bar in bars)])
    figure.update_xaxes(range=[0, min(top, 250) * 1.04], showgrid=True)
    return charts.spec(figure)


@dataclass(frozen=True, slots=True)
class Growth:
    """How full a resource is of what is planned, month by month."""

    name: str
    months: Sequence[float]
    fullness: Sequence[float]


def growth(lines: Sequence[Growth], horizon: float) -> Figure:
    """Return lines of fullness over months, with the horizon and the line that must not be crossed."""
    traces = [
        go.Scatter(
            x=list(line.months), y=[100 * value for value in line.fullness], mode="lines", name=html.escape(line.name),
            line={"color": color_of(at), "width": 2}, hovertemplate="%{y:.0f} % in month %{x:.0f}",
        ) for at, line in enumerate(lines)
    ]  # fmt: skip
    figure = go.Figure(traces, charts.layout("months from now", "of what is planned (%)"))
    figure.add_shape(
        type="line", xref="paper", x0=0, x1=1, yref="y", y0=100, y1=100, line={"color": FAINT, "dash": "dash"}
    )
    figure.add_shape(
        type="line", xref="x", x0=horizon, x1=horizon, yref="paper", y0=0, y1=1, line={"color": FAINT, "dash": "dot"}
    )
    most = max([120.0, *(100 * min(value, 3) for line in lines for value in line.fullness)])
    figure.update_yaxes(range=[0, most * 1.05])
    figure.update_layout(hovermode="x unified")
    return charts.spec(figure)


@dataclass(frozen=True, slots=True)
class Swung:
    """One input: the fullness at its low and high ends."""

    name: str
    low: float
    high: float
    hover: str


def tornado(rows: Sequence[Swung], now: float) -> Figure:
    """Return bars from the fullness at the low end of each input to that at its high end, around the plan's own."""
    names = [html.escape(row.name) for row in rows]
    traces = [
        go.Bar(
            base=[100 * now] * len(rows), x=[100 * (getattr(row, end) - now) for row in rows], y=names, orientation="h",
            name=text, marker={"color": color_of(color)}, customdata=[html.escape(row.hover) for row in rows],
            hovertemplate="%{customdata}<extra></extra>",
        ) for end, text, color in (("low", "at its low end", BLUE), ("high", "at its high end", AMBER))
    ]  # fmt: skip
    figure = go.Figure(traces, charts.layout("fullness of the recommended cluster (% of what is planned)", ""))
    figure.update_layout(barmode="overlay")
    _rows(figure, len(rows))
    return charts.spec(figure)


def _rows(figure: go.Figure, count: int) -> None:
    height = 110 + ROW * count
    figure.update_layout(height=height, meta={"tall": True}, hovermode="closest", legend_y=1 + 10 / height, bargap=0.35)
    figure.update_yaxes(autorange="reversed", showgrid=False)
