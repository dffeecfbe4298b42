"""Every pair by itself: its change, and which side ran first."""

from __future__ import annotations

import math

from loadkit.report.block import Block, Chart, block, table
from loadkit.report.gate import pictures, words
from loadkit.report.gate.view import View

TITLE = "Pairs"
ORDER = 10
_LEAD = (
    "A pair is one trial of each side, one after the other; which goes first is drawn for every two pairs (ABBA or "
    "BAAB), so a machine that drifts favours neither. The shaded band is the interval of the mean, the dashed line the "
    "margin."
)


def build(view: View) -> Block | None:
    """Return a chart of the changes of each relative threshold's metric."""
    charts = [_chart(view, at) for at, one in enumerate(view.comparisons) if one.relative]
    return block(TITLE, charts, _LEAD) if any(charts) else None


def _chart(view: View, at: int) -> Chart | None:
    one = view.comparisons[at]
    effects, first, rows = [], [], []
    for a, b in zip(view.trials["baseline"], view.trials["candidate"], strict=False):
        old, new = a.metrics.get(one.metric), b.metrics.get(one.metric)
        if not old or not new or old < 0 or new < 0:
            continue
        effects.append(100 * (new / old - 1))
        first.append("baseline" if a.place == 0 else "candidate")
        rows.append([str(a.pair + 1), first[-1], words.shown(one.metric, old), words.shown(one.metric, new),
                     words.share(new / old - 1)])  # fmt: skip
    if not effects:
        return None
    low, high = one.interval
    band = None if low is None or high is None else (100 * low, 100 * high)
    margin = 100 * one.margin if math.isfinite(one.margin) else None
    figure = pictures.pairs(effects, first, band, margin, one.metric)
    made = table("pairs", ("pair", "first", "baseline", "candidate", "change"), rows, folded=True, texts=(0, 1))
    return Chart(f"pairs-{at}", f"Change of {one.metric} by pair", figure, made)
