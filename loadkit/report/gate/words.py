"""A gate's figures as a reader expects them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from loadkit import vocabulary
from loadkit.gate.record import Comparison

HEADLINES = {
    "pass": "Passed: no regression beyond the margin",
    "fail": "Failed: a regression beyond the margin",
    "inconclusive": "Inconclusive: it cannot be told",
}
TREND = "Trend of stored results (no part of the verdict)"
TONES = {"pass": "good", "fail": "bad", "inconclusive": "warn"}
DOUBLE = 1.0
"""A relative effect beyond which no figure is given for what could have been told."""


def share(value: float | None) -> str:
    """Return a share as a signed percentage with three digits: `+10.3 %`."""
    if value is None:
        return "–"
    percent = 100 * value
    size = abs(percent)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{round(percent, digits) + 0.0:+,.{digits}f} %"  # never -0.00 %


def shown(metric: str, value: float | None) -> str:
    """Return a metric in its unit."""
    found = vocabulary.metric(vocabulary.split(metric)[1])
    return found.show(value) if found else "–"


def of(one: Comparison, value: float | None) -> str:
    """Return an effect, a margin or an end of an interval in the terms of its threshold."""
    return share(value) if one.relative else shown(one.metric, value)


def detectable(one: Comparison) -> str:
    """Return the smallest effect that is told; beyond a doubling pairs are too wild for a figure to mean anything."""
    if one.detectable is None:
        return "–"
    return f"over {share(DOUBLE)}" if one.relative and one.detectable > DOUBLE else of(one, one.detectable)


def cells(one: Comparison) -> list[str]:
    """Return a comparison's threshold, sides, effect, interval, margin and smallest effect, as every table has them."""
    return [
        one.threshold, shown(one.metric, one.baseline), shown(one.metric, one.candidate), of(one, one.effect),
        interval(one), of(one, one.margin), detectable(one),
    ]  # fmt: skip


def interval(one: Comparison) -> str:
    """Return an interval in words."""
    low, high = one.interval
    return "–" if low is None and high is None else f"{of(one, low)} to {of(one, high)}"


def headline(answer: Mapping[str, Any], compared: list[Comparison]) -> str:
    """Return the verdict in a sentence, with the threshold that decided it."""
    verdict = answer["verdict"]
    deciding = next((one for one in compared if one.verdict == verdict), None)
    if verdict == "pass":
        better = [one for one in compared if one.improved]
        gained = f"; {better[0].metric} improved by {share(better[0].effect)}" if better else ""
        return f"{HEADLINES['pass']}{gained}"
    if verdict == "fail" and deciding:
        return f"{HEADLINES['fail']}: {deciding.metric} {of(deciding, deciding.effect)} ({deciding.threshold})"
    return f"{HEADLINES[verdict]}: {answer['why']}"


def trends(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stored results say, a sentence a metric, then which were left out and why; nothing where none did."""
    told = document.get("trend")
    if not told:
        return
    for one in told["series"]:
        yield trend(one)
    left = Counter(one["why"] for one in told["left_out"])
    for why, count in left.most_common():
        yield f"left out {count}: {why}"


def trend(one: Mapping[str, Any]) -> str:
    """Return where one metric's level changed, in a sentence."""
    over = f"over {len(one['values'])} results"
    if one["why"]:
        return f"{one['metric']}: {one['why']}"
    if not one["changes"]:
        return f"{one['metric']}: no change of level {over}"
    changes = [f"{share(each['change'])} from {each['when'][:10]} on ({each['folder']})" for each in one["changes"]]
    return f"{one['metric']}: {over}, {'; '.join(changes)}"


def sentence(one: Comparison) -> str:
    """Return one comparison in a sentence."""
    wider = "" if one.margin == one.asked or abs(one.margin - one.asked) < 1e-9 else (
        f", wider than asked ({of(one, one.asked)}) because this machine's A/A noise resolves no less"
    )  # fmt: skip
    smallest = "" if one.detectable is None else f"; smallest effect it could have told: {detectable(one)}"
    what = "change" if one.relative else "value"
    return (
        f"{one.metric}: {what} {of(one, one.effect)}, interval {interval(one)}, margin {of(one, one.margin)}{wider}"
        f"; {one.pairs} pairs{smallest}"
    )
