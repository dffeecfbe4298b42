"""A gate on the terminal: what it can tell beforehand, a line a pair, and its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadkit.errors import RunError
from loadkit.gate import store
from loadkit.gate.record import Pair
from loadkit.gate.statistics import ALPHA, FEWEST, beyond
from loadkit.gate.verdicts import Design, judge
from loadkit.report.gate import page, words
from loadkit.report.gate.junit import junit
from loadkit.report.gate.markdown import markdown
from loadkit.report.text import SIGNS, clean
from loadkit.units import format_duration

_STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
JUNIT, SUMMARY = "junit.xml", "summary.md"
_EXAMPLE = 0.05
"""A noise of one pair, to say what a gate could tell where none is known."""


def beforehand(document: Mapping[str, Any], design: Design) -> Iterator[str]:
    """Yield what the gate will do and the smallest effect it can tell."""
    if not design.looks:
        yield f"gate: {design.max_pairs} pairs, and no verdict is told under {FEWEST}: raise --max-pairs"
        return
    length, at = format_duration(document["duration"]), _listed([look.pairs for look in design.looks])
    yield (
        f"gate: at most {design.max_pairs} pairs of {length} trials, judged after {at}; "
        f"the interval misses the truth in at most {ALPHA:.0%} of gates"
    )
    for one in design.thresholds:
        smallest = design.forecast(one)
        if smallest is not None:
            told = words.share(smallest)
            yield f"  {one.text}: a true change of {told} is told in 95 of 100 gates, by stored A/A noise"
        elif one.relative:
            reach = beyond(_EXAMPLE, design.max_pairs, design.tail(one))
            yield (
                f"  {one.text}: no A/A noise is stored for this machine (`--calibrate` stores it); if pairs differ by "
                f"{_EXAMPLE:.0%}, a true change of {reach:.1%} beyond the margin is told in 95 of 100 gates"
            )


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:-1])) + (" and " if len(numbers) > 1 else "") + str(numbers[-1])


def pair_line(design: Design, pairs: Sequence[Pair]) -> str:
    """Return what is known after a pair."""
    one = design.thresholds[0]
    pair, judged = pairs[-1], judge(design, pairs)
    values = [words.shown(one.metric, side.metrics.get(one.metric)) for side in (pair.baseline, pair.candidate)]
    set_aside = f"; set aside: the generator was the limit of the {' and '.join(pair.limited)}" if pair.limited else ""
    so_far = words.of(judged.comparisons[0], judged.comparisons[0].effect)
    told = f"; {judged.verdict}" if judged.over else ""
    return f"pair {len(pairs)}: {one.metric} {values[0]} and {values[1]}, so far {so_far}{set_aside}{told}"


def finish(out: Path, stream: TextIO) -> None:
    """Print the gate in a folder and write its page."""
    document = store.read(out)
    console = Console(file=stream, width=None if stream.isatty() else 120)
    console.print(answer(document))
    try:
        (out / JUNIT).write_text(junit(document), encoding="utf-8")
        (out / SUMMARY).write_text(markdown(document), encoding="utf-8")
        written = page.write(out)
    except OSError as error:
        raise RunError(f"{out}: the page could not be written: {error.strerror}; every pair is kept") from None
    console.print(f"report: {written}", highlight=False, soft_wrap=True)


def leave(out: Path) -> None:
    """Write what a CI server reads of a gate that broke off: there is no answer to print."""
    document = store.read(out)
    (out / JUNIT).write_text(junit(document), encoding="utf-8")
    (out / SUMMARY).write_text(markdown(document), encoding="utf-8")


def answer(document: Mapping[str, Any]) -> RenderableType:
    """Return a gate as rich prints it."""
    return Group(*_parts(document))


def _parts(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    found = document.get("answer")
    if not found:
        yield Text(f"the gate was {document['status']} after {len(document['trials']) // 2} pairs", style="yellow")
        return
    compared = store.comparisons_of(document)
    sign, style = SIGNS[words.TONES[found["verdict"]]]
    yield Text(f"{sign} {clean(words.headline(found, compared))}", style=style)
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    for head in ("threshold", "baseline", "candidate", "effect", "interval", "margin", "detectable", "verdict"):
        made.add_column(head, justify="left" if head in ("threshold", "verdict") else "right", header_style="bold")
    for one in compared:
        made.add_row(*map(clean, [*words.cells(one), one.verdict]), style=_STYLES[one.verdict])
    yield made
    yield Text(f"{found['pairs']} pairs of at most {document['max_pairs']}", style="dim")
    if document.get("trend"):
        yield Text(f"{words.TREND}:")
        yield from (Text(clean(f"  {line}")) for line in words.trends(document))
