"""Two knobs together: the objective over the levels of the two that matter most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loadkit.report.block import Block, Cell, Chart, block, table
from loadkit.report.sweep import rows, words
from loadkit.report.sweep.view import MEASURED, Tried, View, level
from loadkit.sweep.spec import Axis

TITLE = "Two knobs together"
ORDER = 30


def build(view: View) -> Block | None:
    """Return the heat map of the two knobs with the largest effects on the objective."""
    pair = _pair(view)
    return block(TITLE, [_chart(view, *pair)]) if pair else None


def _pair(view: View) -> tuple[Axis, Axis] | None:
    """Return the two axes to show: those that interact, else those that matter most, else the first two."""
    axes = {axis.path: axis for axis in view.stored.sweep.axes if len(axis.values) > 1}
    if len(axes) < 2:
        return None
    found = view.effects(view.objective)
    ranked = [path for effect in (found.mains if found else ()) for path in effect.paths]
    told = next((effect.paths for effect in (found.interactions if found else ()) if effect.told), ())
    one, other = list(dict.fromkeys([*told, *ranked, *axes]))[:2]
    return axes[one], axes[other]


def _chart(view: View, across: Axis, up: Axis) -> Chart | None:
    name = view.objective
    values: list[list[float | None]] = []
    unsafe: list[tuple[int, int]] = []
    for row, high in enumerate(up.values):
        values.append([])
        for column, wide in enumerate(across.values):
            inside = [t for t in view.points if t.point.settings.get(across.path) == wide
                      and t.point.settings.get(up.path) == high and t.state == MEASURED]  # fmt: skip
            safe = [tried for tried in inside if tried.point.safe]
            values[-1].append(_mean(view, safe or inside))
            if inside and not safe:
                unsafe.append((column, row))
    known = [value for row in values for value in row if value]
    if len(known) < 2:
        return None
    texts = [[view.show(name, value) for value in row] for row in values]
    levels = ([level(value) for value in across.values], [level(value) for value in up.values])
    figure = rows.heat(values, texts, unsafe, levels, (across.path, up.path, words.metric(name)))
    cells: list[Sequence[Cell | str]] = [[side, *row] for side, row in zip(levels[1], texts, strict=True)]
    shown = table(f"by {up.path} and {across.path}", (f"{up.path} \\ {across.path}", *levels[0]), cells, folded=True)
    caption = f"{words.capital(words.metric(name))} by {across.path} and {up.path}"
    return Chart("heat", caption, figure, shown, _note(view, bool(unsafe)))


def _mean(view: View, tried: Sequence[Tried]) -> float | None:
    """Return the geometric mean over points: the one that belongs to effects on a logarithm."""
    values = [value for one in tried if (value := view.value(one, view.objective)) and value > 0]
    return float(np.exp(np.mean(np.log(values)))) if values else None


def _note(view: View, unsafe: bool) -> str:
    more = len([axis for axis in view.stored.sweep.axes if len(axis.values) > 1]) > 2
    said = "A cell is the geometric mean over the other knobs, safe points only." if more else ""
    crossed = " A crossed cell has none: it shows its unsafe points." if unsafe else ""
    return f"{said}{crossed} Darker (in the dark: brighter) is more.".strip()
