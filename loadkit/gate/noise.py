"""The noise of pairs of one target against itself, by metric; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loadkit.gate.record import Noise, Pair
from loadkit.gate.statistics import ALPHA, FEWEST, estimate


def noise(pairs: Sequence[Pair]) -> dict[str, Noise]:
    """Return the noise of every metric that was above zero in all trials of at least `FEWEST` pairs."""
    sound = [pair for pair in pairs if not pair.limited]
    if len(sound) < FEWEST:
        return {}
    found = {}
    for name in sound[0].baseline.metrics:
        both = [(pair.baseline.metrics.get(name), pair.candidate.metrics.get(name)) for pair in sound]
        logs = [math.log(b / a) for a, b in both if a and b and a > 0 and b > 0]
        if len(logs) == len(sound):
            one = estimate(logs, ALPHA / 2)
            found[name] = Noise(one.mean, one.sd, one.n, max(-one.low, one.high), one.whole)
    return found
