"""The search for the highest rate within objectives, as a pure state machine: judged trials in, steps and answer out.

    ramp      from the start by factors of two, up while it passes, down while it fails, until rates bracket the edge
    bisect    on the logarithm of the rate until the bracket is 2.5 % wide
    above     probes up to twice the edge: latency need not be monotone, a fuller batch costs less a message
    low       probes well below the edge, for the same reason
    confirm   three clean holds at its lower end, a fresh trial each, and one 10 % above, which must fail

A probe within the guard band of a bound, and one of which the generator was the limit, is repeated, up to three trials
in all, and they vote. Probes only say where to look: holds alone make the claim. Near capacity latency differs from
hold to hold by more than any band, so holds vote too: three clean ones before three that are not, unless one misses
grossly. Holds that fail lower the bracket, one that passes 10 % above raises it, each at most three times; then there
is no answer but an interval.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from loadkit.sweep.judgement import GUARD, Judged

Kind = Literal["probe", "low", "hold", "over"]
Decided = Literal["pass", "fail", "generator", "unknown"]
Outcome = Literal["found", "generator", "permitted", "none", "noisy"]

TOLERANCE = 1.025
"""Ratio of the bracket's ends at which bisection stops."""
STRIDE = 2.0
"""Factor of the ramp."""
OVER = 1.10
"""Factor above the answer at which a hold must fail."""
DISTRUST = 1.2
"""How far above a hold that passed where probes had failed, such failures are forgotten."""
ABOVE = (1.3, 1.65, 1.9)
"""Where probes look above the edge, as multiples of it: where batches of one are too many requests, batches of two
halve them, so that a second range of rates may pass up to twice the first one's end."""
BELOW = (1 / 4, 1 / 16)
"""Where low rates are probed, as shares of the bracket's lower end, unless a trial was near."""
HOLDS, SPARES = 3, 2
"""Holds that must be clean, and how many others may not be: the majority of five."""
GROSS = 0.5
"""Distance beyond a bound (65 % too much) at which one hold is enough to fail."""
VOTES = 3
LOWER = 1.03
"""Factor by which holds that fail lower the rate."""
SETBACKS = 3
"""How often the bracket may be lowered, and how often raised, after it was closed."""
LOWEST = 2.0**-12
"""Share of the start below which no rate is tried."""
MOST_TRIALS = 100

Trials = Generator["Step", Judged, Decided]
Steps = Generator["Step", Judged, None]


@dataclass(frozen=True, slots=True)
class Step:
    """The trial that comes next."""

    kind: Kind
    rate: float


@dataclass(frozen=True, slots=True)
class Answer:
    """How a search ended."""

    outcome: Outcome
    """found; generator: it gave out first; permitted: no higher rate may be tried; none: no rate passed; noisy."""
    rate: float | None
    """The highest rate of which three holds passed."""
    interval: tuple[float | None, float | None]
    """With a rate: from the width of a bracket below it to the rate at which a hold failed. Else: the open bracket."""
    regions: tuple[tuple[float, float], ...]
    """Ranges of rates in which every trial passed."""


class _Undecided(Exception):
    """The search cannot come to an answer."""


class Search:
    """What is known of each rate, and what to try next. `step` is None once there is an `answer`."""

    def __init__(self, start: float, most: float = math.inf) -> None:
        """Begin at a rate (msg/s); never go above `most`."""
        self._start, self._most = min(start, most), most
        self._decided: dict[float, Decided] = {}
        self._held: float | None = None
        self._trials = 0
        self._sustained = True
        self.answer: Answer | None = None
        self._story = self._run()
        self.step: Step | None = next(self._story)

    def take(self, judged: Judged) -> None:
        """Take what became of the present step, and move on to the next."""
        try:
            self._trials += 1
            self._sustained = judged.sustained
            self.step = self._story.send(judged)
        except StopIteration as ended:
            self.step, self.answer = None, ended.value

    @property
    def left(self) -> int:
        """About how many trials are still to come; 0 once there is an answer."""
        if self.step is None:
            return 0
        if self.step.kind in ("hold", "over"):
            return HOLDS + 1
        low, high = self._low, self._high
        ratio = high / low if low and high else STRIDE
        bisections = math.log2(max(1.0, math.log(ratio) / math.log(TOLERANCE)))
        return math.ceil(bisections) + (0 if low and high else 1) + 2 + HOLDS + 1

    # what is known

    @property
    def _low(self) -> float | None:
        """The highest rate that passed."""
        return max((rate for rate, how in self._decided.items() if how == "pass"), default=None)

    @property
    def _high(self) -> float | None:
        """The lowest rate above it that did not."""
        floor = self._low or 0.0
        return min((rate for rate, how in self._decided.items() if how != "pass" and rate > floor), default=None)

    def _ended(self, outcome: Outcome, rate: float | None = None, above: float | None = None) -> Answer:
        ordered = groupby(sorted(self._decided), key=lambda rate: self._decided[rate] == "pass")
        regions = [list(rates) for passed, rates in ordered if passed]
        interval = (_rounded(rate / TOLERANCE), above or self._high) if rate else (self._held or self._low, self._high)
        return Answer(outcome, rate, interval, tuple((rates[0], rates[-1]) for rates in regions))

    # the story

    def _run(self) -> Generator[Step, Judged, Answer]:
        try:
            yield from self._bracket()
            if self._low is None:
                return self._ended("none")
            yield from self._narrow()
            yield from self._look_below()
            return (yield from self._settle())
        except _Undecided:
            return self._ended("noisy")

    def _bracket(self) -> Steps:
        """Find a rate that passes and one above it that does not."""
        rate = self._start
        highest = min(self._start / LOWEST, self._most)
        how = yield from self._probe(rate, doubting=True)
        # Where latency is too long although nothing piles up, batches may fill sooner at higher rates.
        while how in ("fail", "unknown") and self._sustained and rate < highest:
            rate = min(STRIDE * rate, self._most)
            how = yield from self._probe(rate, doubting=True)
        rate = self._start
        while self._low is None and rate > self._start * LOWEST:
            rate /= STRIDE
            yield from self._probe(rate)
        yield from self._climb()

    def _climb(self) -> Steps:
        """Go up from the highest rate that passed until one does not."""
        while (low := self._low) and self._high is None and low < self._most:
            yield from self._probe(min(STRIDE * low, self._most), doubting=True)

    def _look_below(self) -> Steps:
        low = self._low
        assert low
        for share in BELOW:
            if not self._near(low * share, 2.0):
                yield from self._probe(low * share, "low", votes=1)

    def _narrow(self) -> Steps:
        """Bisect the bracket on the logarithm of the rate, also that above a gap."""
        yield from self._climb()
        while (low := self._low) and (high := self._high):
            above = [low * factor for factor in ABOVE if low * factor <= self._most]
            unseen = [rate for rate in above if not self._near(rate, 1.1)]
            if high / low > TOLERANCE:
                yield from self._probe(math.sqrt(low * high))
            elif self._decided[high] == "generator" or not unseen:
                return
            elif (yield from self._probe(unseen[0], votes=1)) == "pass":
                yield from self._climb()

    def _near(self, rate: float, factor: float) -> bool:
        """Return whether a rate within a factor was tried."""
        return any(rate / factor <= tried <= rate * factor for tried in self._decided)

    def _settle(self) -> Generator[Step, Judged, Answer]:
        """Confirm the bracket's lower end, and move it as often as it takes and is allowed."""
        lowered = raised = 0
        rate = self._low or 0.0
        while True:
            how = yield from self._hold(rate)
            if how == "pass":
                self._held = rate
                if answer := (yield from self._beyond(rate)):
                    return answer
                raised += 1
                yield from self._narrow()
                rate = self._low or rate
            else:
                # Where the generator gave out, a lower bound is sought and not an edge: the steps grow.
                rate = _rounded(rate / LOWER ** (2**lowered if how == "generator" else 1))
                rate = max(rate, self._low or 0.0)
                lowered += 1
            if max(lowered, raised) > SETBACKS or rate <= (self._held or 0.0):
                return self._given_up(how)

    def _beyond(self, rate: float) -> Generator[Step, Judged, Answer | None]:
        """Return the answer if what lies above a rate that held does not pass; None where a hold 10 % above does."""
        if self._high is None:
            return self._ended("permitted", rate)
        if self._decided[self._high] == "generator":
            return self._ended("generator", rate)
        above = _rounded(min(OVER * rate, self._most))
        how = yield from self._probe(above, "over")
        if how != "pass":
            return self._ended("generator" if how == "generator" else "found", rate, above)
        self._forget(rate, DISTRUST * above)
        return None

    def _given_up(self, how: Decided) -> Answer:
        """Return what can be said when holds and probes do not come together: what held, if the generator is why."""
        if how == "generator" and self._held:
            return self._ended("generator", self._held)
        return self._ended("noisy")

    def _forget(self, low: float, high: float) -> None:
        """Drop the failures between two rates: they are outvoted by a hold, or as doubtful as those that were."""
        self._decided = {rate: how for rate, how in self._decided.items() if how == "pass" or not low < rate < high}

    # single rates

    def _probe(self, rate: float, kind: Kind = "probe", votes: int = VOTES, doubting: bool = False) -> Trials:
        """Try a rate until its votes decide, and note what they say.

        `doubting` asks again after one failure at a rate that was kept up with: a disturbed moment, such as of a
        compiler or a neighbour, looks just so, and would send the ramp astray.
        """
        step, seen = Step(kind, _rounded(rate)), list[Judged]()
        while (how := _voted(seen, votes, doubting)) is None:
            seen.append((yield from self._try(step)))
        self._decided[step.rate] = how
        return how

    def _hold(self, rate: float) -> Trials:
        """Hold a rate until three holds were clean or three were not."""
        step, passed, missed = Step("hold", _rounded(rate)), 0, 0
        how: Decided = "pass"
        while passed < HOLDS and how == "pass":
            judged = yield from self._try(step)
            if judged.distance <= 0:
                passed += 1
                continue
            missed += 1
            if judged.distance > GROSS or missed > SPARES:
                how = "generator" if judged.generator else "fail"
        self._decided[step.rate] = how
        return how

    def _try(self, step: Step) -> Generator[Step, Judged, Judged]:
        if self._trials >= MOST_TRIALS:
            raise _Undecided
        return (yield step)


def _voted(seen: Sequence[Judged], most: int, doubting: bool) -> Decided | None:
    """Return what trials at one rate say together; None when another is needed.

    One trial clear of the guard band decides. Others decide by the mean of their distances, against a band that
    narrows with the square root of their number; the last one by its sign.
    """
    if not seen:
        return None
    if len(seen) == 1 and seen[0].verdict != "unknown":
        doubtful = doubting and seen[0].verdict == "fail" and seen[0].sustained
        return None if doubtful else seen[0].verdict
    if any(math.isnan(one.distance) and not one.generator for one in seen):
        return "unknown"  # repeating it would tell no more
    last = len(seen) >= most
    if 2 * sum(one.generator for one in seen) > most or (last and seen[-1].generator):
        return "generator"
    known = [min(max(one.distance, -3 * GUARD), 3 * GUARD) for one in seen if not one.generator]
    mean = sum(known) / len(known) if known else 0.0
    if known and (last or abs(mean) > GUARD / math.sqrt(len(known))):
        return "pass" if mean <= 0 else "fail"
    return None


def _rounded(rate: float) -> float:
    """Return a rate to four significant digits: nobody wants to read more."""
    return float(f"{rate:.4g}")
