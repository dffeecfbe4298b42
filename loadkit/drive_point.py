"""`loadkit sweep --objective max`: the search for the highest rate within the SLO, at one point of a sweep.

A point's folder is that of a search, so one that was killed goes on with its next trial. Each search begins at the
answer of the nearest point that has one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadkit.session import Session, virtual  # isort: skip  # first: it brings Locust, which patches sockets
from loadkit.boundaries import Options
from loadkit.drive_max import head_of, permitted, search
from loadkit.errors import Interrupted, LoadkitError
from loadkit.hunt import Plan
from loadkit.scenario import Scenario
from loadkit.slo import parse_all
from loadkit.sweep import max_file
from loadkit.sweep.forecast import probe_of
from loadkit.sweep.scaling import total_rate
from loadkit.sweep.spec import Point, Record, Settings, Sweep
from loadkit.target import Target


@dataclass(frozen=True, slots=True)
class Place:
    """One point of a sweep, and what is known before its search."""

    sweep: Sweep
    scenario: Scenario
    target: Target
    start: float
    """Messages a second of the first probe."""


def search_at(opened: Session, place: Place, options: Options, say: Callable[[str], None]) -> None:
    """Search at one point and leave `max.json` and the trials in `options.out`. Raises LoadkitError."""
    sweep, out = place.sweep, options.out
    modelled = virtual(place.target.text)
    plan = Plan(
        place.scenario, tuple(parse_all(sweep.slo)), place.start, permitted(place.scenario, place.target),
        probe=None if modelled else probe_of(sweep), hold=sweep.duration, warmup=options.warmup,
        drain_timeout=options.drain_timeout, virtual=modelled, observer=options.observer, facts=options.facts,
    )  # fmt: skip
    sets = [f"{path}={value}" for path, value in options.facts["sets"].items()]
    head = {**head_of(plan, place.target.text, sweep.slo, sets), "sweep": options.facts["sweep"]}
    out.mkdir(parents=True, exist_ok=True)
    if not (out / max_file.FILE).exists():
        max_file.write(out, head)
    try:
        search(opened.trial, plan, out, lambda text: say(f"   {text}"), head, pages=False)
    except LoadkitError as error:
        status = "interrupted" if isinstance(error, Interrupted) else "failed"
        max_file.write(out, {**max_file.read(out), "status": status, "error": str(error)})
        raise


def start_of(scenario: Scenario, settings: Settings, points: Sequence[Point], done: Sequence[Record]) -> float:
    """Return the rate at which to begin: the answer of the point that shares most settings, or the scenario's own."""
    rates = {record.point: record.metrics.get("max_rate") for record in done}
    known = [(point.settings, rate) for point in points if (rate := rates.get(point.id))]
    nearest = max(known, key=lambda one: _shared(one[0], settings), default=None)
    return nearest[1] if nearest else total_rate(scenario)


def _shared(one: Settings, other: Settings) -> int:
    return sum(one[path] == other[path] for path in one)
