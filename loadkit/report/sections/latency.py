"""Percentile curves (HDR plot): latency with what it is made of, and by class where there are several."""

from __future__ import annotations

from loadkit import vocabulary
from loadkit.report import charts
from loadkit.report.block import Block, Cell, Chart, Table, block, table
from loadkit.report.curves import percentile_curve
from loadkit.report.view import View

TITLE = "Latency"
ORDER = 10
_LEAD = (
    "Latency counts from the instant a message was due to its acknowledgement, so it includes the time a slow cluster "
    "or generator kept it waiting. Service time counts from handing the message to the client; send delay is the "
    "difference. End to end counts from the instant a message was due to its receipt."
)
_COLORS = {"latency": charts.BLUE, "service_time": charts.GREEN, "send_delay": charts.AMBER, "end_to_end": charts.PINK,
           "commit": charts.GREY}  # fmt: skip
_NOTE = "Dotted grey: fewer than ten values lie beyond, so the curve is noise there."


def build(view: View) -> Block | None:
    """Return the percentile curves of every recorded series, and of each class when there are several."""
    return block(TITLE, [_whole(view), *(_by_class(view, series) for series in ("latency", "end_to_end"))], _LEAD)


def _whole(view: View) -> Chart | None:
    curves, names = [], []
    for series in vocabulary.LATENCIES:
        track = view.track(series)
        if track and track.maxima.any():  # a series of zeros has no place on a logarithmic axis
            x, y, carried = percentile_curve(track.total)
            curves.append(
                charts.Curve(
                    series.replace("_", " "),
                    x,
                    y * 1e3,
                    carried,
                    _COLORS[series],
                    "dash" if series == "service_time" else "solid",
                )
            )
            names.append((series, series))
    if not curves:
        return None
    return Chart(
        "percentiles",
        "Time by percentile, whole measured phase",
        charts.percentiles(curves, "time"),
        _table(view, names),
        _NOTE,
    )


def _by_class(view: View, series: str) -> Chart | None:
    owners = [name for name in (*view.producers, *view.consumers) if view.track(series, name)]
    if len(owners) < 2:
        return None
    curves = []
    for owner in owners:
        track = view.track(series, owner)
        if track:
            x, y, carried = percentile_curve(track.total)
            curves.append(charts.Curve(owner, x, y * 1e3, carried))
    word = series.replace("_", " ")
    names = [(owner, f"{owner}.{series}") for owner in owners]
    figure = charts.percentiles(curves, word)
    return Chart(f"percentiles-{series}", f"{word.capitalize()} by class", figure, _table(view, names), _NOTE)


def _table(view: View, names: list[tuple[str, str]]) -> Table:
    """Return the statistics of each series, a percentile with its 95 % interval."""
    rows: list[list[Cell | str]] = []
    for statistic in vocabulary.STATISTICS:
        rows.append([statistic, *(_cell(view, f"{metric}.{statistic}") for _, metric in names)])
    head = ["", *(label.replace("_", " ") for label, _ in names)]
    return table("statistics with 95 % intervals", head, rows, folded=True)


def _cell(view: View, name: str) -> Cell:
    shown = view.cell(name)
    interval = view.interval(name)
    return Cell(f"{shown.text} ({interval})", view.summary.too_short.get(name, "")) if interval else shown
