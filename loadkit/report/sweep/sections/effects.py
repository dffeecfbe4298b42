"""What each knob does: main effects and interactions with intervals, as pictures and in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loadkit.analysis.effects import Change, Effect, Effects
from loadkit.report.block import Block, Chart, Part, Points, Prose, Table, block, table
from loadkit.report.sweep import rows, words
from loadkit.report.sweep.marks import TOLD, UNTOLD, Dot
from loadkit.report.sweep.view import GENERATOR, View, level

TITLE = "What each knob does"
ORDER = 20
ALSO = ("latency.p99", "throughput", "end_to_end.p99", "client.cpu_per_message")
"""Metrics whose effects are shown beside the objective's, as far as they differ between points."""
MOST = 14
"""Rows of one picture."""


def build(view: View) -> Block | None:
    """Return the effects on the objective in full, and the main effects on other metrics."""
    name = view.objective
    found = view.effects(name)
    parts: list[Part | None] = []
    if found:
        parts = [Points(tuple(words.effect_sentences(name, found))), *_pictures(name, found)]
        parts.append(Prose(" ".join([_model(found), *_outside(view)])))
    others = [other for other in ALSO if other != name and view.varies(other, 1.05)]
    for other in others:
        also = view.effects(other)
        if also:
            parts.append(_forest(other, also.mains, "mains", half=True))
    return block(TITLE, parts, _lead(view) if any(parts) else "")


def _lead(view: View) -> str:
    unsafe = any(not tried.point.safe and tried.trials for tried in view.points)
    also = " Unsafe points are in it, as far as a knob is what makes them so." if unsafe else ""
    lead = (
        "By how much a metric changes from the base's setting of one knob to another, as a mean over the other knobs."
    )
    return f"{lead}{also}"


def _pictures(name: str, found: Effects) -> list[Part | None]:
    pairs = [effect for effect in found.interactions if effect.told] or list(found.interactions[:3])
    mains = _forest(name, found.mains, "mains", half=bool(pairs))
    return [mains, _forest(name, pairs, "pairs", half=True) if pairs else None]


def _forest(name: str, effects: Sequence[Effect], kind: str, half: bool) -> Chart | None:
    """Return rows of changes with their intervals, knob by knob."""
    all_rows = [(effect, change) for effect in effects for change in effect.changes]
    finite = [row for row in all_rows if np.isfinite(row[1].contrast.estimate)]
    if not finite:
        return None
    drawn = (
        finite if kind == "mains" else sorted(finite, key=lambda row: (not row[1].told, -abs(row[1].contrast.estimate)))
    )
    made = [_dot(name, effect, change) for effect, change in drawn[:MOST]]
    said = words.metric(name)
    title = f"change of {said} (%)" if kind == "mains" else f"change of the effect on {said} (%)"
    caption = f"Main effects on {said}" if kind == "mains" else f"Interactions: {said}"
    note = (
        "How much more (or less) the second knob's change does when the first is changed too."
        if kind == "pairs"
        else "Bars: 95 % intervals. Open and grey: noise alone may explain it."
    )
    figure = rows.dots(made, title, "knob", ratio=True)
    return Chart(
        f"{kind}-{name.replace('.', '-').replace('_', '-')}", caption, figure, _table(name, all_rows), note, half
    )


def _dot(name: str, effect: Effect, change: Change) -> Dot:
    said = _said(effect, change)
    c = change.contrast
    known = bool(np.isfinite(c.low) and np.isfinite(c.high))
    low, high = (float(np.exp(c.low)), float(np.exp(c.high))) if known else (None, None)
    text = f"{said}\n{words.metric(name)}: {words.changed(c)}"
    return Dot(said, float(np.exp(c.estimate)), low, high, TOLD if change.told else UNTOLD, text, change.told)


def _said(effect: Effect, change: Change) -> str:
    steps = zip(effect.paths, effect.reference, change.levels, strict=True)
    return "  ×  ".join(f"{path}  {level(at)} → {level(to)}" for path, at, to in steps)


def _table(name: str, rows: Sequence[tuple[Effect, Change]]) -> Table:
    made = [
        [_said(effect, change), words.changed(change.contrast), "yes" if change.told else "no"]
        for effect, change in rows
    ]
    head = ("change", words.metric(name), "told from noise")
    return table(f"effects on {words.metric(name)}", head, made, folded=True, texts=(0, 1, 2))


def _model(found: Effects) -> str:
    """Return what the effects rest on: the model, the trials, and what it cannot tell."""
    said = [
        f"Least squares on the logarithm of the metric over {words.counted(found.trials, 'trial')} at "
        f"{words.counted(found.points, 'point')}, rounds of repeats taken out as blocks; a trial's own figure is one "
        "observation.",
        _coverage(found),
    ]
    if found.untold:
        pairs = "; ".join(" with ".join(paths) for paths in found.untold[:6])
        more = f" and {len(found.untold) - 6} more" if len(found.untold) > 6 else ""
        said.append(f"What these do together cannot be told from this part of the grid: {pairs}{more}.")
    return " ".join(said)


def _outside(view: View) -> list[str]:
    """Return which trials are in no effect, and why."""
    chosen = sum(not trial.block and not tried.point.base for tried in view.points for trial in tried.trials)
    limited = sum(len(tried.trials) for tried in view.points if tried.state == GENERATOR)
    said = []
    if chosen:
        said.append(f"{words.counted(chosen, 'trial')} chosen by what came before them are not in it.")
    if limited:
        said.append(
            f"{words.counted(limited, 'trial')} at points where the load generator was the limit are not in it."
        )
    return said


def _coverage(found: Effects) -> str:
    if not found.df:
        return "Nothing was repeated, so there are no intervals: give --repeats 3."
    how = (
        "by what the model leaves over, which is more than repeats explain"
        if found.misfit
        else "by how far repeats differ"
    )
    means = (
        "" if found.full else " On a part of the grid, knobs are taken not to act on each other beyond what is shown."
    )
    return (
        f"Each interval covers its truth 95 times in 100, judged {how} (Student's t, {found.df:.0f} degrees of "
        f"freedom); “told from noise” allows for all changes looked at together (Holm).{means}"
    )
