"""Both sides over the seconds of a trial, all their trials laid upon each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loadkit.report import charts
from loadkit.report.block import Block, Chart, block
from loadkit.report.curves import by_window, window_of
from loadkit.report.gate.beside import Sided
from loadkit.result import Track, merged

TITLE = "Over time"
ORDER = 30
_FEWEST = 5
"""Windows under which seconds are shown, with p99 left out where they hold too few values."""


def build(view: Sided) -> Block | None:
    """Return p99 and the median by second, or by as many seconds as p99 needs."""
    beside = view.beside
    found = [beside.tracks(side, beside.series) for side in beside.names]
    if not all(found):
        return None
    wholes = [merged(beside.series, tracks) for tracks in found]
    lines, width = [], _width(wholes)
    for at, (side, whole) in enumerate(zip(beside.names, wholes, strict=True)):
        t, _, values, _ = by_window(whole, width, (0.5, 0.99))
        for column, word in enumerate(("median", "p99")):
            if np.isfinite(values[:, column]).any():
                lines.append(charts.Line(f"{side} {word}", t, 1e3 * values[:, column], at, 1.2 + 0.8 * column))
    title = beside.series.replace("_", " ")
    figure = charts.over_time(lines, title, "ms", log=True)
    step = "second" if width == 1 else f"{width} seconds"
    caption = f"{title.capitalize()} by {step} of the trial, all trials of a side merged"
    return block(TITLE, [Chart("gate-time", caption, figure)])


def _width(wholes: Sequence[Track]) -> int:
    """Return the length (s) of the windows: one for both sides."""
    needed = max(window_of(whole, 0.99) for whole in wholes)
    shortest = min(int(whole.seconds[-1] - whole.seconds[0]) + 1 for whole in wholes)
    return needed if needed * _FEWEST <= shortest else 1
