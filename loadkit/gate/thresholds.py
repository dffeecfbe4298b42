"""What fails a gate, as text: `latency.p99 > +10%` against the baseline, `latency.p99 > 50ms` by itself."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from loadkit import vocabulary
from loadkit.errors import UsageError
from loadkit.slo import Objective

_RELATIVE = re.compile(r"^\s*([\w.\-]+?)\s*(<=|>=|==|<|>)\s*([+-]?)\s*(\d+(?:\.\d+)?|\.\d+)\s*%\s*$")
FAULTS = frozenset(("errors", "unsent", "lost", "duplicated", "reordered"))
"""Counts of messages that went wrong: facts of one trial, which no average over trials may thin out."""
EXAMPLE = "write it like 'latency.p99 > +10%' (against the baseline) or 'latency.p99 > 50ms' (by itself)"


@dataclass(frozen=True, slots=True)
class Threshold:
    """One metric and the bound beyond which the gate fails."""

    text: str
    metric: str
    upward: bool
    """Whether it fails above the bound; else below."""
    bound: float
    """A share of the baseline (0.1 is 10 % more, -0.05 is 5 % less), or an absolute value in the metric's unit."""
    relative: bool

    @property
    def faults(self) -> bool:
        """Whether one trial alone decides."""
        return not self.relative and self.metric.rpartition(".")[2] in FAULTS

    @property
    def log(self) -> float:
        """The bound of a relative threshold as the log of a ratio."""
        return math.log1p(self.bound)


def parse(text: str, max_rate: bool = False) -> Threshold:
    """Return the threshold of a text; UsageError saying how to write one.

    `max_rate` says whether there are objectives by which a highest rate can be told.
    """
    match = _RELATIVE.match(text)
    compare = match[2] if match else None
    if match is None:
        absolute = _absolute(text)
        compare, metric = absolute.compare, absolute.metric
    else:
        metric = match[1]
    vocabulary.split(metric)
    if compare == "==":
        raise UsageError(f"--fail-if {text!r}: a measured value never equals a bound; {EXAMPLE}")
    if metric != "max_rate" and vocabulary.split(metric)[1] == "max_rate":
        raise UsageError(f"--fail-if {text!r}: max_rate is of all classes together; write 'max_rate < -5%'")
    if metric == "max_rate" and not max_rate:
        raise UsageError(
            f"--fail-if {text!r}: max_rate is the highest rate within objectives, as `loadkit max` finds it; give "
            "--slo 'latency.p99 < 20ms'"
        )
    upward = compare in (">", ">=")
    if match is None:
        return Threshold(text.strip(), metric, upward, absolute.bound, False)
    return Threshold(text.strip(), metric, upward, _share(text, upward, match[3], float(match[4])), True)


def _absolute(text: str) -> Objective:
    try:
        return Objective.parse(text)
    except UsageError as error:
        raise UsageError(f"--fail-if {str(error).replace('an objective: write it like', 'a threshold: write it like')}"
                         f"; against the baseline: 'latency.p99 > +10%'") from None  # fmt: skip


def _share(text: str, upward: bool, sign: str, percent: float) -> float:
    """Return the bound as a share; a bound on the better side of the baseline would fail on no change at all."""
    if upward != (sign != "-") and percent:
        way = f"> +{percent:g}%" if upward else f"< -{percent:g}%"
        raise UsageError(f"--fail-if {text!r} fails where nothing changed: write {way!r}")
    share = (percent if upward else -percent) / 100
    if share <= -1:
        raise UsageError(f"--fail-if {text!r}: nothing falls by 100 % or more")
    return share


def parse_all(texts: Iterable[str], max_rate: bool = False) -> tuple[Threshold, ...]:
    """Return the thresholds of several texts, the first being the primary one; UsageError where there is none."""
    found = tuple(parse(text, max_rate) for text in texts)
    if not found:
        raise UsageError(f"a gate needs a threshold: give --fail-if, and {EXAMPLE}")
    seen = set()
    for one in found:
        if (one.metric, one.relative, one.upward) in seen:
            raise UsageError(f"--fail-if {one.text!r}: {one.metric} is bounded twice; give the tighter one")
        seen.add((one.metric, one.relative, one.upward))
    return found
