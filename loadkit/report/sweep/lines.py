"""A sweep on the terminal before it is complete: what it would do, and what came of each trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadkit.report.sweep import answer
from loadkit.report.sweep.view import show, view_of
from loadkit.sweep.spec import Point, Record, Sweep, told
from loadkit.sweep.store import Stored
from loadkit.units import format_duration, format_size

MOST = 400
"""Points that are printed."""
SHOWN = 8
"""Points that are named after a reason."""


def line(stored: Stored, record: Record) -> str:
    """Return one trial in a line: its point, its number for the objective, and how it ended."""
    metric = stored.sweep.metric
    why = f": {record.error.splitlines()[0]}" if record.error else ""
    ended = f"limit {record.limit}" if record.status == "complete" else record.status + why
    settings = told(stored.point(record.point).settings)
    return f"{record.point}-{record.repeat}  {settings}  {metric} {show(metric, record.metrics.get(metric))}, {ended}"


def best_so_far(out: Path, stored: Stored) -> str:
    """Return the best point of the trials so far, or nothing."""
    view = view_of(out, stored)
    found, metric = answer.best(view), stored.sweep.metric
    return f"; best {found.tried.point.id}: {metric} {show(metric, view.value(found.tried, metric))}" if found else ""


def _reasons(points: Sequence[Point]) -> Iterator[Text]:
    """Yield why points cannot work and why others are unsafe, each reason once with the points that it holds for."""
    for what, why in (("cannot work", "invalid"), ("UNSAFE", "unsafe_because")):
        found: dict[str, list[str]] = {}
        for point in points:
            if said := getattr(point, why):
                found.setdefault(said, []).append(point.id)
        for said, names in list(found.items())[:MOST]:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            yield Text(f"{what}: {' '.join(names[:SHOWN])}{more}: {said}", style="dim")


def plan(
    points: Sequence[Point], sweep: Sweep, facts: Mapping[str, float], model: str, notes: Sequence[str]
) -> RenderableType:
    """Return what a sweep would do: its points, and the trials, time and bytes that they take."""
    valid = sum(point.invalid is None for point in points)
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    for head in ("point", *(axis.path for axis in sweep.axes), "can work", "safe"):
        made.add_column(head, header_style="bold", overflow="fold")
    for point in points[:MOST]:
        safe = "–" if point.invalid else "yes" if point.safe else Text("UNSAFE", style="yellow")
        works = Text("no", style="red") if point.invalid else "yes"
        made.add_row(point.id + (" *" if point.base else ""), *map(str, point.settings.values()), works, safe)
    trials, seconds, size = facts["trials"], facts["seconds"], facts["bytes"]
    return Group(
        made,
        *_reasons(points),
        Text(f"{len(points)} points, {valid} of them can work, {sweep.repeats} repeats: {trials:.0f} trials, "
             f"shuffled by seed {sweep.seed}, with the base point (*) throughout as control of drift"),
        Text(f"about {format_duration(seconds)} ({model})"),
        Text(f"{format_size(size)} of messages at most, before compression and replication"),
        *(Text(note, style="dim") for note in notes),
    )  # fmt: skip
