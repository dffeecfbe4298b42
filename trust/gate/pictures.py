"""The figure of the gates' page: power against effect, a line a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from loadkit.gate.statistics import POWER
from loadkit.report import charts
from loadkit.report.charts import Figure


def power(lines: Mapping[int, Sequence[tuple[float, float]]], promised: Mapping[int, float]) -> Figure:
    """Return the share of gates (percent) that find an effect (percent), by the pairs they may take.

    A diamond on the line of the promised power stands at the smallest effect that gates of a budget promise.
    """
    figure = go.Figure(layout=charts.layout("true effect (%)", "gates that fail (%)"))
    for at, (budget, points) in enumerate(lines.items()):
        x, y = ([100 * point[axis] for point in points] for axis in (0, 1))
        color, name = charts.color_of(at), f"{budget} pairs"
        figure.add_trace(go.Scatter(x=x, y=y, mode="lines+markers", name=name, legendgroup=name,
                                    line={"color": color, "width": 1.8}, hovertemplate="%{y:.1f} %"))  # fmt: skip
        figure.add_trace(go.Scatter(
            x=[100 * promised[budget]], y=[100 * POWER], mode="markers", name=f"{name} promise", legendgroup=name,
            showlegend=False, marker={"color": color, "size": 11, "symbol": "diamond"},
            hovertemplate="promised: %{x:.1f} %",
        ))  # fmt: skip
    figure.add_hline(y=100 * POWER, line={"color": charts.FAINT, "width": 1, "dash": "dot"})
    return charts.spec(figure)
