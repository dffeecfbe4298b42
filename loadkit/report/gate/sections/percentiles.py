"""Percentile curves of both sides with bands over trials, and the shift of each percentile with its interval."""

from __future__ import annotations

import numpy as np

from loadkit.gate.statistics import ALPHA, estimate
from loadkit.report.block import Block, Cell, Chart, Table, block, table
from loadkit.report.curves import Floats
from loadkit.report.gate import pictures, words
from loadkit.report.gate.view import QUANTILES, View
from loadkit.units import format_duration

TITLE = "Percentiles"
ORDER = 20
_LEAD = (
    "Each line is the geometric mean over trials, its band the 99 % interval of that mean. The shift is the mean "
    "change over pairs; its intervals are for reading, not for judging: each holds for its percentile alone."
)


def build(view: View) -> Block | None:
    """Return both charts of the series that the gate is about."""
    series = view.series
    found = [view.quantiles(side, series) for side in ("baseline", "candidate")]
    if not all(len(one) and (np.nan_to_num(one) > 0).any() for one in found):
        return None
    word = series.replace("_", " ")
    bands = []
    for name, one in zip(("baseline", "candidate"), found, strict=True):
        middle, low, high = (1e3 * np.exp(part) for part in _ends(np.log(np.where(one > 0, one, np.nan))))
        bands.append((name, middle, low, high))
    curves = pictures.curves(np.array(QUANTILES), bands, word)
    parts: list[Chart | None] = [Chart("curves", f"{word.capitalize()} by percentile", curves)]
    if len(found[0]) == len(found[1]):
        parts.append(_shift(*found))
    return block(TITLE, parts, _LEAD)


def _shift(one: Floats, other: Floats) -> Chart:
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, low, high = (100 * np.expm1(part) for part in _ends(np.log(other / one)))
    figure = pictures.shift(np.array(QUANTILES), middle, low, high)
    return Chart("shift", "Shift of each percentile", figure, _table(one, other, middle, low, high))


def _ends(logs: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean and interval of each column; NaN where a trial has no value."""
    columns = [estimate(list(column), ALPHA / 2) if np.isfinite(column).all() else None for column in logs.T]
    with_ends = [
        (one.mean, one.low, one.high) if one and np.isfinite(one.low) else (one.mean,) * 3 if one else (np.nan,) * 3
        for one in columns
    ]
    middle, low, high = np.array(with_ends).T
    return middle, low, high


def _table(one: Floats, other: Floats, middle: Floats, low: Floats, high: Floats) -> Table:
    rows: list[list[Cell | str]] = []
    for at, q in enumerate(QUANTILES):
        if not np.isfinite(middle[at]):
            continue
        old, new = (float(np.exp(np.log(side[:, at]).mean())) for side in (one, other))
        rows.append([f"p{100 * q:g}", format_duration(old), format_duration(new), words.share(middle[at] / 100),
                     f"{words.share(low[at] / 100)} to {words.share(high[at] / 100)}"])  # fmt: skip
    return table("shift", ("percentile", "baseline", "candidate", "change", "interval"), rows, folded=True)
