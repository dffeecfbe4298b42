"""Latency against throughput, where the sweep varies a rate: one curve for each combination of the other knobs."""

from __future__ import annotations

from loadkit.analysis.knee import knee
from loadkit.report.block import Block, Chart, block, table
from loadkit.report.sweep import planes
from loadkit.report.sweep.marks import Spot, Trail
from loadkit.report.sweep.spots import axis, hover, in_chart, mark
from loadkit.report.sweep.view import Tried, View, label

TITLE = "Latency against throughput"
ORDER = 50
MOST = 6
"""Curves of one picture; more cannot be told apart."""
KNEE = (
    "The knee is where throughput divided by latency is largest (Kleinrock 1979): beyond it, one percent more rate "
    "costs more than one percent of latency. It is known no closer than the rates measured on either side."
)


def build(view: View) -> Block | None:
    """Return the curves over the rate axis with the most levels; None when no rate varies."""
    rates = [one for one in view.stored.sweep.axes if one.path.rpartition(".")[2] == "rate" and len(one.values) > 2]
    if not rates:
        return None
    path = max(rates, key=lambda one: len(one.values)).path
    return block(TITLE, [_chart(view, path)], KNEE)


def _chart(view: View, path: str) -> Chart | None:
    others = [axis.path for axis in view.stored.sweep.axes if axis.path != path]
    lines: dict[str, list[Tried]] = {}
    for tried in view.shown:
        if tried.trials and view.value(tried, "throughput") and view.value(tried, "latency.p99"):
            lines.setdefault(label(tried.point.settings, others) or "all points", []).append(tried)
    kept = {name: tried for name, tried in lines.items() if len(tried) > 2}
    if not kept:
        return None
    first = sorted(kept, key=lambda name: (not any(t.point.base for t in kept[name]), not kept[name][0].point.safe))[
        :MOST
    ]
    trails, rows = [], []
    for at, name in enumerate(first):
        found = knee(*_measured(view, kept[name]))
        at_knee = (found.rate, found.latency * 1e3) if found else None
        spots = sorted((_spot(view, t) for t in kept[name]), key=lambda spot: spot.x)
        line = tuple((spot.x, spot.y) for spot in spots)
        trails.append(Trail(name if len(first) > 1 else "", tuple(spots), at, line, at_knee))
        between = tuple(view.show("throughput", rate) for rate in found.between) if found else ()
        rows.append([
            name, view.show("throughput", found.rate) if found else "not within the rates measured",
            f"{between[0]} to {between[1]}" if found else "–",
            view.show("latency.p99", found.latency) if found else "–",
        ])  # fmt: skip
    shown = table("knees", ("curve", "knee at", "between measured rates", "p99 latency there"), rows, texts=(0,))
    figure = planes.trails(trails, axis("throughput"), axis("latency.p99"))
    note = f"{MOST} of {len(kept)} curves are drawn, the base's first." if len(kept) > MOST else ""
    return Chart("rates", "p99 latency against throughput", figure, shown, note)


def _measured(view: View, line: list[Tried]) -> tuple[list[float], list[float]]:
    return [view.value(t, "throughput") or 0.0 for t in line], [view.value(t, "latency.p99") or 0.0 for t in line]


def _spot(view: View, tried: Tried) -> Spot:
    rate = in_chart("throughput", view.value(tried, "throughput")) or 0.0
    latency = in_chart("latency.p99", view.value(tried, "latency.p99")) or 0.0
    return Spot(rate, latency, mark(tried), hover(view, tried))
