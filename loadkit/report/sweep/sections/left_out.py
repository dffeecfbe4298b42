"""What the sweep does not say: points that cannot work, failed trials, points ended early, what was not explored."""

from __future__ import annotations

from loadkit.report.block import Block, Part, Points, Table, block, table
from loadkit.report.sweep import words
from loadkit.report.sweep.view import EARLY, WAITING, View

TITLE = "What was left out"
ORDER = 70


def build(view: View) -> Block | None:
    """Return a table of each kind of what was left out; None when nothing was."""
    parts: list[Part | None] = [_explored(view), _invalid(view), _failed(view), _early(view)]
    return block(TITLE, parts)


def _explored(view: View) -> Points | None:
    said = list(view.stored.not_explored)
    waiting = sum(tried.state == WAITING for tried in view.points)
    if waiting and view.stored.status == "running":
        said.append(f"{words.counted(waiting, 'point')} still to be measured.")
    elif waiting:
        said.append(f"{words.counted(waiting, 'point')} of the grid {'was' if waiting == 1 else 'were'} not measured.")
    return Points(tuple(said)) if said else None


def _invalid(view: View) -> Table | None:
    there = [tried for tried in view.points if tried.point.invalid]
    rows = [[tried.point.id, tried.label, tried.point.invalid or ""] for tried in there]
    caption = "Points that cannot work, and so were not run"
    return table(caption, ("point", "settings", "why"), rows, texts=(0, 1, 2), folded=len(rows) > 12) if rows else None


def _failed(view: View) -> Table | None:
    rows = [
        [f"{trial.point}-{trial.repeat}", tried.label, trial.error or "no reason was left", trial.folder]
        for tried in view.points
        for trial in tried.failed
    ]
    head = ("trial", "settings", "why", "folder")
    return table("Trials that failed", head, rows, texts=(0, 1, 2, 3)) if rows else None


def _early(view: View) -> Table | None:
    there = [tried for tried in view.points if tried.early]
    rows = [
        [tried.point.id, tried.label, view.show(view.objective, view.value(tried, view.objective))]
        for tried in there
        if tried.state == EARLY
    ]
    caption = "Points that were ended early, once they could not be among the best: rough figures, in no effect"
    return table(caption, ("point", "settings", words.metric(view.objective)), rows, texts=(0, 1)) if rows else None
