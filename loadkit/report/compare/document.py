"""Two results compared, as the one JSON document that `--json` prints and that stands beside the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loadkit.compare.changes import LEVEL, Compared
from loadkit.compare.sides import Side
from loadkit.gate.differences import Difference, differences
from loadkit.gate.statistics import FEWEST
from loadkit.report.gate.document import medians, worst_limit
from loadkit.units import format_duration

FILE = "compare.json"
ALIKE = 1.05
"""Ratio of the longest measured phase to the shortest up to which results count as equally long."""


def document_of(found: Compared, out: Path) -> dict[str, Any]:
    """Return what changed from A to B; `metrics`, `withheld` and `limit` are B's (medians over its results)."""
    b = found.sides[1]
    metrics, withheld = medians(b.summaries)
    return {
        "schema": 1, "command": "compare", "status": "complete", "limit": worst_limit(b.summaries), "verdict": None,
        "metrics": metrics, "withheld": withheld, "warnings": list(warnings(found)), "out": str(out),
        "basis": found.basis, "level": LEVEL, "sides": [_facts(side) for side in found.sides],
        "comparisons": [asdict(change) for change in found.changes],
        "differences": [{"path": one.path, "a": one.baseline, "b": one.candidate} for one in between(found)],
    }  # fmt: skip


def between(found: Compared) -> list[Difference]:
    """Return where the sides differ in what they were run with, by the first result of each."""
    one, other = (side.results[0].facts for side in found.sides)
    return differences(one, other)


def _facts(side: Side) -> dict[str, Any]:
    first = side.results[0].facts
    return {
        "name": side.name, "given": side.given, "scenario": (first.get("scenario") or {}).get("name"),
        "target": (first.get("target") or {}).get("name"), "hosts": sorted(side.hosts),
        "results": [
            {"folder": str(result.out), "started_at": result.facts.get("started_at"), "seconds": seconds,
             "status": result.facts["status"], "limit": summary.limit}
            for result, summary, seconds in zip(side.results, side.summaries, side.seconds, strict=True)
        ],
    }  # fmt: skip


def warnings(found: Compared) -> Iterator[dict[str, str]]:
    """Yield what a reader must know before believing a change."""
    yield from _thin(found)
    for side in found.sides:
        yield from _doubtful(side)
    yield from _unlike(*found.sides)


def _warning(code: str, text: str, then: str) -> dict[str, str]:
    return {"code": code, "text": text, "next": then}


def _thin(found: Compared) -> Iterator[dict[str, str]]:
    """Yield what too few results leave untold."""
    if found.basis == "within":
        yield _warning(
            "single_results", "one result a side: how far two runs of the same thing differ is not in the intervals, "
            "so this is no verdict",
            f"give {FEWEST} results or more a side, or let `loadkit gate` judge interleaved pairs",
        )  # fmt: skip
        return
    counts = [len(side.results) for side in found.sides]
    if min(counts) < FEWEST:
        yield _warning(
            "few_results", f"results: {counts[0]} of A, {counts[1]} of B; no interval is told under {FEWEST} a side",
            f"give {FEWEST} results or more a side",
        )  # fmt: skip


def _doubtful(side: Side) -> Iterator[dict[str, str]]:
    """Yield what makes one side's figures other than what they seem."""
    limited = [summary.limit for summary in side.summaries].count("generator")
    if limited:
        yield _warning(
            "generator_limited", f"{side.name}: the load generator was the limit of {limited} of {len(side.results)} "
            "results; their figures are the generator's", "lower the rate, or make the load in more processes",
        )  # fmt: skip
    broken = [result.out.name for result in side.results if result.facts["status"] != "complete"]
    if broken:
        yield _warning(
            "incomplete", f"{side.name}: {', '.join(broken)} did not end; what was measured until then is compared",
            "run again, and compare whole results",
        )  # fmt: skip
    if len(side.hosts) > 1:
        yield _warning(
            "mixed_hosts", f"{side.name}: its results are of machines of {len(side.hosts)} classes: "
            f"{'; '.join(sorted(side.hosts))}", "compare results of one class of machine",
        )  # fmt: skip


def _unlike(one: Side, other: Side) -> Iterator[dict[str, str]]:
    """Yield what differs between the sides and moves every figure."""
    if one.hosts != other.hosts:
        hosts = [f"{side.name} on {'; '.join(sorted(side.hosts))}" for side in (one, other)]
        yield _warning(
            "other_host", f"the load was made on machines of different classes: {', '.join(hosts)}",
            "run both on one machine: a change may be the machine's",
        )  # fmt: skip
    seconds = [*one.seconds, *other.seconds]
    if max(seconds) > ALIKE * min(seconds):
        lengths = [f"{side.name} {_span(side.seconds)}" for side in (one, other)]
        yield _warning(
            "other_duration", f"measured for different lengths of time: {', '.join(lengths)}",
            "give both the same --duration: high percentiles and maxima grow with it",
        )  # fmt: skip
    names = [(side.results[0].facts.get("scenario") or {}).get("name") for side in (one, other)]
    if names[0] != names[1]:
        yield _warning(
            "other_scenario", f"the scenarios have different names: {one.name} is {names[0]}, {other.name} {names[1]}",
            "see the differences before believing a change",
        )  # fmt: skip


def _span(seconds: list[float]) -> str:
    ends = dict.fromkeys(format_duration(one) for one in (min(seconds), max(seconds)))
    return " to ".join(ends)
