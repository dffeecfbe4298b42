"""How the search went: the rate of each trial in the order of time, with what became of it and why."""

from __future__ import annotations

from loadkit.report import charts
from loadkit.report.block import Block, Cell, Chart, Table, block, table
from loadkit.report.sweep import planes, words
from loadkit.report.sweep.marks import VERDICTS, Spot, Trail
from loadkit.report.sweep.maximum.sections.curve import hover
from loadkit.report.sweep.maximum.view import KINDS, View
from loadkit.report.sweep.view import show
from loadkit.units import format_rate

TITLE = "How the search went"
ORDER = 30


def build(view: View) -> Block | None:
    """Return the path of the search and its trials as a table."""
    return block(TITLE, [_path(view), _trials(view)]) if view.probes else None


def _path(view: View) -> Chart:
    spots = tuple(
        Spot(float(at), probe.rate, VERDICTS[probe.mark], hover(view, probe)) for at, probe in enumerate(view.probes, 1)
    )
    line = tuple((spot.x, spot.y) for spot in spots)
    figure = planes.trails([Trail("", spots, charts.GREY, line)], "trial", "rate offered (msg/s)", log_x=False)
    return Chart(
        "search", "The rate of each trial", figure, note="First the edge is bracketed, then halved, then held."
    )


def _trials(view: View) -> Table:
    names = [name for name in dict.fromkeys(("throughput", *view.metrics, "lag_time.max"))
             if any(probe.metrics.get(name) is not None for probe in view.probes)]  # fmt: skip
    rows = []
    for at, probe in enumerate(view.probes, 1):
        tone = {"pass": "good", "fail": "bad"}.get(probe.mark, "warn")
        cells = [Cell(show(name, probe.metrics.get(name)), value=probe.metrics.get(name)) for name in names]
        rows.append([
            Cell(str(at), value=float(at)), Cell(KINDS.get(probe.kind, probe.kind)),
            Cell(format_rate(probe.rate), value=probe.rate), Cell(VERDICTS[probe.mark].name, tone=tone), *cells,
            Cell(probe.limit), Cell("; ".join(probe.reasons) or "–"),
        ])  # fmt: skip
    head = ("trial", "kind", "rate offered", "verdict", *(words.metric(name) for name in names), "limit", "why")
    return table("Trials in the order of time", head, rows, texts=(1, 3, len(head) - 2, len(head) - 1), sortable=True)
