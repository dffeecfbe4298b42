"""The noise of repeats: blocks taken out, intervals of points, moderated variances."""

from __future__ import annotations

import numpy as np
import pytest

from loadkit.analysis.noise import Repeats, repeats

POINTS = [f"p{at}" for at in range(12)]


def sweep(rng: np.random.Generator, rounds: int, spread: float, extra: int = 0) -> tuple[Repeats, np.ndarray]:
    """Return noise as found in trials with known truth; each point's own noise differs by `spread` (log)."""
    truth = rng.normal(0, 0.3, len(POINTS))
    sigma = 0.05 * np.exp(rng.normal(0, spread, len(POINTS)))
    blocks = rng.normal(0, 0.2, rounds)
    rows = [(at, block) for block in range(rounds) for at in range(len(POINTS))] + [
        (0, b % rounds) for b in range(extra)
    ]
    logs = [truth[at] + blocks[block] + rng.normal(0, sigma[at]) for at, block in rows]
    return repeats([POINTS[at] for at, _ in rows], [block for _, block in rows], logs), truth


def test_blocks_are_taken_out() -> None:
    """A point that missed the slow round is not the better for it."""
    found = repeats(["a", "b", "a", "b", "a"], [0, 0, 1, 1, 2], [0.0, 1.0, 5.0, 6.0, 50.0])
    assert found.of("b", "a").estimate == pytest.approx(1.0)


@pytest.mark.parametrize(("rounds", "spread", "extra"), [(3, 0.0, 0), (3, 0.7, 0), (2, 0.0, 4), (1, 0.0, 6)])
def test_intervals_of_differences_cover_the_truth(rounds: int, spread: float, extra: int) -> None:
    """About 95 % of intervals hold, whether points are equally noisy or not, few repeats or only the base's."""
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(150):
        found, truth = sweep(rng, rounds, spread, extra)
        for at in range(1, len(POINTS)):
            seen = found.of(POINTS[at], POINTS[0])
            inside.append(seen.low <= truth[at] - truth[0] <= seen.high)
    assert 0.92 <= np.mean(inside) <= 0.985


def test_the_best_of_many_is_not_better_than_it_is() -> None:
    """The interval of the point that looks best holds in 95 % of sweeps or more, though it was picked for its luck."""
    rng = np.random.default_rng(6)
    inside = []
    for _ in range(300):
        found, truth = sweep(rng, 3, 0.3)
        best = min(range(1, len(POINTS)), key=lambda at: found.means[found.points.index(POINTS[at])])
        seen = found.of(POINTS[best], POINTS[0], len(POINTS) - 1)
        inside.append(seen.low <= truth[best] - truth[0] <= seen.high)
    assert np.mean(inside) >= 0.95


def test_a_noisy_point_is_told_from_quiet_ones() -> None:
    """Many repeats show that one point is noisy, and its interval is the wider; a few are moderated."""
    rng = np.random.default_rng(7)
    rows = [(point, block) for block in range(30) for point in POINTS]
    logs = [rng.normal(0, 1.0 if point == "p3" else 0.1) for point, _ in rows]
    found = repeats([point for point, _ in rows], [block for _, block in rows], logs)
    wide, narrow = (found.of(point).high - found.of(point).low for point in ("p3", "p5"))
    assert wide > 5 * narrow


def test_without_repeats_there_is_no_interval() -> None:
    """One trial a point says nothing of noise: the interval has no end."""
    seen = repeats(["a", "b"], [0, 0], [0.0, 1.0]).of("b", "a")
    assert (seen.estimate, seen.low, seen.high, seen.p, seen.df) == (1.0, -np.inf, np.inf, 1.0, 0.0)


def test_repeats_that_agree_exactly_leave_no_doubt() -> None:
    """A simulated cluster without noise: intervals of no width, and any difference is real."""
    found = repeats(["a", "a", "b", "b"], [0, 1, 0, 1], [0.0, 0.0, 0.5, 0.5])
    assert (found.of("b", "a").low, found.of("b", "a").high) == pytest.approx((0.5, 0.5))
    assert found.of("b", "a").p == 0.0
