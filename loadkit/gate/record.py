"""A gate's trials and pairs as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadkit.gate.order import SIDES

Metrics = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Trial:
    """What one trial of one side left."""

    pair: int
    side: str
    place: int
    """0: the first of its pair."""
    folder: str
    metrics: Metrics
    withheld: Mapping[str, str] = field(default_factory=dict)
    limit: str = "none"
    started_at: str | None = None
    seconds: float | None = None
    """From its call to its end."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two trials, one after the other."""

    baseline: Trial
    candidate: Trial

    @property
    def limited(self) -> tuple[str, ...]:
        """The sides whose load generator gave out: their figures are the generator's."""
        return tuple(trial.side for trial in (self.baseline, self.candidate) if trial.limit == "generator")


def pairs(trials: Sequence[Trial]) -> list[Pair]:
    """Return the whole pairs of trials, in their order."""
    by_place = {(trial.pair, trial.side): trial for trial in trials}
    numbers = sorted({trial.pair for trial in trials})
    both = [tuple(by_place.get((number, side)) for side in SIDES) for number in numbers]
    return [Pair(one, other) for one, other in both if one and other]


@dataclass(frozen=True, slots=True)
class Noise:
    """How far pairs of one target against itself differ: of the log of the ratio, from an A/A run."""

    mean: float
    sd: float
    pairs: int
    far: float
    """The largest log ratio that the A/A run could not exclude: what this machine can resolve."""
    whole: float = 0.0
    """Standard deviation of all pairs; `sd` is of those near the middle. 0 where an older calibration left none."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One threshold and what the pairs say of it; shares for a relative one, the metric's unit for an absolute one."""

    metric: str
    threshold: str
    relative: bool
    upward: bool
    primary: bool
    verdict: str
    """pass, fail or inconclusive."""
    why: str
    baseline: float | None
    candidate: float | None
    """Means over trials (geometric ones where the interval is of logs)."""
    effect: float | None
    interval: tuple[float | None, float | None]
    margin: float
    asked: float
    """The bound as given; the margin is wider where the machine resolves less."""
    detectable: float | None
    """The smallest true effect that this gate would have told, with 95 % power."""
    improved: bool
    pairs: int
    tail: float
    """Probability that each end of the interval leaves out."""
