"""The answer first: the highest rate with its interval, what failed beyond it, and what bound it."""

from __future__ import annotations

from loadkit.report.block import Block, Tile, Tiles, Verdict
from loadkit.report.sweep import words
from loadkit.report.sweep.maximum import answer
from loadkit.report.sweep.maximum.view import View
from loadkit.report.sweep.merging import merged, statistic
from loadkit.report.sweep.view import show
from loadkit.report.view import parted
from loadkit.units import format_rate

TITLE = "Answer"
ORDER = 0


def build(view: View) -> Block | None:
    """Return the verdict and the key figures."""
    badges = (*(one.text for one in view.slo), *answer.labels(view))
    evidence = tuple(str(text) for text in view.answer.get("evidence") or ())
    verdict = Verdict(answer.headline(view), tuple(answer.sentences(view)), evidence, answer.tone(view), badges)
    return Block(TITLE, (verdict, Tiles(tuple(_tiles(view)))))


def _tiles(view: View) -> list[Tile]:
    low, high = view.interval
    ends = f"{format_rate(low)} passed; {'nothing above failed' if high is None else f'{format_rate(high)} failed'}"
    label = "Highest rate, at least" if answer.limited(view) or high is None else "Highest rate"
    if view.rate is None:
        tiles = [Tile("Highest rate", "–", why="no rate was confirmed")]
    else:
        tiles = [Tile(label, *parted(format_rate(view.rate)), detail=ends, tone=answer.tone(view))]
        tiles += [_at_answer(view, name) for name in view.metrics]
    found = view.knee()
    if found:
        low_end, high_end = (format_rate(rate) for rate in found.between)
        tiles.append(Tile("Knee of latency", *parted(format_rate(found.rate)), detail=f"{low_end} to {high_end}"))
    holds, probes = len(view.of_kind("hold", "over")), len(view.of_kind("probe", "low"))
    return [
        *tiles,
        Tile(
            "Trials", str(len(view.probes)), detail=f"{words.counted(probes, 'probe')}, {words.counted(holds, 'hold')}"
        ),
    ]


def _at_answer(view: View, name: str) -> Tile:
    """Return an objective's metric over all holds at the answer, percentiles from their merged histograms."""
    series, _, which = name.rpartition(".p")
    whole = merged([view.out / probe.folder for probe in view.holds], series) if series else None
    known = [value for probe in view.holds if (value := probe.metrics.get(name)) is not None]
    value = statistic(whole, f"p{which}") if whole else max(known, default=None)
    if value is None:
        return Tile(f"{words.capital(words.metric(name))} there", "–", why="it was not measured")
    bound = next((one.text for one in view.slo if one.metric == name), "")
    return Tile(f"{words.capital(words.metric(name))} there", *parted(show(name, value)), detail=bound)
