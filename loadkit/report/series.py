"""Charts over time with the table of what they show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loadkit.report import charts
from loadkit.report.block import Chart, Table, table
from loadkit.report.curves import grouped, window_for
from loadkit.report.view import View

ROWS = 60
"""Most rows of the table under a chart over time."""
MOST = 12
"""Most lines of one chart; more cannot be told apart."""


def plain(value: float) -> str:
    """Return a number with four significant digits and thousands separated."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.4g}"


def line_chart(
    view: View,
    key: str,
    caption: str,
    title: str,
    unit: str,
    lines: Sequence[charts.Line],
    *,
    how: str = "mean",
    note: str = "",
    top: float | None = None,
    half: bool = False,
    show: Callable[[float], str] = plain,
    stacked: bool = False,
) -> Chart | None:
    """Return lines over time and their table by window (`how`: mean or max); None when no line has a value."""
    filled = [line for line in lines if len(line.t)]
    lines = [line for line in filled if line.name != "failed" or line.y.any()]
    if not lines:
        return None
    if len(lines) > MOST:
        highest = sorted(lines, key=lambda line: -float(line.y.max()))[:MOST]
        note = f"{note} The {MOST} highest of {len(lines)} are drawn.".strip()
        lines = [line for line in lines if any(line is one for one in highest)]
    caption = f"{caption}: {lines[0].name}" if len(lines) == 1 else caption
    figure = charts.over_time(lines, title, unit, view.phases, top=top, stacked=stacked)
    return Chart(key, caption, figure, _table(lines, unit, how, show), note, half)


def _table(lines: Sequence[charts.Line], unit: str, how: str, show: Callable[[float], str]) -> Table:
    first, last = min(float(line.t[0]) for line in lines), max(float(line.t[-1]) for line in lines)
    width = window_for(last - first + 1, ROWS)
    columns = [
        dict(zip(*(side.tolist() for side in grouped(line.t, line.y, width, how)), strict=True)) for line in lines
    ]
    rows = []
    for start in sorted({start for column in columns for start in column}):
        rows.append([f"{start:,.0f}", *(show(column[start]) if start in column else "–" for column in columns)])
    word = "" if width == 1 else f", {how} of {width} s"
    return table(f"by time ({unit}{word})", ("from (s)", *(line.name for line in lines)), rows, folded=True, texts=())
