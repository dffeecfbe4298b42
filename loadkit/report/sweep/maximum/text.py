"""A search on the terminal: the answer in a sentence, what bound it, and the trials by rate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadkit.report.sweep import words
from loadkit.report.sweep.marks import VERDICTS
from loadkit.report.sweep.maximum import answer
from loadkit.report.sweep.maximum.view import KINDS, View, read
from loadkit.report.sweep.view import show
from loadkit.report.text import SIGNS, clean
from loadkit.units import format_rate

_STYLES = {"pass": "green", "fail": "red", "unknown": "yellow", "generator": "yellow"}


def table(out: Path) -> RenderableType:
    """Return a search as rich prints it."""
    return Group(*_parts(read(out)))


def _parts(view: View) -> Iterator[RenderableType]:
    sign, style = SIGNS[answer.tone(view)]
    yield Text(f"{sign} {clean(answer.headline(view))}", style=style)
    labels = answer.labels(view)
    if labels:
        yield Text(clean("; ".join(labels)), style="dim")
    for said in answer.sentences(view):
        yield Text(clean(said))
    if view.probes:
        yield Text()
        yield _trials(view)


def _trials(view: View) -> Table:
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    for head, justify in (("rate offered", "right"), ("trial", "left"), ("verdict", "left")):
        made.add_column(head, justify=justify, header_style="bold", no_wrap=True)  # type: ignore[arg-type]
    for name in view.metrics:
        made.add_column(words.metric(name), justify="right", header_style="bold")
    for probe in sorted(view.probes, key=lambda probe: probe.rate):
        said = [format_rate(probe.rate), KINDS.get(probe.kind, probe.kind), VERDICTS[probe.mark].name]
        shown = [show(name, probe.metrics.get(name)) for name in view.metrics]
        made.add_row(*(Text(clean(cell), style=_STYLES[probe.mark]) for cell in said), *shown)
    return made
