"""Percentile curves of both sides with bands, and the shift of each percentile with its interval."""

from __future__ import annotations

import numpy as np

from loadkit.compare.within import Around
from loadkit.report.block import Block, Cell, Chart, Table, block, table
from loadkit.report.gate import pictures, words
from loadkit.report.gate.beside import QUANTILES, Beside, Sided
from loadkit.units import format_duration

TITLE = "Percentiles"
ORDER = 20
_READING = "its intervals are for reading, not for judging: each holds for its percentile alone."
_LEADS = {
    "pairs": "Each line is the geometric mean over trials, its band the 99 % interval of that mean. The shift is the "
    f"mean change over pairs; {_READING}",
    "samples": "Each line is the geometric mean over results, its band the 99 % interval of that mean. The shift is "
    f"the change from mean to mean; {_READING}",
    "within": "Each line is one result, its band the 99 % interval by its own seconds, in blocks: how far runs "
    f"differ from each other is not in it. The shift is the change from one to the other; {_READING}",
}


def build(view: Sided) -> Block | None:
    """Return both charts of the series that is compared."""
    beside = view.beside
    if not all(np.isfinite(beside.logs(name)).any() for name in beside.names):
        return None
    word = beside.series.replace("_", " ")
    bands = []
    for name in beside.names:
        middle, low, high = (1e3 * np.exp(part) for part in beside.band(name))
        bands.append((name, middle, low, high))
    curves = pictures.curves(np.array(QUANTILES), bands, word)
    parts: list[Chart | None] = [Chart("curves", f"{word.capitalize()} by percentile", curves)]
    if shifted := beside.shift():
        parts.append(_shift(beside, shifted))
    return block(TITLE, parts, _LEADS[beside.basis])


def _shift(beside: Beside, ends: Around) -> Chart:
    middle, low, high = (100 * np.expm1(part) for part in ends)
    figure = pictures.shift(np.array(QUANTILES), middle, low, high, beside.names[0])
    return Chart("shift", "Shift of each percentile", figure, _table(beside, (middle, low, high)))


def _table(beside: Beside, percent: Around) -> Table:
    rows: list[list[Cell | str]] = []
    middle, low, high = percent
    means = [np.exp(beside.logs(name).mean(axis=0)) for name in beside.names]
    for at, q in enumerate(QUANTILES):
        if not np.isfinite(middle[at]):
            continue
        told = low[at] != middle[at] or high[at] != middle[at]
        interval = f"{words.share(low[at] / 100)} to {words.share(high[at] / 100)}" if told else "–"
        old, new = (format_duration(float(mean[at])) for mean in means)
        rows.append([f"p{100 * q:g}", old, new, words.share(middle[at] / 100), interval])
    return table("shift", ("percentile", *beside.names, "change", "interval"), rows, folded=True)
