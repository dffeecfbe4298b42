"""The control: the base point comes back throughout the sweep, and what it shows over time is not a knob's doing."""

from __future__ import annotations

import numpy as np

from loadkit.report.block import Block, Chart, Points, block, table
from loadkit.report.sweep import answer, planes, words
from loadkit.report.sweep.spots import axis, in_chart
from loadkit.report.sweep.view import View, seconds_of

TITLE = "Drift control"
ORDER = 75
_LEAD = (
    "The base point is repeated throughout the sweep. A line through the logarithms of its figures over time is tested "
    "(t-test of the slope at 5 %, so one steady sweep in twenty raises a false alarm)."
)


def build(view: View) -> Block | None:
    """Return the test's answer for the objective and p99 latency, and the base's trials over time."""
    names = list(dict.fromkeys((view.objective, "latency.p99")))
    tested = answer.drifts(view, names)
    said = [answer.drift_sentence(name, one) for name, one in tested.items()]
    if view.objective not in tested:
        said.append("The base point came back fewer than four times, too few to test for drift.")
    return block(TITLE, [Points(tuple(said)), _chart(view)], _LEAD) if view.base else None


def _chart(view: View) -> Chart | None:
    name, base = view.objective, view.base
    seen = sorted(
        (at, v) for t in (base.trials if base else ()) if (at := seconds_of(t)) and (v := t.metrics.get(name))
    )
    if len(seen) < 2:
        return None
    t = np.array([(at - seen[0][0]) / 60 for at, _ in seen])
    y = np.array([in_chart(name, value) for _, value in seen], float)
    figure = planes.over_time(t, y, axis(name))
    rows = [[f"{minute:.1f}", view.show(name, value)] for minute, (_, value) in zip(t, seen, strict=True)]
    shown = table("the base's trials", ("minutes", words.metric(name)), rows, folded=True, texts=())
    return Chart("control", f"The base point's {words.metric(name)} over the sweep", figure, shown)
