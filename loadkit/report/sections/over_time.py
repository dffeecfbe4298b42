"""Throughput and latency by the second, with warm-up and drain shaded."""

from __future__ import annotations

import numpy as np

from loadkit.report import charts
from loadkit.report.block import Block, Cell, Chart, Table, block, table
from loadkit.report.curves import by_window, window_for, window_of
from loadkit.report.series import line_chart
from loadkit.report.view import View
from loadkit.result import Track
from loadkit.units import format_count, format_duration

TITLE = "Over time"
ORDER = 20
_LEAD = (
    "Nothing measured is cut: a stall or a slow start stays in every figure. Shaded: phases that are not measured, and "
    "faults by their names."
)
_QS = (0.5, 0.99)
_ROWS = 60


def build(view: View) -> Block | None:
    """Return throughput, messages waiting, latency and end-to-end time by the second."""
    return block(TITLE, [_throughput(view), _waiting(view), _times(view, "latency"), _times(view, "end_to_end")], _LEAD)


def _throughput(view: View) -> Chart | None:
    lines = [
        charts.Line("due", *view.all_of("producer", "due"), charts.GREY, 1.4),
        charts.Line("acknowledged", *_each_second(view, "producer", "acked"), charts.BLUE),
        charts.Line("received", *_each_second(view, "consumer", "received"), charts.PINK),
        charts.Line("failed", *_each_second(view, "producer", "errors"), charts.RED),
    ]
    return line_chart(
        view, "throughput", "Messages a second: due, acknowledged, received", "messages a second", "msg/s", lines
    )


def _each_second(view: View, kind: str, key: str) -> tuple[charts.Floats, charts.Floats]:
    """Return a count for every second from its first to the last in which messages were due or came.

    A second without any has no row of it and counts 0: a line drawn over a stall would show what never was.
    """
    t, y = view.all_of(kind, key)
    if not len(t):
        return t, y
    due, _ = view.all_of("producer", "due")
    every = np.arange(t[0], max(t[-1], due[-1] if len(due) else t[-1]) + 1)
    found = np.zeros(len(every))
    found[(t - t[0]).astype(int)] = y
    return every, found


def _waiting(view: View) -> Chart | None:
    lines = [
        charts.Line("due and not yet sent", *view.all_of("producer", "debt"), charts.AMBER),
        charts.Line("sent and not yet acknowledged", *view.all_of("producer", "in_flight"), charts.BLUE),
    ]
    if not any(len(line.y) and line.y.max() > 0 for line in lines):
        return None
    return line_chart(
        view, "waiting", "Messages waiting at the end of each second", "messages waiting", "messages", lines, how="max"
    )


def _times(view: View, series: str) -> Chart | None:
    """Return p50, p99 and the maximum of a series by the second, or by the shortest window that carries a p99."""
    track = view.track(series)
    if track is None or not len(track.seconds):
        return None
    width = min(window_of(track, 0.99), max(int(len(track.seconds) / 4), 1))
    parts = [by_window(part, width, _QS) for part in (view.warmup(series), track) if part]
    t, _, values, maxima = (np.concatenate([part[side] for part in parts]) for side in range(4))
    t, values, maxima = _with_gaps(t, width, values, maxima)
    lines = [
        charts.Line("max", t, maxima * 1e3, charts.RED, 1.2),
        charts.Line("p99", t, values[:, 1] * 1e3, charts.BLUE),
        charts.Line("p50", t, values[:, 0] * 1e3, charts.GREEN),
    ]
    lines = [line for line in lines if not np.isnan(line.y).all()]
    word = series.replace("_", " ")
    every = "second" if width == 1 else f"{format_duration(width)} window"
    note = _note(bool(np.isnan(values[:, 1]).all()), width)
    figure = charts.over_time(lines, word, "ms", view.phases, log=True)
    return Chart(
        f"{series}-over-time", f"{word.capitalize()} in each {every}: p50, p99 and maximum", figure, _table(track), note
    )


def _note(no_p99: bool, width: int) -> str:
    if no_p99:
        return "No p99: a p99 takes 1,000 values, and no window has as many."
    return "" if width == 1 else f"A p99 takes 1,000 values, so each point covers {width} s."


def _with_gaps(
    t: charts.Floats, width: int, values: charts.Floats, maxima: charts.Floats
) -> tuple[charts.Floats, charts.Floats, charts.Floats]:
    """Put a NaN where windows are missing, so that no line is drawn over seconds in which nothing came back.

    Warm-up and measured phase may share a second: no line joins them either.
    """
    step = np.diff(t)
    missing = np.flatnonzero((step > width * 1.5) | (step < width * 0.5)) + 1
    return (
        np.insert(t, missing, t[missing - 1] + width),
        np.insert(values, missing, np.nan, axis=0),
        np.insert(maxima, missing, np.nan),
    )


def _table(track: Track) -> Table:
    """Return percentiles of longer windows: merged histograms, no averages of percentiles."""
    width = window_for(float(track.seconds[-1] - track.seconds[0] + 1), _ROWS)
    t, counts, values, maxima = by_window(track, width, (0.5, 0.9, 0.99, 0.999))
    rows: list[list[Cell | str]] = []
    for at in range(len(t)):
        cells = [
            Cell("–", "fewer than ten values lie beyond") if np.isnan(v) else Cell(format_duration(float(v)))
            for v in values[at]
        ]
        rows.append([f"{t[at]:,.0f}", format_count(float(counts[at])), *cells, format_duration(float(maxima[at]))])
    head = (f"from (s, {width} s each)", "messages", "p50", "p90", "p99", "p99.9", "max")
    return table("by time", head, rows, folded=True, texts=())
