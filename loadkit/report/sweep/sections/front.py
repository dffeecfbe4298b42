"""Trade-offs: points in the plane of two metrics, and the front of those that no safe point beats in both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loadkit.analysis import pareto
from loadkit.report.block import Block, Cell, Chart, Prose, block, table
from loadkit.report.sweep import answer, planes, words
from loadkit.report.sweep.spots import axis, in_chart, spot
from loadkit.report.sweep.view import MEASURED, Tried, View, higher_is_better
from loadkit.sweep.goals import WIRE

TITLE = "Trade-offs"
ORDER = 10
_LEAD = (
    "A point is on the front when no other safe point is better in both metrics. Hover over a point, or tap it, for "
    "all its facts."
)
_AGAINST = ("max_rate", "throughput", "client.cpu_per_message", WIRE)
"""What latency is set against, as far as it was recorded and differs between points."""


def build(view: View) -> Block | None:
    """Return one plane for each metric that latency trades against; the first is the widest."""
    latency = _latency(view)
    there = [name for name in _AGAINST if name != latency and view.varies(name)]
    charts = [_plane(view, name, latency, half=at > 0 and len(there) > 2) for at, name in enumerate(there)]
    flat = _flat(view) if "throughput" not in there and "max_rate" not in there else None
    return block(TITLE, [flat, *charts], _LEAD if any(charts) else "")


def _latency(view: View) -> str:
    """Return the latency that is set against other metrics: the objective where it is one."""
    name = view.objective
    return name if not higher_is_better(name) and name.partition(".")[0] in ("latency", "end_to_end") else "latency.p99"


def _flat(view: View) -> Prose | None:
    base = view.base
    if not base or view.value(base, "throughput") is None:
        return None
    shown = view.show("throughput", view.value(base, "throughput"))
    return Prose(
        f"Every point took the rate that was offered, {shown}, so rate and latency trade nothing here: vary a rate, or "
        "give --objective max, to see what each point can take."
    )


def _plane(view: View, x: str, y: str, half: bool) -> Chart | None:
    tried = [t for t in view.shown if (view.value(t, x) or 0) > 0 and (view.value(t, y) or 0) > 0]
    if len(tried) < 2:
        return None
    on = front_of(view, tried, x, y)
    found = answer.best(view)
    spots = [s for t in tried if (s := spot(view, t, x, y, _ring(t, found)))]
    line = [(in_chart(x, view.value(t, x)) or 0.0, in_chart(y, view.value(t, y)) or 0.0) for t in on]
    figure = planes.tradeoff(spots, line, axis(x), axis(y))
    rows: list[Sequence[Cell | str]] = [
        [t.label, view.show(x, view.value(t, x)), view.show(y, view.value(t, y)), "yes" if t in on else "no", _safe(t)]
        for t in sorted(tried, key=lambda t: (t not in on, view.value(t, y) or 0))
    ]
    head = ("point", words.metric(x), words.metric(y), "on the front", "safe")
    shown = table("points of the plane, the front first", head, rows, folded=True, texts=(0, 3, 4))
    caption = f"{words.capital(words.metric(y))} against {words.metric(x)}"
    return Chart(f"front-{x.replace('.', '-').replace('_', '-').replace(' ', '-')}", caption, figure, shown, half=half)


def _ring(tried: Tried, found: answer.Best | None) -> str:
    return "best safe" if found and tried is found.tried else "base" if tried.point.base else ""


def _safe(tried: Tried) -> str:
    return "yes" if tried.point.safe else "no"


def front_of(view: View, tried: Sequence[Tried], x: str, y: str) -> list[Tried]:
    """Return the safe, measured points that no other such point beats in both metrics."""
    able = [t for t in tried if t.point.safe and t.state == MEASURED]
    signs = [-1.0 if higher_is_better(name) else 1.0 for name in (x, y)]
    values = np.array([[view.value(t, x) or np.nan, view.value(t, y) or np.nan] for t in able], float).reshape(-1, 2)
    return [t for t, on in zip(able, pareto.front(values * signs), strict=True) if on]
