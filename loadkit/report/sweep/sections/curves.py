"""Latency curves of chosen points over each other, each from the merged histograms of all its repeats."""

from __future__ import annotations

from collections.abc import Sequence

from loadkit.report import charts
from loadkit.report.block import Block, Cell, Chart, block, table
from loadkit.report.curves import percentile_curve
from loadkit.report.sweep import answer, merging
from loadkit.report.sweep.view import MEASURED, Tried, View

TITLE = "Latency curves"
ORDER = 40
STATISTICS = ("p50", "p90", "p99", "p99.9", "p99.99", "max", "mean")
_LEAD = (
    "Every message of all repeats of a point, merged; no percentile is an average. Latency counts from the instant a "
    "message was due. Dashed: unsafe. Dotted grey: fewer than ten values lie beyond."
)
_COLORS = (charts.BLUE, charts.GREEN, charts.PINK, charts.AMBER, charts.GREY)
_WORDS = {"latency": "latency", "end_to_end": "end-to-end time"}


def build(view: View) -> Block | None:
    """Return the curves of latency and of end-to-end time."""
    wanted = chosen(view)
    return block(TITLE, [_chart(view, series, wanted) for series in _WORDS], _LEAD)


def chosen(view: View) -> list[tuple[str, Tried]]:
    """Return a few points worth comparing, each with what it is: best, base, best unsafe, middle and worst."""
    found = answer.best(view)
    name = view.objective
    there = [t for t in view.points if t.state == MEASURED and view.value(t, name) is not None]
    ranked = sorted(there, key=lambda t: (view.value(t, name) or 0.0) * (-1 if view.higher else 1))
    unsafe = [tried for tried in ranked if not tried.point.safe]
    picked = {
        "best safe": found.tried if found else None, "base": view.base, "best unsafe": next(iter(unsafe), None),
        "middle": ranked[len(ranked) // 2] if ranked else None, "worst": ranked[-1] if ranked else None,
    }  # fmt: skip
    kept = {tried.point.id: tried for tried in picked.values() if tried}
    roles = {name: [role for role, tried in picked.items() if tried is one] for name, one in kept.items()}
    return [(" and ".join(roles[name]), tried) for name, tried in kept.items()]


def _chart(view: View, series: str, wanted: Sequence[tuple[str, Tried]]) -> Chart | None:
    curves, rows = [], []
    for at, (role, tried) in enumerate(wanted):
        whole = merging.merged([view.out / trial.folder for trial in tried.trials], series)
        if not whole or not whole.max:
            continue
        x, y, carried = percentile_curve(whole)
        color = _COLORS[at] if tried.point.safe else charts.RED
        dash = "solid" if tried.point.safe else "dash"
        curves.append(charts.Curve(f"{role} ({tried.point.id})", x, y * 1e3, carried, color, dash))
        cells = [Cell(view.show(f"{series}.{which}", merging.statistic(whole, which))) for which in STATISTICS]
        rows.append([Cell(f"{role} ({tried.point.id})"), Cell(tried.label), *cells, Cell(f"{len(whole):,}")])
    if not curves:
        return None
    said = _WORDS[series]
    shown = table(
        f"{said} of these points", ("point", "settings", *STATISTICS, "messages"), rows, texts=(0, 1), folded=True
    )
    key = f"curves-{series.replace('_', '-')}"
    return Chart(key, f"{said[0].upper()}{said[1:]} by percentile", charts.percentiles(curves, said), shown)
