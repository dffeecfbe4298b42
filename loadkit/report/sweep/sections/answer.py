"""The answer first: the best safe point, how it stands to the base, and the points by rank with their intervals."""

from __future__ import annotations

from loadkit.report.block import Block, Cell, Chart, Note, Part, Tile, Tiles, Verdict, table
from loadkit.report.sweep import answer, rows, words
from loadkit.report.sweep.marks import Dot
from loadkit.report.sweep.spots import hover, in_chart, mark, unit
from loadkit.report.sweep.view import GENERATOR, Tried, View
from loadkit.report.view import parted

TITLE = "Answer"
ORDER = 0
MOST = 12
"""Points in the picture of ranks."""


def build(view: View) -> Block | None:
    """Return the verdict, the key figures, what must be known with it, and the points by rank."""
    badges = (f"Best by {words.metric(view.objective)}", *answer.labels(view))
    verdict = Verdict(
        answer.headline(view), tuple(answer.sentences(view)), tuple(_slo(view)), answer.tone(view), badges
    )  # fmt: skip
    parts: list[Part | None] = [verdict, Tiles(tuple(_tiles(view))), *_notes(view), _ranks(view)]
    return Block(TITLE, tuple(part for part in parts if part))


def _slo(view: View) -> list[str]:
    """Return of each SLO at how many safe points it holds."""
    safe = [tried for tried in view.shown if tried.trials and tried.point.safe]
    said = []
    for one in view.slo:
        held = sum(bool(one.holds({one.metric: view.value(tried, one.metric)})) for tried in safe)
        said.append(f"{one.text} holds at {held} of {words.counted(len(safe), 'safe point')} measured")
    return said


def _tiles(view: View) -> list[Tile]:
    found, base = answer.best(view), view.base
    name = view.objective
    tiles = []
    if found:
        tiles.append(_valued(view, "Best safe point", found.tried, "good"))
    if base and (not found or found.tried is not base):
        tiles.append(_valued(view, "Base", base, ""))
    if found and found.gain:
        tone = "good" if found.better else ""
        low, high = found.gain.changes
        detail = f"95 %: {low * 100:+.0f} to {high * 100:+.0f} %" if high < 99 else "interval too wide to tell"
        tiles.append(Tile("Best against base", f"{found.gain.change * 100:+.1f}", "%", detail, tone=tone))
    if found and name != "throughput" and view.value(found.tried, "throughput"):
        shown = parted(view.show("throughput", view.value(found.tried, "throughput")))
        tiles.append(Tile("Throughput at the best", *shown, detail="messages acknowledged"))
    tried = [one for one in view.points if one.shown]
    left_out = [one for one in view.points if one.point.invalid]
    detail = f"{len(left_out)} more cannot work" if left_out else f"of {len(view.points)} in the sweep"
    done = sum(len(one.trials) for one in view.points)
    return [
        *tiles,
        Tile("Points measured", str(len(tried)), detail=detail),
        Tile("Trials", str(done), detail=f"{view.stored.sweep.duration:g} s each, {_repeats(view)}"),
    ]


def _repeats(view: View) -> str:
    return words.counted(view.stored.sweep.repeats, "repeat") if view.stored.sweep.repeats > 1 else "no repeats"


def _valued(view: View, label: str, tried: Tried, tone: str) -> Tile:
    ends = view.interval(tried, view.objective)
    detail = f"95 %: {words.between(view.objective, *ends)}" if ends else ""
    shown = parted(view.show(view.objective, view.value(tried, view.objective)))
    return Tile(label, *shown, detail=detail, tone=tone)


def _notes(view: View) -> list[Note]:
    """Return what must be known with the answer, each with what to do about it."""
    said = []
    for name, tested in answer.drifts(view, [view.objective]).items():
        if tested.found:
            text = answer.drift_sentence(name, tested)
            said.append(
                Note(text, "run longer trials or more repeats; blocks take out only what is slower than a block")
            )
    failed = sum(len(tried.failed) for tried in view.points)
    if failed:
        said.append(Note(f"{words.counted(failed, 'trial')} failed", "see what was left out, below"))
    limited = [tried for tried in view.points if tried.state == GENERATOR]
    if limited:
        text = f"the load generator was the limit at {words.counted(len(limited), 'point')}: not the cluster's capacity"
        said.append(Note(text, "lower the rate, or generate with more processes; these points are in no effect"))
    return said


def _ranks(view: View) -> Chart | None:
    """Return the best safe points, the base and the best unsafe one, with their intervals."""
    name = view.objective
    there = [tried for tried in view.shown if (view.value(tried, name) or 0) > 0]
    if len(there) < 2:
        return None
    ranked = sorted(there, key=lambda tried: (view.value(tried, name) or 0) * (-1 if view.higher else 1))
    found = answer.best(view)
    wanted = [tried for tried in (found.tried if found else None, view.base) if tried]
    drawn = [t for at, t in enumerate(ranked) if at < MOST or any(t is one for one in wanted)]
    dots = [_dot(view, tried, found) for tried in drawn]
    figure = rows.dots(dots, f"{words.metric(name)} ({unit(name)[1]})", "points, best first")
    caption = f"{'All' if len(drawn) == len(there) else 'The best'} points by {words.metric(name)}"
    note = (
        "Bars: 95 % intervals from how far repeats differ. A filled circle is safe, a cross is not."
        if any(dot.low is not None for dot in dots)
        else "A filled circle is safe, a cross is not."
    )
    shown = table("points by rank", ("point", words.metric(name), "95 % interval", "may be named best"),
                  [_row(view, tried) for tried in drawn], folded=True, texts=(0, 2, 3))  # fmt: skip
    return Chart("ranks", caption, figure, shown, note)


def _dot(view: View, tried: Tried, found: answer.Best | None) -> Dot:
    name = view.objective
    ends = view.interval(tried, name)
    best = bool(found and tried is found.tried)
    said = [word for word, on in (("best safe", best), ("base", tried.point.base)) if on]
    label = f"{' and '.join(said)}: {tried.label}" if said else tried.label
    value = in_chart(name, view.value(tried, name)) or 0.0
    low, high = (in_chart(name, end) for end in ends) if ends else (None, None)
    return Dot(label, value, low, high, mark(tried), hover(view, tried), best)


def _row(view: View, tried: Tried) -> list[Cell | str]:
    name, ends = view.objective, view.interval(tried, view.objective)
    shown = words.between(name, *ends) if ends else "–"
    why = answer.refused(view, tried)
    return [tried.label, view.show(name, view.value(tried, name)), shown, Cell(f"no: {why}" if why else "yes")]
