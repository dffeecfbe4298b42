"""A sweep on the terminal: the answer in a sentence, the points by rank, what each knob does, and what to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadkit.report.sweep import answer, words
from loadkit.report.sweep.view import Tried, View, level, view_of
from loadkit.report.text import SIGNS, clean
from loadkit.sweep.store import Stored

MOST = 10
"""Points in the table."""


def table(out: Path, stored: Stored) -> RenderableType:
    """Return a sweep as rich prints it."""
    return Group(*_parts(view_of(out, stored)))


def _parts(view: View) -> Iterator[RenderableType]:
    sign, style = SIGNS[answer.tone(view)]
    yield Text(f"{sign} {clean(answer.headline(view))}", style=style)
    labels = answer.labels(view)
    if labels:
        yield Text(clean("; ".join(labels)), style="dim")
    for said in answer.sentences(view):
        yield Text(clean(said))
    if view.shown:
        yield Text()
        yield _ranks(view)
    yield Text()
    for name, tested in answer.drifts(view, [view.objective]).items():
        yield Text(clean(answer.drift_sentence(name, tested)), style="yellow" if tested.found else "dim")
    for said in left_out(view):
        yield Text(clean(said), style="yellow")


def left_out(view: View) -> list[str]:
    """Return what a reader of the table must know was left out of it."""
    failed = sum(len(tried.failed) for tried in view.points)
    invalid = sum(bool(tried.point.invalid) for tried in view.points)
    early = sum(bool(tried.early) for tried in view.points)
    counts = ((failed, "trial failed", "trials failed"), (invalid, "point cannot work", "points cannot work"),
              (early, "point was ended early", "points were ended early"))  # fmt: skip
    said = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    return [*([f"{words.listed(said)}: the page says which and why."] if said else []), *view.stored.not_explored]


def _ranks(view: View) -> Table:
    """Return the best points, the base among them, each with its interval and what speaks against it."""
    name = view.objective
    there = [tried for tried in view.shown if view.value(tried, name) is not None]
    ranked = sorted(there, key=lambda tried: (view.value(tried, name) or 0.0) * (-1 if view.higher else 1))
    drawn = [tried for at, tried in enumerate(ranked) if at < MOST or tried is view.base]
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    paths = [axis.path for axis in view.stored.sweep.axes]
    for at, head in enumerate([*paths, words.metric(name), "95 % interval", "throughput", ""]):
        made.add_column(head, justify="left" if at < len(paths) or not head else "right", header_style="bold")
    found = answer.best(view)
    for tried in drawn:
        made.add_row(*_cells(view, tried, paths, found))
    return made


def _cells(view: View, tried: Tried, paths: Sequence[str], found: answer.Best | None) -> list[Text]:
    name, ends = view.objective, view.interval(tried, view.objective)
    why = answer.refused(view, tried)
    best = bool(found and tried is found.tried)
    said = ["best" if best else "", "base" if tried.point.base else "", f"✕ {why.partition(':')[0]}" if why else ""]
    settings = [clean(level(tried.point.settings.get(path))) for path in paths]
    figures = [
        view.show(name, view.value(tried, name)),
        words.between(name, *ends) if ends else "–",
        view.show("throughput", view.value(tried, "throughput")),
    ]
    style = "green" if best else "red" if why else ""
    return [Text(cell, style=style) for cell in (*settings, *figures, clean(", ".join(word for word in said if word)))]
