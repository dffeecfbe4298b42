"""A sweep on the terminal: which point is best, and every point with its numbers, the best first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadkit import vocabulary
from loadkit.slo import parse_all
from loadkit.sweep.spec import Point, Record, Sweep, told
from loadkit.sweep.standing import Standing, best, higher_is_better, metric_of, standings
from loadkit.sweep.store import Stored
from loadkit.units import format_duration, format_size

MOST = 40
"""Rows that are printed: the rest stands in the table's file."""
SHOWN = 8
"""Points that are named after a reason."""
_ALWAYS = ("throughput", "latency.p99")
_STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


def table(stored: Stored) -> RenderableType:
    """Return a sweep as rich prints it."""
    return Group(*_parts(stored))


def answer(stored: Stored) -> str:
    """Return the sweep's answer in a sentence."""
    found = standings(stored.sweep, stored.points, stored.trials)
    winner, metric = best(found), metric_of(stored.sweep.objective)
    aim = "highest" if higher_is_better(stored.sweep.objective) else "lowest"
    within = " that keeps the SLO" if stored.sweep.slo else ""
    if winner is None:
        return f"No safe point{within} was measured to its end without the generator being the limit: none is best."
    point = f"{winner.point.id} ({told(winner.point.settings)})"
    return f"Best safe point{within}: {point}, with the {aim} {metric}, {shown(metric, winner.value)}."


def shown(name: str, value: float | None) -> str:
    """Return a metric's value as a reader sees it."""
    found = vocabulary.metric(vocabulary.split(name)[1])
    return found.show(value) if found else str(value)


def line(stored: Stored, record: Record) -> str:
    """Return one trial in a line: its point, its number for the objective, and how it ended."""
    metric = metric_of(stored.sweep.objective)
    why = f": {record.error.splitlines()[0]}" if record.error else ""
    ended = f"limit {record.limit}" if record.status == "complete" else record.status + why
    settings = told(stored.point(record.point).settings)
    return f"{record.point}-{record.repeat}  {settings}  {metric} {shown(metric, record.metrics.get(metric))}, {ended}"


def best_so_far(stored: Stored) -> str:
    """Return the best point of the trials so far, or nothing."""
    winner = best(standings(stored.sweep, stored.points, stored.trials))
    metric = metric_of(stored.sweep.objective)
    return f"; best {winner.point.id}: {metric} {shown(metric, winner.value)}" if winner else ""


def _parts(stored: Stored) -> Iterator[RenderableType]:
    found = standings(stored.sweep, stored.points, stored.trials)
    if stored.status != "complete":
        to_come = len(stored.order) - len(stored.trials)
        yield Text(f"{stored.status}: {len(stored.trials)} trials done, {to_come} to come", style="bold yellow")
    yield Text(answer(stored), style="bold green" if best(found) else "bold yellow")
    yield _grid(stored, found)
    if len(found) > MOST:
        yield Text(f"{len(found) - MOST} more points stand in the table's file", style="dim")
    yield from _reasons(stored.points)
    yield from (Text(text, style="dim") for text in stored.not_explored)


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


def _grid(stored: Stored, found: list[Standing]) -> Table:
    slo = [one.metric for one in parse_all(stored.sweep.slo)]
    metrics = list(dict.fromkeys([metric_of(stored.sweep.objective), *slo, *_ALWAYS]))
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    for head in ("point", *(axis.path for axis in stored.sweep.axes)):
        made.add_column(head, header_style="bold")
    for head in (*metrics, "trials", "limit", *(["slo"] if slo else []), "safe"):
        made.add_column(head, justify="right" if head in metrics else "left", header_style="bold")
    for one in found[:MOST]:
        made.add_row(*_row(one, metrics, bool(slo)), style="" if one.eligible else "dim")
    return made


def _row(one: Standing, metrics: list[str], judged: bool) -> Iterator[str | Text]:
    yield one.point.id + (" *" if one.point.base else "")
    yield from (str(value) for value in one.point.settings.values())
    yield from (shown(name, one.metrics.get(name)) for name in metrics)
    yield f"{len(one.trials)}" + (f" (+{one.failed} failed)" if one.failed else "")
    yield one.limit or "–"
    if judged:
        yield Text(one.verdict or "–", style=_STYLES.get(one.verdict or "", ""))
    yield "yes" if one.point.safe else Text("UNSAFE", style="yellow")


def plan(
    points: Sequence[Point], sweep: Sweep, facts: Mapping[str, float], model: str, notes: Sequence[str]
) -> RenderableType:
    """Return what a sweep would do: its points, and the trials, time and bytes that they take."""
    valid = sum(point.invalid is None for point in points)
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    for head in ("point", *(axis.path for axis in sweep.axes), "can work", "safe"):
        made.add_column(head, header_style="bold", overflow="fold")
    for point in points[: 10 * MOST]:
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
