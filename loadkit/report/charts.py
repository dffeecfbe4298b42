"""Figures for the page: the only code that knows plotly.

A figure is made in the colours of the light page; `page.js` exchanges them by `DARK` when the reader's
system is dark. Names and texts are escaped here, because plotly reads a small HTML in them.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs

from loadkit.report.curves import envelope
from loadkit.report.view import Phase

Floats = NDArray[np.float64]
Figure = Mapping[str, Any]

# After Okabe & Ito (2008): told apart with any colour vision, darkened or lightened to 3:1 or more on either ground.
_LIGHT = ("#0072b2", "#c2410c", "#00795a", "#9a4c8b", "#8a6100", "#4b5563", "#0f766e", "#7c2d12")
_DARK = ("#56b4e9", "#ff8f57", "#2fc79a", "#e29bc4", "#f0b429", "#b6bfca", "#5eead4", "#fdba74")
BLUE, RED, GREEN, PINK, AMBER, GREY = range(6)
INK, FAINT, GRID, SHADE, PAPER = "#3a4350", "#717c89", "#e4e8ee", "rgba(90,105,125,0.10)", "rgba(255,255,255,0.92)"
FAULT = "rgba(194,65,12,0.16)"
PALE, DEEP = "#dcecf7", "#0a5c8f"
"""The ends of a heat map's scale: little and much."""
DARK = {
    **dict(zip(_LIGHT, _DARK, strict=True)),
    INK: "#c4ccd6",
    FAINT: "#8a95a2",
    GRID: "#2b333e",
    SHADE: "rgba(160,175,195,0.13)",
    FAULT: "rgba(255,143,87,0.20)",
    PAPER: "rgba(22,27,34,0.94)",
    PALE: "#1b3345",
    DEEP: "#8fd0f7",
}
"""Each colour of the light page and what stands for it on the dark one."""
_DASHES = ("solid", "dash", "dot", "dashdot")
_PHASES = {"warmup": "warm-up", "measure": "measured"}
_NINES = {0.1: "10 %", 0.5: "50 %", 0.9: "90 %", 0.99: "99 %", 0.999: "99.9 %", 0.9999: "99.99 %",
          0.99999: "99.999 %", 0.999999: "99.9999 %"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart over time: `y` in the unit of the axis."""

    name: str
    t: Floats
    y: Floats
    color: int | None = None
    width: float = 1.8


@dataclass(frozen=True, slots=True)
class Curve:
    """One percentile curve: x = 1/(1-q), y in milliseconds, the first `carried` points of which the samples carry."""

    name: str
    x: Floats
    y: Floats
    carried: int
    color: int | None = None
    dash: str = "solid"


def plotly_js() -> str:
    """Return the source of plotly.js, for the one script element of a page."""
    return str(get_plotlyjs())


def over_time(
    lines: Sequence[Line],
    title: str,
    unit: str,
    phases: Sequence[Phase] = (),
    *,
    log: bool = False,
    top: float | None = None,
    stacked: bool = False,
) -> Figure:
    """Return lines over the seconds since the schedule began, with faults and the phases other than the measured
    one shaded.

    Lines that are stacked have the same seconds, at most `POINTS` of them, and a value in each.
    """
    scale, word = _time_unit(lines)
    traces = [_line(line, at, scale, word, unit) for at, line in enumerate(lines)]
    if stacked:
        for trace in traces:
            trace.update(stackgroup="one", line={"width": 0.5})
    figure = go.Figure(traces, layout(f"time since the schedule began ({word})", f"{title} ({unit})"))
    figure.update_layout(hovermode="x unified", xaxis_hoverformat=",.3~f", showlegend=len(traces) > 1)
    values = (
        np.sum([line.y for line in lines], axis=0) if stacked else np.concatenate([*(line.y for line in lines), []])
    )
    scale_y(figure, values[np.isfinite(values)], log, top)
    extent = _extent(phases, lines)
    _shade(figure, phases, extent, scale)
    figure.update_xaxes(range=[extent[0] / scale, extent[1] / scale])
    return spec(figure)


def percentiles(curves: Sequence[Curve], title: str) -> Figure:
    """Return percentile curves over an axis of nines; what too few values carry is grey and dotted."""
    traces: list[go.Scatter] = []
    for at, curve in enumerate(curves):
        traces += _curve(curve, curve.color if curve.color is not None else at)
    figure = go.Figure(traces, layout("percentile (share of messages at or below)", f"{title} (ms)"))
    widest = max((float(curve.x[-1]) for curve in curves if len(curve.x)), default=10.0)
    marks = {1 / (1 - q): text for q, text in _NINES.items() if 1 / (1 - q) <= widest * 1.01}
    figure.update_xaxes(
        type="log",
        tickvals=list(marks),
        ticktext=list(marks.values()),
        range=[np.log10(1 / 0.9), np.log10(widest) + 0.02],
    )
    values = np.concatenate([curve.y for curve in curves]) if curves else np.zeros(0)
    scale_y(figure, values, True, None)
    figure.update_xaxes(tickangle=0)
    figure.update_layout(hovermode="closest", height=400)
    return spec(figure)


def color_of(at: int) -> str:
    """Return the light page's colour of the line with this number; they repeat after eight."""
    return _LIGHT[at % len(_LIGHT)]


def _line(line: Line, at: int, scale: float, word: str, unit: str) -> go.Scatter:
    color = at if line.color is None else line.color
    kept = envelope(line.y)
    return go.Scatter(
        x=np.round(line.t[kept] / scale, 4).astype(np.float32),
        y=line.y[kept].astype(np.float32),
        name=html.escape(line.name),
        mode="lines" if len(kept) > 1 else "markers",
        connectgaps=False,
        line={"color": color_of(color), "width": line.width, "dash": _DASHES[color // len(_LIGHT) % 4]},
        hovertemplate=f"%{{y:,.4~g}} {html.escape(unit)}",
    )


def _curve(curve: Curve, color: int) -> list[go.Scatter]:
    name = html.escape(curve.name)
    shown = [_percent(x) for x in curve.x]
    common: dict[str, Any] = {"mode": "lines", "legendgroup": name}
    solid = slice(0, curve.carried)
    rest = slice(max(curve.carried - 1, 0), None)
    carried = {"color": color_of(color), "width": 2.2, "dash": curve.dash}
    noise = {"color": FAINT, "width": 1.6, "dash": "dot"}
    hover = "%{text}<br>%{y:,.4~g} ms"
    common["name"] = name
    return [
        go.Scatter(x=curve.x[solid], y=curve.y[solid], text=shown[solid], line=carried, hovertemplate=hover, **common),
        go.Scatter(x=curve.x[rest], y=curve.y[rest], text=shown[rest], line=noise, showlegend=False,
                   hovertemplate=f"{hover}<br>too few values: fewer than 10 lie beyond", **common),
    ]  # fmt: skip


def _percent(x: float) -> str:
    beyond = 100 / x
    digits = max(0, int(np.ceil(-np.log10(beyond))) + 1) if beyond < 10 else 0
    return f"{100 - beyond:.{digits}f} %"


def _time_unit(lines: Sequence[Line]) -> tuple[float, str]:
    longest = max((float(line.t.max()) for line in lines if len(line.t)), default=0.0)
    return (60.0, "min") if longest > 1200 else (1.0, "s")


def scale_y(figure: go.Figure, values: Floats, log: bool, top: float | None) -> None:
    """Set a logarithmic axis over the positive values, or a linear one from zero."""
    positive = values[values > 0]
    if log and len(positive):
        low, high = np.log10(positive.min()), np.log10(positive.max())
        low = max(low, high - 6)
        figure.update_yaxes(
            type="log", range=[low - 0.08, high + 0.12], dtick="D2" if high - low < 2 else 1, tickformat=",~r"
        )
        return
    high = top if top is not None else float(values.max()) if len(values) else 0.0
    figure.update_yaxes(range=[0, high * 1.08 or 1.0], tickformat=",.3~s" if high >= 10_000 else ",.4~g")


def _extent(phases: Sequence[Phase], lines: Sequence[Line]) -> tuple[float, float]:
    """Return from when to when a chart reaches: all of the run, so that charts can be laid side by side."""
    seconds = [float(end) for line in lines if len(line.t) for end in (line.t[0], line.t[-1])]
    run = [phase for phase in phases if phase.name in _PHASES or phase.name == "drain"]
    ends = [*seconds, *(phase.start for phase in run), *(phase.end for phase in run)]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)


def _shade(figure: go.Figure, phases: Sequence[Phase], extent: tuple[float, float], scale: float) -> None:
    first, last = extent
    shapes, labels = [], []
    for phase in phases:
        start, end = max(phase.start, first), min(phase.end, last)
        if end <= start:
            continue
        if phase.fault or phase.name != "measure":
            color = FAULT if phase.fault else SHADE
            place = {"xref": "x", "yref": "paper", "x0": start / scale, "x1": end / scale, "y0": 0, "y1": 1}
            shapes.append({"type": "rect", "fillcolor": color, "line": {"width": 0}, "layer": "below", **place})
        if phase.fault or (end - start) > 0.07 * (last - first):
            text = html.escape(_PHASES.get(phase.name, phase.name))
            anchor = "top" if phase.fault else "bottom"  # below the names of phases
            place = {"x": (start + end) / 2 / scale, "y": 1, "yref": "paper", "yanchor": anchor}
            labels.append({"text": text, "showarrow": False, "font": {"size": 11, "color": FAINT}, **place})
    figure.update_layout(shapes=shapes, annotations=labels)


def layout(x: str, y: str) -> dict[str, Any]:
    """Return the look that all charts share, with the titles of the axes."""
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "ticks": "", "automargin": True}
    return {
        "template": {},
        "font": {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 56, "r": 14, "t": 22, "b": 44},
        "height": 340,
        "xaxis": {**axis, "title": {"text": html.escape(x), "standoff": 8}, "showgrid": False},
        "yaxis": {**axis, "title": {"text": html.escape(y), "standoff": 8}},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.1,
            "xanchor": "left",
            "yanchor": "bottom",
            "bgcolor": "rgba(0,0,0,0)",
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": FAINT, "activecolor": INK},
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": GRID, "font": {"color": INK}},
        "showlegend": True,
    }


def spec(figure: go.Figure) -> Figure:
    """Return a figure as plain data, as the page draws it."""
    plain: dict[str, Any] = figure.to_plotly_json()
    plain["layout"].pop("template", None)
    finite: dict[str, Any] = _finite(plain)
    return finite


def _finite(value: Any) -> Any:
    """Return plain data with null for what JSON has no word for: one NaN would cost the page all its charts."""
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return {key: _finite(item) for key, item in value.items()} if isinstance(value, dict) else value
