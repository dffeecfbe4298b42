"""Which stage made the p99: the verdict, the mean time of each stage stacked over time, and the p99 of each."""

from __future__ import annotations

import numpy as np

from loadkit.analysis import blame, stages
from loadkit.analysis.blame import MEANING, Blame
from loadkit.analysis.stages import BUFFER, QUEUE, SEND, STAGES, TRIP, Seconds
from loadkit.report import charts
from loadkit.report.block import Block, Chart, Part, Prose, Table, Tile, Tiles, block, table
from loadkit.report.curves import POINTS, grouped
from loadkit.report.series import line_chart
from loadkit.report.view import View
from loadkit.units import format_duration

TITLE = "Stages"
ORDER = 35
_LEAD = (
    "Where messages spent their time between being due and being acknowledged, as clocked by this tool, by its client "
    "and by the brokers."
)
_ADD = "Means add up, percentiles do not: what is stacked are means."
_ACHIEVED = (
    ("Batch", "batch.size", "bytes as sent, mean"),
    ("Compression", "compression.ratio", "bytes before to bytes sent"),
    ("Requests", "requests", "a second"),
    ("Fullest partition", "partition.skew", "messages, times the mean"),
    ("Fullest partition", "partition.skew.bytes", "bytes, times the mean"),
)


def build(view: View) -> Block | None:
    """Return the verdict, the stages over time, and what batches, requests and partitions came to."""
    seconds = view.seconds
    if seconds is None:
        return None
    found = blame.of_result(view.result, seconds)
    means = stages.stack(seconds)
    said = _verdict(seconds, found)
    parts: list[Part | None] = [said, _stacked(view, seconds, means), _percentiles(view, seconds)]
    return block(TITLE, [*parts, _table(seconds, found), _achieved(view)], _LEAD)


def _verdict(seconds: Seconds, found: Blame | None) -> Prose:
    if found is None:
        return Prose(f"Too few messages for a p99: {seconds.messages:,} of {stages.FEWEST:,}.")
    because = "".join(f" {reason[0].upper()}{reason[1:]}." for reason in found.because)
    return Prose(f"{found.sentence}{because}")


def _stacked(view: View, seconds: Seconds, means: dict[str, charts.Floats]) -> Chart | None:
    """Return the stages' means stacked; of long runs, means of some seconds each."""
    lines = []
    last = int(np.flatnonzero(seconds.columns["latency_count"])[-1]) + 1
    width = -(-last // POINTS)
    for name in (name for name in STAGES if name in means):
        t, y = grouped(seconds.t[:last], means[name][:last] * 1e3, width, "mean")
        lines.append(charts.Line(name, t, y, STAGES.index(name)))
    caption = "Mean time of a message in each stage, stacked"
    return line_chart(view, "stages", caption, "mean time", "ms", lines, note=_ADD, stacked=True)


def _percentiles(view: View, seconds: Seconds) -> Chart | None:
    """Return the p99 of each stage that a client clocks beside that of latency."""
    columns = {"latency": ("latency_p99", "latency_count"), SEND: ("send_delay_p99", "send_delay_count")}
    columns |= {name: (f"{name}_p99", f"{name}_count") for name in (QUEUE, BUFFER, TRIP)}
    lines = []
    for name, (column, count) in columns.items():
        some = seconds.columns[count] > 0
        color = charts.GREY if name == "latency" else STAGES.index(name)
        lines.append(charts.Line(name, seconds.t[some], seconds.columns[column][some] * 1e3, color))
    return line_chart(view, "stage-percentiles", "p99 of each stage and of latency", "p99", "ms", lines, how="max")


def _table(seconds: Seconds, found: Blame | None) -> Table:
    """Return the mean of each stage in all measured seconds, its part in the p99, and what the stage is."""
    every = np.ones(len(seconds.t))
    mean = stages.means(seconds, seconds.columns["latency_count"], every)
    shares, spent = (found.shares, found.spent) if found else ({}, {})
    rows = []
    for name in (name for name in STAGES if mean.get(name) or shares.get(name) or spent.get(name)):
        there = [format_duration(times[name]) if name in times else "–" for times in (mean, spent)]
        share = f"{shares[name]:.0%}".replace("%", " %") if name in shares else "–"
        rows.append([name, *there, share, MEANING[name]])
    head = ("stage", "mean", "in the p99's seconds", "share of the p99", "what it is")
    return table("Stages", head, rows, texts=(0, 4))


def _achieved(view: View) -> Tiles | None:
    known = [one for one in _ACHIEVED if view.summary.metrics.get(one[1]) is not None]
    return (
        Tiles(tuple(Tile(label, view.shown(name), detail=detail) for label, name, detail in known)) if known else None
    )
