"""The figure of a case: latency against the share of messages that it does not exceed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from loadkit.report import charts
from loadkit.report.charts import Figure
from trust.stalls.truth import QUANTILES


def curve(case: Mapping[str, Any]) -> Figure:
    """Return the record's curve (ms against %), with loadkit's and the producer tool's points."""
    figure = go.Figure(layout=charts.layout("messages (%)", "latency (ms)"))
    found = case["loadkit"]["curve"]
    shares = [100 * share for share in found["shares"]]
    truth, ours, theirs = (charts.color_of(at) for at in range(3))
    figure.add_trace(go.Scatter(x=shares, y=_ms(found["truth"]), mode="lines", name="record",
                                line={"color": truth, "width": 4}, hovertemplate="%{y:.1f} ms"))  # fmt: skip
    figure.add_trace(go.Scatter(x=shares, y=_ms(found["reported"]), mode="markers", name="loadkit",
                                marker={"color": ours, "size": 5}, hovertemplate="%{y:.1f} ms"))  # fmt: skip
    if tool := case.get("tools"):
        printed = tool["printed"]
        figure.add_trace(go.Scatter(
            x=[100 * QUANTILES[name] for name in printed], y=_ms(printed.values()), mode="lines+markers",
            name="kafka-producer-perf-test", line={"color": theirs, "width": 1.2, "dash": "dot"},
            marker={"color": theirs, "size": 9, "symbol": "x"}, hovertemplate="%{y:.0f} ms",
        ))  # fmt: skip
    return charts.spec(figure)


def _ms(seconds: Any) -> list[float]:
    return [1e3 * value for value in seconds]
