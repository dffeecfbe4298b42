"""Every point with its figures in a table that sorts, and the trials as files to take away."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence

from loadkit.report.block import Block, Cell, Link, Links, block, table
from loadkit.report.sweep import answer, words
from loadkit.report.sweep.view import Tried, View, level, show
from loadkit.sweep import store

TITLE = "All points"
ORDER = 60
METRICS = ("throughput", "latency.p50", "latency.p99", "latency.p99.9", "latency.max", "end_to_end.p99",
           "client.cpu_per_message", "batch.size", "compression.ratio")  # fmt: skip
_STATES = {"measured": "", "generator": "generator-limited", "early": "ended early", "failed": "failed",
           "invalid": "cannot work", "waiting": "not measured"}  # fmt: skip


def build(view: View) -> Block | None:
    """Return the table and the links; a click on a column's head sorts by it."""
    rows = [_row(view, tried, _columns(view)) for tried in view.shown]
    if not rows:
        return None
    paths = [axis.path for axis in view.stored.sweep.axes]
    heads = [words.metric(name) for name in _columns(view)]
    head = ("point", *paths, *heads, "trials", "limit", "safe", "remarks")
    texts = (0, *range(1, len(paths) + 1), *range(len(head) - 3, len(head)))
    lead = "A click on a column's head sorts by it. Percentiles are those of all a point's messages."
    return block(TITLE, [table("", head, rows, texts=texts, sortable=True), _links(view)], lead)


def _columns(view: View) -> list[str]:
    wanted = dict.fromkeys((view.objective, *METRICS, *(one.metric for one in view.slo)))
    return [name for name in wanted if any(view.value(tried, name) is not None for tried in view.shown)]


def _row(view: View, tried: Tried, names: Sequence[str]) -> list[Cell]:
    levels = [_level(tried.point.settings.get(axis.path)) for axis in view.stored.sweep.axes]
    cells = [Cell(show(name, view.value(tried, name)), value=view.value(tried, name)) for name in names]
    unsafe = tried.point.unsafe_because or "may lose messages"
    safe = Cell("● yes") if tried.point.safe else Cell("✕ no", unsafe, "bad")
    trials = tried.trials or tried.early
    return [Cell(tried.point.id), *levels, *cells, Cell(str(len(trials)), value=float(len(trials))), Cell(tried.limit),
            safe, Cell(_remarks(view, tried))]  # fmt: skip


def _level(value: object) -> Cell:
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return Cell(level(value), value=number)


def _remarks(view: View, tried: Tried) -> str:
    found = answer.best(view)
    said = [
        "best safe" if found and tried is found.tried else "",
        "base" if tried.point.base else "",
        _STATES[tried.state],
    ]
    said += [
        f"{name}: {view.value(tried, name):,.0f}" for name in ("lost", "errors", "unsent") if view.value(tried, name)
    ]
    if view.slo and view.holds(tried) is False:
        said.append("an SLO does not hold")
    return ", ".join(word for word in said if word)


def _links(view: View) -> Links:
    """Return the trials as CSV, held in the page, and as Parquet where that stands beside it."""
    encoded = base64.b64encode(_csv(view).encode()).decode()
    links = [Link("All trials as CSV", f"data:text/csv;base64,{encoded}", "sweep.csv")]
    if (view.out / store.PARQUET).exists():
        links.append(Link("All trials as Parquet", store.PARQUET, store.PARQUET))
    return Links(tuple(links))


def _csv(view: View) -> str:
    rows = store.rows(view.stored)
    names = dict.fromkeys(name for row in rows for name in row)
    known = [name for name in names if any(row.get(name) is not None for row in rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, known, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
