"""How far another clock is: the bounds hold the truth whatever the network does, and say so when they did not."""

from __future__ import annotations

import numpy as np
import pytest

from loadkit import offset
from loadkit.clock import Course
from loadkit.offset import Offset

SECOND = 10**9


class World:
    """Two clocks: ours, and theirs which is `ahead` (ns) and faster by `parts` per billion; messages take random time."""

    def __init__(self, seed: int, ahead: int, parts: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.ahead, self.parts = ahead, parts
        self.now = 7 * 86_400 * SECOND

    def truth(self, at: int) -> int:
        """Return theirs - ours at an instant of ours."""
        return self.ahead + at * self.parts // 10**9

    def exchange(self, known: Offset, there: float, back: float) -> None:
        """Exchange messages that take so long on the mean (s), one way unlike the other."""
        asked = self.now
        arrived = asked + 20_000 + int(self.rng.exponential(there) * SECOND)
        left = arrived + int(self.rng.exponential(1e-4) * SECOND)
        answered = left + 20_000 + int(self.rng.exponential(back) * SECOND)
        known.take(asked, arrived + self.truth(arrived), left + self.truth(left), answered)
        self.now = answered


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("ahead", "ppm"), [(5_000_000, 100), (-3_600 * SECOND, -300), (400 * 86_400 * SECOND, 999), (0, 0)]
)
def test_the_bounds_hold_the_truth_at_every_instant(seed: int, ahead: int, ppm: int) -> None:
    """Also with ways that take unlike time and between exchanges; and a steady pace is no contradiction."""
    world, known = World(seed, ahead, ppm * 1000), Offset()
    for _ in range(150):
        world.exchange(known, there=3e-4, back=2e-3)
        for later in (0, SECOND // 2, 3 * SECOND):
            low, high = known.bounds(world.now + later)
            assert low - 1 <= world.truth(world.now + later) <= high + 1
        world.now += SECOND
    assert not known.breaks
    assert high - low < 2e-3 * SECOND


def test_a_pace_that_wanders_stays_within_the_bounds() -> None:
    """By up to `WANDER` over a window, back and forth."""
    world, known = World(1, 0, 0), Offset()
    for step in range(400):
        world.exchange(known, there=1e-4, back=1e-4)
        low, high = known.bounds(world.now + SECOND)
        ahead = world.truth(world.now)
        world.parts = 50_000 + round(2_000 * np.sin(step / 60))  # 2 ppm
        world.ahead = ahead - world.now * world.parts // 10**9
        assert low - 1 <= world.truth(world.now + SECOND) <= high + 1
        world.now += SECOND
    assert not known.breaks


@pytest.mark.parametrize("seconds", [-0.01, 0.01, 3600.0])
def test_a_clock_that_stepped_is_told_and_the_bounds_hold_again(seconds: float) -> None:
    """The first exchange after it contradicts those before; from then on they count no more."""
    world, known = World(3, 0, 20_000), Offset()
    for _ in range(30):
        world.exchange(known, there=1e-4, back=1e-4)
        world.now += SECOND
    world.ahead += round(seconds * SECOND)
    world.exchange(known, there=1e-4, back=1e-4)
    assert known.breaks
    for _ in range(30):
        world.exchange(known, there=1e-4, back=1e-4)
        low, high = known.bounds(world.now)
        assert low - 1 <= world.truth(world.now) <= high + 1
        world.now += SECOND


def test_one_exchange_bounds_by_the_round_trip() -> None:
    """At its end the offset is known to what its two ways took."""
    known = Offset()
    known.take(asked=1000, heard=51_400, said=51_500, answered=1600)
    assert known.round_trip_ns == 500
    assert known.bounds(1600) == pytest.approx((49_900, 50_400 + 600e-3), abs=0.01)


@pytest.mark.parametrize("ppm", [0, 100, -999])
def test_a_reading_that_follows_goes_on_without_a_step_and_meets_the_truth(ppm: int) -> None:
    """Its pace changes by no more than allowed, it never goes back, and its stated error holds the true one."""
    world, known = World(5, 123 * SECOND, ppm * 1000), Offset()
    for _ in range(8):
        world.exchange(known, there=1e-4, back=1e-4)
    course = Course(world.now, round(sum(known.bounds(world.now)) / 2), 0)
    errors = []
    for _ in range(120):
        world.now += SECOND
        before = course.offset_at(world.now)
        stated = offset.error(known, world.now, before)
        errors.append(abs(before - world.truth(world.now)))
        assert errors[-1] <= stated + 1
        world.exchange(known, there=2e-4, back=2e-4)
        ahead = course.offset_at(world.now)
        course = Course(world.now, ahead, round(offset.pace(known, world.now, ahead) * 1e9))
        assert course.offset_at(world.now) == ahead
        assert abs(course.parts) <= offset.FASTEST * 1e9
    assert max(errors[30:]) < 200_000
