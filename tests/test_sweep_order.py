"""The order of a grid's trials: every point in every block, the base throughout, targets together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from loadkit.sweep import spec
from loadkit.sweep.order import BETWEEN, Grid, order
from loadkit.sweep.spec import VERSION, Axis, Point, Record, Step, Sweep


def points(count: int, base: int = 0) -> list[Point]:
    """Return so many points on one axis."""
    return [
        replace(point, base=i == base) for i, point in enumerate(spec.grid([Axis("linger.ms", tuple(range(count)))]))
    ]


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 1000))
def test_every_point_is_in_every_block_and_the_base_throughout(count: int, repeats: int, seed: int) -> None:
    """No trial stands twice, and never more than eight others pass without the base, which comes first and last."""
    base = seed % count
    steps = order(points(count, base), repeats, seed)
    assert max(Counter((step.point.id, step.repeat) for step in steps).values()) == 1
    others = [(step.point.id, step.repeat) for step in steps if not step.point.base]
    assert Counter(others) == Counter((f"p{i:03d}", r) for i in range(count) if i != base for r in range(repeats))
    bases = [place for place, step in enumerate(steps) if step.point.base]
    assert bases[0] == 0
    assert bases[-1] == len(steps) - 1
    assert all(after - before <= BETWEEN + 1 for before, after in pairwise(bases))
    assert [steps[place].repeat for place in bases] == list(range(len(bases)))
    if count > 1:
        blocks = [step.repeat for step in steps if not step.point.base]
        assert blocks == sorted(blocks), "one block after the other"


def test_the_seed_decides_the_order() -> None:
    """The same seed gives the same order, another one another, and blocks are shuffled apart."""
    one, two = order(points(12), 2, 1), order(points(12), 2, 2)
    assert one == order(points(12), 2, 1)
    assert one != two
    first, second = ([step.point.id for step in one if step.repeat == r and not step.point.base] for r in (0, 1))
    assert first != second
    assert sorted(first) == sorted(second)


def test_points_of_one_version_stay_together_within_a_block() -> None:
    """Changing over starts a cluster: once a version and block; which comes first is drawn anew."""
    axes = [Axis(VERSION, ("3.9.1", "4.0.0", "4.3.1")), Axis("linger.ms", (0, 5, 20))]
    made = [replace(point, base=i == 4) for i, point in enumerate(spec.grid(axes))]
    firsts = set()
    for seed in range(5):
        steps = order(made, 3, seed)
        versions = [step.point.settings[VERSION] for step in steps]
        changes = sum(a != b for a, b in pairwise(versions))
        assert changes <= 3 * 3 - 1
        firsts.add(versions[0])
    assert len(firsts) > 1


class Space:
    """A grid of which some points cannot work."""

    base = 1

    def __init__(self, axes: tuple[Axis, ...], invalid: set[int]) -> None:
        self.axes, self._invalid = axes, invalid

    def point(self, number: int) -> Point:
        """Return a judged point."""
        point = spec.grid(self.axes)[number]
        return replace(point, base=number == self.base, invalid="it cannot work" if number in self._invalid else None)


def test_a_grid_goes_on_with_what_is_missing() -> None:
    """What was done is not done again, whatever became of it; invalid points are listed and never run."""
    axes = (Axis("linger.ms", (0, 5)), Axis("acks", ("all", 1)))
    grid = Grid(Sweep(axes, repeats=2), Space(axes, {3}))
    assert [point.invalid for point in grid.points(())] == [None, None, None, "it cannot work"]
    done: list[Record] = []
    while step := grid.next(done):
        assert step == grid.steps(done)[0]
        status = "failed" if step.point.id == "p002" else "complete"
        done.append(Record(step.point.id, step.repeat, len(done), "trials/x", status))
    assert Counter(record.point for record in done) == {"p000": 2, "p001": 3, "p002": 2}
    assert grid.next(done) is None
    assert grid.steps(done[:3]) == grid.steps(())[3:]
    assert Step(grid.points(())[1], 0) == grid.steps(())[0]


def test_one_point_is_its_own_control() -> None:
    """It is tried as often as the sweep says, and no point at all has nothing to run."""
    assert [step.repeat for step in order(points(1), 3, 1)] == [0, 1, 2]
    assert order([], 3, 1) == []
