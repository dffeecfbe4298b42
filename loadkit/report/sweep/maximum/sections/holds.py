"""Latency curves of the holds at the answer, merged, and of the trials above it that had to fail."""

from __future__ import annotations

from loadkit.report import charts
from loadkit.report.block import Block, Cell, Chart, block, table
from loadkit.report.curves import percentile_curve
from loadkit.report.sweep import merging
from loadkit.report.sweep.maximum.view import Probe, View
from loadkit.report.sweep.view import show
from loadkit.units import format_rate

TITLE = "Latency at the answer"
ORDER = 20
STATISTICS = ("p50", "p90", "p99", "p99.9", "p99.99", "max", "mean")
_LEAD = "Every message of all holds at the answer, merged; no percentile is an average. Dashed: the hold above it."
_WORDS = {"latency": "latency", "end_to_end": "end-to-end time"}


def build(view: View) -> Block | None:
    """Return the curves of latency and of end-to-end time; None before a hold has passed."""
    return block(TITLE, [_chart(view, series) for series in _WORDS], _LEAD) if view.holds else None


def _chart(view: View, series: str) -> Chart | None:
    lines = [("holds at the answer", view.holds, "solid", charts.BLUE), ("above it", view.over, "dash", charts.RED)]
    curves, rows = [], []
    for name, probes, dash, color in lines:
        whole = merging.merged([view.out / probe.folder for probe in probes], series)
        if whole and whole.max:
            x, y, carried = percentile_curve(whole)
            said = f"{name}: {_rates(probes)}"
            curves.append(charts.Curve(said, x, y * 1e3, carried, color, dash))
            cells = [Cell(show(f"{series}.{which}", merging.statistic(whole, which))) for which in STATISTICS]
            rows.append([Cell(said), *cells, Cell(f"{len(whole):,}")])
    if not curves:
        return None
    said = _WORDS[series]
    shown = table(f"{said} at the answer", ("holds", *STATISTICS, "messages"), rows, folded=True)
    key = f"holds-{series.replace('_', '-')}"
    return Chart(key, f"{said[0].upper()}{said[1:]} by percentile", charts.percentiles(curves, said), shown)


def _rates(probes: list[Probe]) -> str:
    return ", ".join(dict.fromkeys(format_rate(probe.rate) for probe in probes))
