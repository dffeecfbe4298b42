"""A comparison's figures as a reader expects them, for page and terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadkit import vocabulary
from loadkit.compare.changes import LEVEL, Change, Compared
from loadkit.report.flat import text
from loadkit.report.gate import words

_LEVEL = f"{100 * LEVEL:g} %"
HEAD = ("metric", "A", "B", "change", "interval")
_QUANTILES = ("p50", "p90", "p99", "p99.9")
_FIRST = ("latency.p99", "end_to_end.p99", "latency.p50", "end_to_end.p50", "throughput", "consumed")
"""What the headline is about: the first that both sides have."""


def shown(found: Compared) -> list[Change]:
    """Return the changes of a short table: rates, counts that are not zero on both sides, and a few percentiles."""
    return [one for one in found.changes if one.metric in _short() and (one.a or one.b)]


def by_class(found: Compared) -> list[Change]:
    """Return the changes that the short table leaves out: of single classes, and further percentiles."""
    short = shown(found)
    return [one for one in found.changes if one not in short and (one.a or one.b)]


def _short() -> set[str]:
    return {*vocabulary.PLAIN, *(f"{series}.{name}" for series in vocabulary.LATENCIES for name in _QUANTILES)}


def cells(one: Change) -> tuple[str, str, str, str, str]:
    """Return a change as the cells under `HEAD`."""
    a, b = (words.shown(one.metric, value) for value in (one.a, one.b))
    change = words.share(one.change) if one.change is not None else "none" if one.a == one.b else "–"
    return one.metric, a, b, change, interval(one)


def interval(one: Change) -> str:
    """Return the interval of a change in words."""
    return "–" if one.interval is None else " to ".join(map(words.share, one.interval))


def headline(found: Compared) -> str:
    """Return the change of the most important metric that both sides have."""
    known = {one.metric: one for one in found.changes if one.a is not None and one.b is not None}
    one = next((known[name] for name in _FIRST if name in known), next(iter(known.values())))
    _, a, b, change, ends = cells(one)
    within = f" ({_LEVEL} interval {ends})" if one.interval else ""
    return f"{one.metric} from {a} to {b}: {change}{within}"


def basis(found: Compared) -> str:
    """Return in a sentence where the intervals come from and what they do not hold."""
    a, b = (len(side.results) for side in found.sides)
    each = f"each {_LEVEL} interval holds for its metric alone"
    if found.basis == "within":
        return (
            "One result a side: the intervals are of what happened within the two runs (their seconds, in blocks). "
            "Run-to-run noise is not in them, so this is no verdict."
        )
    if found.basis == "pairs":
        return f"{a} pairs of a gate, as log ratios pair by pair; {each}. The verdict is the gate's."
    return f"Results of A: {a}, of B: {b}, as two samples of logs (Welch; trimmed from ten on, as pairs are); {each}."


def sides(found: Compared) -> Iterator[str]:
    """Yield what A and B are, a line each."""
    for side in found.sides:
        several = f", {len(side.results)} results" if len(side.results) > 1 else ""
        yield f"{side.name}: {side.given}{several}"


def reasons(changes: list[Change]) -> dict[str, list[str]]:
    """Return the metrics by the reason why they have no change or no interval."""
    found: dict[str, list[str]] = {}
    for one in changes:
        if one.why:
            found.setdefault(one.why, []).append(one.metric)
    return found


def difference(one: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return a difference of the document as cells; a class or topic of one side alone is only said to be there."""
    a, b = ("there" if isinstance(one[side], Mapping) else text(one[side]) for side in ("a", "b"))
    return str(one["path"]), a, b
