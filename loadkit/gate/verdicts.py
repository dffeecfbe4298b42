"""Pairs to comparisons and a verdict, and whether the gate needs more pairs; pure.

A threshold fails only when the whole interval of the effect lies beyond the margin, and passes only when the whole
interval lies within it; else it is inconclusive. The first threshold is the primary one and has the error rate of its
look to itself; the others share one by Holm's method (Scand. J. Statistics 6, 1979).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from loadkit import vocabulary
from loadkit.gate.record import Comparison, Noise, Pair
from loadkit.gate.statistics import (
    ALPHA,
    FEWEST,
    NOTHING,
    Estimate,
    Look,
    beyond,
    estimate,
    highest_sd,
    last_look,
    looks,
)
from loadkit.gate.thresholds import Threshold

LIMITED = 2
"""So many trials of a side in which the generator gave out make the gate inconclusive; one alone is set aside."""


@dataclass(frozen=True, slots=True)
class Design:
    """What a gate compares and for how long at most."""

    thresholds: tuple[Threshold, ...]
    max_pairs: int
    noise: Mapping[str, Noise] = field(default_factory=dict)
    """By metric, where an A/A run on such a machine was stored."""
    to_the_end: bool = False
    """Whether it takes all pairs, however clear: a calibration counts them, and sets more than one aside."""

    @property
    def looks(self) -> tuple[Look, ...]:
        """When it may end."""
        return looks(self.max_pairs)

    def margin(self, threshold: Threshold) -> float:
        """Return the bound of a relative threshold as a log, never tighter than the machine can resolve."""
        known = self.noise.get(threshold.metric)
        if not threshold.relative or known is None:
            return threshold.log
        return max(threshold.log, known.far) if threshold.upward else min(threshold.log, -known.far)

    def forecast(self, threshold: Threshold) -> float | None:
        """Return the smallest effect (share) that the gate can tell by its last look; None when no noise is known."""
        known = self.noise.get(threshold.metric)
        if not threshold.relative or known is None or not self.looks:
            return None
        sd = highest_sd(known.sd, known.pairs, known.whole)
        return _smallest(threshold, self.margin(threshold), sd, self.max_pairs, self.tail(threshold))

    def tail(self, threshold: Threshold) -> float:
        """Return the tail of the last look, at the worst that Holm's method may leave a threshold."""
        others = len(self.thresholds) - 1
        return self.looks[-1].tail / (1 if threshold is self.thresholds[0] else others)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a gate says after some pairs."""

    verdict: str
    comparisons: tuple[Comparison, ...]
    pairs: int
    limited: Mapping[str, int]
    """Trials of each side in which the load generator was the limit."""
    over: bool
    """Whether it needs no more pairs."""
    why: str


def judge(design: Design, pairs: Sequence[Pair], last: bool = False) -> Judged:
    """Return what the pairs say; `last` when there will be no more of them, whatever was planned."""
    limited = {side: sum(side in pair.limited for pair in pairs) for side in ("baseline", "candidate")}
    sound = [pair for pair in pairs if not pair.limited]
    look = _look(design, len(pairs), last)
    compared = _compared(design, sound, look)
    found = {one.verdict for one in compared}
    verdict = "fail" if "fail" in found else "pass" if found == {"pass"} else "inconclusive"
    many = max(LIMITED, len(pairs) / 2) if design.to_the_end else LIMITED
    gave_out = [side for side, count in limited.items() if count >= many]
    if gave_out:
        return Judged("inconclusive", compared, len(pairs), limited, True,
                      f"the load generator was the limit of the {' and the '.join(gave_out)}: lower the rate or give "
                      "the generator more processes")  # fmt: skip
    ended = last or len(pairs) >= design.max_pairs
    clear = verdict == "fail" or (look is not None and verdict == "pass")
    over = ended or (clear and not design.to_the_end)
    return Judged(verdict, compared, len(pairs), limited, over, _said(design, verdict, compared, len(pairs)))


def _look(design: Design, pairs: int, last: bool) -> Look | None:
    """Return the look that is due after so many pairs."""
    if pairs < FEWEST:
        return None
    planned = next((look for look in design.looks if look.pairs == pairs), None)
    return planned or (last_look(design.looks, pairs) if last else None)


def _said(design: Design, verdict: str, compared: Sequence[Comparison], pairs: int) -> str:
    if verdict == "inconclusive" and pairs < FEWEST:
        return f"no verdict under {FEWEST} pairs at an error rate of {ALPHA:.0%}; there were {pairs}"
    named = [one for one in compared if one.verdict == verdict]
    return named[0].why if named and verdict != "pass" else "no effect beyond a margin"


def _compared(design: Design, pairs: Sequence[Pair], look: Look | None) -> tuple[Comparison, ...]:
    values = [_values(one, pairs) for one in design.thresholds]
    tails = _tails(design, values, look)
    return tuple(
        _comparison(design, one, pairs, numbers, tail)
        for one, numbers, tail in zip(design.thresholds, values, tails, strict=True)
    )


def _tails(design: Design, values: Sequence[Sequence[float]], look: Look | None) -> list[float | None]:
    """Return each threshold's tail: the primary's whole, the others' by Holm, so that interval and test agree."""
    if look is None:
        return [None] * len(values)
    tails: list[float | None] = [look.tail] * len(values)
    told = [(_p(design, one, values[at]), at) for at, one in enumerate(design.thresholds[1:], 1)]
    left, rejecting = len(told), True
    for p, at in sorted(told):
        level = look.tail / left
        tails[at] = level
        rejecting = rejecting and p <= level
        left -= rejecting  # what stays after the first that does not fail is held to the same level
    return tails


def _p(design: Design, one: Threshold, values: Sequence[float]) -> float:
    """Return the probability of the values if the true effect were just the margin."""
    if len(values) < FEWEST:
        return 1.0
    return estimate(values, 0.5).p(_bound(design, one, values), one.upward)


def _bound(design: Design, one: Threshold, values: Sequence[float]) -> float:
    if one.relative:
        return design.margin(one)
    return math.log(one.bound) if _in_logs(one, values) else one.bound


def _in_logs(one: Threshold, values: Sequence[float]) -> bool:
    return not one.relative and one.bound > 0 and not one.faults


def _values(one: Threshold, pairs: Sequence[Pair]) -> list[float]:
    """Return a number a pair: a log ratio, or the candidate's value (its log where all are above zero)."""
    found = [(pair.baseline.metrics.get(one.metric), pair.candidate.metrics.get(one.metric)) for pair in pairs]
    if one.relative:
        return [math.log(b / a) for a, b in found if a and b and a > 0 and b > 0]
    own = [value for _, value in found if value is not None]
    if _in_logs(one, own):
        return [math.log(max(value, 1e-12)) for value in own]
    return own


def _comparison(
    design: Design, one: Threshold, pairs: Sequence[Pair], values: Sequence[float], tail: float | None
) -> Comparison:
    logs = one.relative or _in_logs(one, values)
    back = np.expm1 if one.relative else np.exp if logs else float
    bound = _bound(design, one, values)
    sides = [[side.metrics.get(one.metric) for side in pair] for pair in ((p.baseline, p.candidate) for p in pairs)]
    known = [(a, b) for a, b in sides if a is not None and b is not None]
    tail = tail if len(values) >= FEWEST else None
    found = _of_faults(one, values) if one.faults else estimate(values, tail) if tail else None
    verdict = _told(one, found, bound)
    if one.faults and verdict == "pass" and tail is None:
        verdict = "inconclusive"
    shown = estimate(values, 0.5) if values and not one.faults else found
    smallest = None
    if found is not None and not one.faults and found.n > 2 and design.looks:
        sd = highest_sd(found.sd, found.n, found.whole)
        smallest = _smallest(one, bound, sd, design.max_pairs, design.tail(one), logs)
    why = _why(one, verdict, len(values), tail)
    ends = (None, None) if found is None else (_finite(back(found.low)), _finite(back(found.high)))
    return Comparison(
        metric=one.metric, threshold=one.text, relative=one.relative, upward=one.upward,
        primary=one is design.thresholds[0], verdict=verdict, why=why,
        baseline=mean([a for a, _ in known]), candidate=mean([b for _, b in known]),
        effect=None if shown is None else _finite(back(shown.mean)), interval=ends,
        margin=float(back(bound)), asked=one.bound, detectable=smallest,
        improved=one.relative and found is not None and (found.high < 0 if one.upward else found.low > 0),
        pairs=len(values), tail=tail or 0.0,
    )  # fmt: skip


def _told(one: Threshold, found: Estimate | None, bound: float) -> str:
    if found is None:
        return "inconclusive"
    near, far = (found.low, found.high) if one.upward else (-found.high, -found.low)
    bound = bound if one.upward else -bound
    return "fail" if near > bound + NOTHING else "pass" if far <= bound + NOTHING else "inconclusive"


def _of_faults(one: Threshold, values: Sequence[float]) -> Estimate | None:
    """Return the worst trial: what went wrong in one did go wrong."""
    if not values:
        return None
    worst = max(values) if one.upward else min(values)
    return Estimate(worst, worst, worst, 0.0, len(values))


def _why(one: Threshold, verdict: str, pairs: int, tail: float | None) -> str:
    if verdict == "fail":
        return f"{one.metric}: the whole interval lies beyond the margin"
    if verdict == "pass":
        return f"{one.metric}: the whole interval lies within the margin"
    if tail is None or pairs < FEWEST:
        return f"{one.metric}: no verdict under {FEWEST} pairs; there were {pairs}"
    more = "more pairs or longer trials (--max-pairs, --duration) would tell"
    counted = vocabulary.split(one.metric)[1] in vocabulary.COUNTS
    other = "" if counted else f"; what is counted is told with fewer: {' or '.join(vocabulary.COUNTS[:2])}"
    return f"{one.metric}: the interval reaches over the margin; {more}{other}"


def _smallest(one: Threshold, bound: float, sd: float, pairs: int, tail: float, logs: bool = True) -> float | None:
    """Return the smallest true effect that is told at the last look, in the terms of the threshold."""
    at = bound + beyond(sd, pairs, tail) * (1 if one.upward else -1)
    return _finite(float(np.expm1(at) if one.relative else np.exp(at) if logs else at))


def mean(values: Sequence[float]) -> float | None:
    """Return the mean over trials, the geometric one where all are above zero; None of none."""
    if not values:
        return None
    if min(values) > 0:
        return float(np.exp(np.mean(np.log(values))))
    return float(np.mean(values))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
