"""Figures of points in the plane of two metrics: fronts, curves with a knee, a point over time.

With `rows` the only plotly of many trials; the look is that of `charts`.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from loadkit.report import charts
from loadkit.report.charts import AMBER, BLUE, FAINT, GREEN, INK, RED, Figure, Floats, color_of
from loadkit.report.sweep.marks import Mark, Spot, Trail


def tradeoff(spots: Sequence[Spot], front: Sequence[tuple[float, float]], x: str, y: str) -> Figure:
    """Return points on logarithmic axes, and the line through the safe points that no safe point beats."""
    traces: list[Any] = []
    if len(front) > 1:
        xs, ys = zip(*sorted(front), strict=True)
        line = {"color": color_of(GREEN), "width": 1.6, "dash": "dot"}
        traces.append(
            go.Scatter(x=xs, y=ys, mode="lines", line=line, name="front of the safe points", hoverinfo="skip")
        )
    figure = go.Figure([*traces, *_marked(spots)], charts.layout(x, y))
    figure.update_layout(hovermode="closest", height=420, annotations=[_ring(spot) for spot in spots if spot.ring])
    log_axis(figure.update_xaxes, [spot.x for spot in spots])
    log_axis(figure.update_yaxes, [end for spot in spots for end in (spot.low, spot.y, spot.high) if end])
    return charts.spec(figure)


def trails(
    lines: Sequence[Trail], x: str, y: str, bound: tuple[float, str] | None = None,
    regions: Sequence[tuple[float, float]] = (), log_x: bool = True,
) -> Figure:  # fmt: skip
    """Return one metric over another, with knees, the bound of an objective, and the rates that passed shaded."""
    spots = [spot for line in lines for spot in line.spots]
    traces = [*(_trail(line) for line in lines if line.line), *_marked(spots)]
    knees = [line.knee for line in lines if line.knee]
    if knees:
        traces.append(_knees(knees))
    figure = go.Figure(traces, charts.layout(x, y))
    figure.update_layout(hovermode="closest", height=420, annotations=[_ring(spot) for spot in spots if spot.ring])
    if log_x:
        log_axis(figure.update_xaxes, [spot.x for spot in spots])
    log_axis(figure.update_yaxes, [*(spot.y for spot in spots), *([bound[0]] if bound else [])])
    for low, high in regions:
        figure.add_shape(
            type="rect", xref="x", yref="paper", x0=low, x1=high, y0=0, y1=1, fillcolor=charts.SHADE, line_width=0,
            layer="below",
        )  # fmt: skip
    if bound:
        _bound(figure, *bound)
    return charts.spec(figure)


def over_time(minutes: Floats, values: Floats, y: str) -> Figure:
    """Return one metric of a point that comes back, over the time of the sweep."""
    color = color_of(BLUE)
    trace = go.Scatter(
        x=minutes, y=values, mode="lines+markers", line={"color": color, "width": 1.2, "dash": "dot"},
        marker={"size": 9, "color": color}, hovertemplate="%{y:,.4~g}<extra></extra>",
    )  # fmt: skip
    figure = go.Figure([trace], charts.layout("time since the first of them (min)", y))
    figure.update_yaxes(range=[0, float(values.max()) * 1.15])
    figure.update_layout(showlegend=False, height=300)
    return charts.spec(figure)


def log_axis(update: Callable[..., Any], values: Sequence[float]) -> None:
    """Set a logarithmic axis with some room around the values, marked at round numbers."""
    kept = [value for value in values if value > 0 and np.isfinite(value)]
    if not kept:
        return
    low, high = float(np.log10(min(kept))), float(np.log10(max(kept)))
    room = max(0.06 * (high - low), 0.02)
    step = 1 if high - low > 2 else "D2" if high - low > 0.4 else None
    form = ",.3~s" if max(kept) >= 10_000 else ",.3~r"
    update(type="log", range=[low - room, high + room], dtick=step, tickformat=form, nticks=7)


def marker(mark: Mark) -> dict[str, Any]:
    """Return how plotly draws a kind of point."""
    color = color_of(mark.color)
    return {"symbol": mark.symbol, "size": 10, "color": color, "line": {"width": 1.6, "color": color}}


def lines_of(text: str) -> str:
    """Return a text of several lines as plotly's small HTML."""
    return "<br>".join(html.escape(line) for line in text.split("\n"))


def _marked(spots: Sequence[Spot]) -> list[go.Scatter]:
    """Return a trace for each kind of point, so that the legend tells them apart."""
    traces = []
    for mark in dict.fromkeys(spot.mark for spot in spots):
        own = [spot for spot in spots if spot.mark == mark]
        bars = {
            "array": [(spot.high or spot.y) - spot.y for spot in own],
            "arrayminus": [spot.y - (spot.low or spot.y) for spot in own],
            "thickness": 1, "width": 0, "color": color_of(mark.color),
        }  # fmt: skip
        traces.append(go.Scatter(
            x=[spot.x for spot in own], y=[spot.y for spot in own], mode="markers", name=mark.name, marker=marker(mark),
            error_y=bars if any(spot.low is not None for spot in own) else None,
            customdata=[lines_of(spot.hover) for spot in own], hovertemplate="%{customdata}<extra></extra>",
        ))  # fmt: skip
    return traces


def _ring(spot: Spot) -> dict[str, Any]:
    return {
        "x": np.log10(spot.x), "y": np.log10(spot.y), "text": f"<b>{html.escape(spot.ring)}</b>", "showarrow": True,
        "arrowhead": 0, "arrowcolor": FAINT, "ax": 26, "ay": -26, "font": {"color": INK, "size": 12},
    }  # fmt: skip


def _trail(line: Trail) -> go.Scatter:
    return go.Scatter(
        x=[x for x, _ in line.line], y=[y for _, y in line.line], mode="lines", hoverinfo="skip",
        name=html.escape(line.name), line={"color": color_of(line.color), "width": 1.8}, showlegend=bool(line.name),
    )  # fmt: skip


def _knees(knees: Sequence[tuple[float, float]]) -> go.Scatter:
    return go.Scatter(
        x=[x for x, _ in knees], y=[y for _, y in knees], mode="markers", name="knee",
        marker={"symbol": "diamond-tall", "size": 16, "color": color_of(AMBER), "line": {"width": 1, "color": INK}},
        hovertemplate="knee: %{x:,.4~s} msg/s, %{y:,.3~g} ms<extra></extra>",
    )  # fmt: skip


def _bound(figure: go.Figure, value: float, text: str) -> None:
    color = color_of(RED)
    figure.add_shape(
        type="line", xref="paper", yref="y", x0=0, x1=1, y0=value, y1=value,
        line={"color": color, "width": 1.4, "dash": "dash"},
    )  # fmt: skip
    figure.add_annotation(
        text=html.escape(text), xref="paper", x=0, xanchor="left", yref="y", y=np.log10(value), yanchor="bottom",
        showarrow=False, font={"color": color, "size": 11},
    )  # fmt: skip
