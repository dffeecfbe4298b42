"""Both sides over the seconds of a trial, all their trials laid upon each other."""

from __future__ import annotations

import numpy as np

from loadkit.report import charts
from loadkit.report.block import Block, Chart, block
from loadkit.report.curves import by_window
from loadkit.report.gate.view import View
from loadkit.result import merged

TITLE = "Over time"
ORDER = 30


def build(view: View) -> Block | None:
    """Return p99 and the median by second."""
    lines = []
    for at, side in enumerate(("baseline", "candidate")):
        tracks = view.tracks(side, view.series)
        if not tracks:
            return None
        t, _, values, _ = by_window(merged(view.series, tracks), 1, (0.5, 0.99))
        for column, word in enumerate(("median", "p99")):
            if np.isfinite(values[:, column]).any():
                lines.append(charts.Line(f"{side} {word}", t, 1e3 * values[:, column], at, 1.2 + 0.8 * column))
    title = view.series.replace("_", " ")
    figure = charts.over_time(lines, title, "ms", log=True)
    caption = f"{title.capitalize()} by second of the trial, all trials of a side merged"
    return block(TITLE, [Chart("gate-time", caption, figure)])
