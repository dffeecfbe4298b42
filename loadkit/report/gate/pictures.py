"""The figures of a comparison: effects by pair, percentile curves with bands, and the shift of each percentile."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go

from loadkit.report import charts
from loadkit.report.charts import Figure
from loadkit.report.curves import Floats

_BANDS = ("rgba(0,114,178,0.16)", "rgba(194,65,12,0.16)")
_MARKS = {0.1: "10 %", 0.5: "50 %", 0.9: "90 %", 0.99: "99 %", 0.999: "99.9 %", 0.9999: "99.99 %"}


def pairs(effects: Sequence[float], first: Sequence[str], interval: tuple[float, float] | None, margin: float | None,
          metric: str) -> Figure:  # fmt: skip
    """Return each pair's change (percent), which side ran first, the interval of their mean and the margin."""
    figure = go.Figure(layout=charts.layout("pair", f"change of {metric} (%)"))
    x = np.arange(1, len(effects) + 1)
    for at, side in enumerate(("baseline", "candidate")):
        mine = np.array([one == side for one in first], bool)
        figure.add_trace(go.Scatter(
            x=x[mine], y=np.asarray(effects)[mine], mode="markers", name=f"{side} first",
            marker={"color": charts.color_of(at), "size": 9, "symbol": ("circle", "diamond")[at]},
            hovertemplate="%{y:+.2f} %",
        ))  # fmt: skip
    if interval:
        figure.add_hrect(y0=interval[0], y1=interval[1], fillcolor=charts.SHADE, line_width=0, layer="below")
    if margin is not None:
        figure.add_hline(y=margin, line={"color": charts.color_of(charts.RED), "dash": "dash", "width": 1.6})
    figure.add_hline(y=0, line={"color": charts.FAINT, "width": 1})
    figure.update_xaxes(dtick=max(1, len(effects) // 10), range=[0.5, len(effects) + 0.5])
    return charts.spec(figure)


def curves(qs: Floats, sides: Sequence[tuple[str, Floats, Floats, Floats]], title: str) -> Figure:
    """Return percentile curves (ms) of sides over an axis of nines: name, middle, lower and upper end of its band."""
    figure = go.Figure(layout=charts.layout("percentile (share of messages at or below)", f"{title} (ms)"))
    x = 1 / (1 - qs)
    for at, (name, middle, low, high) in enumerate(sides):
        known = np.isfinite(middle)
        common = {"x": x[known], "mode": "lines", "legendgroup": name}
        edge = {"width": 0, "color": charts.color_of(at)}
        figure.add_trace(go.Scatter(y=low[known], line=edge, showlegend=False, hoverinfo="skip", **common))
        figure.add_trace(go.Scatter(y=high[known], line=edge, fill="tonexty", fillcolor=_BANDS[at], showlegend=False,
                                    hoverinfo="skip", **common))  # fmt: skip
        figure.add_trace(go.Scatter(y=middle[known], name=html.escape(name), hovertemplate="%{y:,.4~g} ms",
                                    line={"color": charts.color_of(at), "width": 2.2}, **common))  # fmt: skip
    _nines(figure, x)
    figure.update_yaxes(type="log")
    return charts.spec(figure)


def shift(qs: Floats, middle: Floats, low: Floats, high: Floats, against: str) -> Figure:
    """Return the change (percent) of each percentile against a side, with its interval."""
    known = np.isfinite(middle)
    x = 1 / (1 - qs)
    figure = go.Figure(layout=charts.layout("percentile", f"change against {html.escape(against)} (%)"))
    bars = {"type": "data", "array": (high - middle)[known], "arrayminus": (middle - low)[known], "symmetric": False,
            "color": charts.FAINT}  # fmt: skip
    figure.add_trace(go.Scatter(
        x=x[known], y=middle[known], mode="lines+markers", error_y=bars, showlegend=False,
        line={"color": charts.color_of(charts.RED)}, hovertemplate="%{y:+.2f} %",
    ))  # fmt: skip
    figure.add_hline(y=0, line={"color": charts.FAINT, "width": 1})
    _nines(figure, x[known])
    return charts.spec(figure)


def steps(values: Sequence[float], at: Sequence[int], title: str) -> Figure:
    """Return values in their order, with the level (geometric mean, where all are above zero) between the steps."""
    figure = go.Figure(layout=charts.layout("stored result", html.escape(title)))
    y = np.asarray(values, float)
    x = np.arange(1, len(y) + 1)
    figure.add_trace(go.Scatter(x=x, y=y, mode="markers", marker={"color": charts.color_of(0), "size": 8},
                                name="result", hovertemplate="%{y:,.4~g}"))  # fmt: skip
    edges = [0, *at, len(y)]
    for start, end in pairwise(edges):
        part = y[start:end]
        level = float(np.exp(np.log(part).mean())) if (part > 0).all() else float(part.mean())
        line = {"color": charts.color_of(charts.RED), "width": 1.8}
        figure.add_trace(go.Scatter(x=[start + 0.5, end + 0.5], y=[level, level], mode="lines", line=line,
                                    name="level", showlegend=not start, hoverinfo="skip"))  # fmt: skip
    return charts.spec(figure)


def _nines(figure: go.Figure, x: Floats) -> None:
    marks = {1 / (1 - q): text for q, text in _MARKS.items()}
    most = float(x.max()) if len(x) else 10.0
    figure.update_xaxes(type="log", tickvals=list(marks), ticktext=list(marks.values()),
                        range=[np.log10(1 / 0.9) - 0.02, np.log10(most) + 0.04])  # fmt: skip
