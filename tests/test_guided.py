"""A sweep within a budget: it screens, lets rest what does nothing, and goes where it pays; the same again by the seed."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import pytest
from sweep_world import Metrics, World, axes, budgeted

from loadkit.sweep import guided, suggest
from loadkit.sweep.budget import Budget
from loadkit.sweep.guided import Guided
from loadkit.sweep.order import BETWEEN
from loadkit.sweep.spec import Record, Settings, Strategy, size

SIX = axes(linger=[0, 5, 20], batch=[1, 4, 16], partitions=[3, 6], codec=["none", "lz4"], idle=[1, 2, 3], still=[0, 1])
"""216 points; the last two axes do nothing."""


def shop(settings: Settings, repeat: int) -> Metrics:
    """Return a trade-off: linger and batch raise the rate and the latency, lz4 is better in both."""
    linger, batch = float(settings["linger"]), float(settings["batch"])
    better = 1.5 if settings["codec"] == "lz4" else 1.0
    rate = 1000 * (1 + batch * linger / 100) * better * (1 + 0.1 * settings["partitions"])
    return {"throughput": rate, "latency.p99": (0.002 + linger / 1e3 + batch / 2e3) / better}


def strategy(world: World, trials: int, **fields: object) -> Guided:
    """Return the strategy whose budget pays for so many trials of one second."""
    return Guided(budgeted(world, trials, **fields), world, Budget(trials, 1.0).left)


def moved(records: list[Record], world: World, path: str) -> Counter[object]:
    """Return how often each value of an axis was tried."""
    return Counter(world.point(int(record.point[1:])).settings[path] for record in records)


def test_screening_comes_first_as_a_block_with_the_base_throughout() -> None:
    """The base opens it, comes after every eighth other trial, and closes it."""
    world = World(SIX, shop, base=100)
    records = world.run(strategy(world, 60))
    block = records[:19]
    assert all(record.block for record in block)
    assert [place for place, record in enumerate(block) if record.point == "p100"] == [0, 9, 18]
    assert len({record.point for record in block}) == 17
    assert len(records) == 60


def test_axes_that_do_nothing_stand_still_after_screening() -> None:
    """All that is left of the grid fits then, so it is tried whole and as a block; and it is said what stood still."""
    world = World(SIX, shop, base=100)
    made = strategy(world, 70)
    records = world.run(made, most=69)
    after = records[19:]
    base = world.point(100).settings
    assert set(moved(after[:31], world, "idle")) == {base["idle"]}
    assert set(moved(after[:31], world, "still")) == {base["still"]}
    assert all(record.block for record in after[:31])
    tried = {tuple(world.point(int(record.point[1:])).settings.values())[:4] for record in records}
    assert len(tried) == 36
    said = " / ".join(made.not_explored(records))
    assert "idle stood at 3 after screening" in said
    assert "linger stood" not in said
    assert "cannot tell apart linger x batch = " in said


def test_with_time_left_the_axes_that_stood_still_move_too() -> None:
    """A budget is spent while there is anything to try."""
    world = World(SIX, shop, base=100)
    records = world.run(strategy(world, 100))
    assert len(records) == 100
    assert set(moved(records[70:], world, "idle")) == {1, 2, 3}


def test_points_that_are_chosen_are_outside_of_blocks_and_never_tried_twice() -> None:
    """But for the base point, which comes after every eighth trial."""
    world = World(axes(a=range(8), b=range(8), c=range(8)), uneven, base=9)
    records = world.run(strategy(world, 80))
    counts = Counter(record.point for record in records)
    assert counts.pop("p009") > 80 / (BETWEEN + 2)
    assert set(counts.values()) == {1}
    chosen = [record for record in records[10:] if record.point != "p009"]
    assert chosen
    assert not any(record.block for record in chosen)


def uneven(settings: Settings, repeat: int) -> Metrics:
    """Return a front that only steps along a valley reach, in which all axes matter."""
    a, b, c = (float(value) for value in settings.values())
    return {"throughput": math.exp(0.3 * (a + b) - abs(a - b) - 0.2 * c), "latency.p99": math.exp(0.4 * a + 0.1 * c)}


@pytest.mark.parametrize("trials", [30, 70])
def test_the_next_trial_follows_from_the_trials_so_far_alone(trials: int) -> None:
    """A sweep that is killed after any trial and taken up by another process goes on as if nothing had happened."""
    world = World(axes(a=range(6), b=range(6), c=range(6)), uneven, base=7)
    whole = world.run(strategy(world, trials))
    for cut in random.Random(trials).sample(range(len(whole)), 4):
        assert world.run(strategy(world, trials), whole[:cut], cut + 3) == whole[: cut + 3]


def test_the_seed_changes_the_order() -> None:
    """And nothing else does."""
    world = World(SIX, shop, base=100)
    first, again, other = (world.run(strategy(world, 40, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert [record.point for record in first] != [record.point for record in other]


def test_points_that_cannot_work_are_neither_screened_nor_proposed() -> None:
    """Where the design meets one, one factor at a time takes its place."""
    world = World(SIX, shop, base=100, invalid=lambda s: s["linger"] == 20 and s["batch"] == 16)
    made = strategy(world, 60)
    records = world.run(made)  # `World.trial` asserts that each can work
    assert len(records) == 60
    assert "one factor at a time" in " ".join(made.not_explored(records))
    assert sum(point.invalid is not None for point in made.points(records)) == 24


def test_a_trial_that_fails_is_not_tried_again_and_nothing_ends() -> None:
    """It takes its time, tells nothing, and an axis is not acquitted by what was not measured."""
    world = World(SIX, lambda s, r: None if s["idle"] == 1 else shop(s, r), base=100)
    records = world.run(strategy(world, 60))
    assert len(records) == 60
    failed = [record.point for record in records if record.status == "failed"]
    assert failed
    assert len(set(failed)) == len(failed)
    nothing = World(SIX, lambda s, r: None, base=100)
    assert len(nothing.run(strategy(nothing, 60))) == 60


def test_the_front_is_repeated_at_last() -> None:
    """As often as the sweep says, in at most a quarter of all trials."""
    world = World(axes(a=range(8), b=range(8), c=range(8)), uneven, base=9)
    made = strategy(world, 80, repeats=3)
    records = world.run(made)
    repeated = [record for record in records if record.repeat and record.point != "p009"]
    assert 10 <= len(repeated) <= 20
    assert min(record.index for record in repeated) > 50
    told = {record.point: made.lattice.named(record.point) for record in repeated}
    assert max(record.repeat for record in repeated) <= 2
    assert len(told) > 3


def test_safe_points_are_looked_for_where_unsafe_ones_beat_them_all() -> None:
    """Steps start at the front of the safe ones too, for only those may be named best."""
    grid = axes(a=range(10), b=range(10), acks=["all", "1"])

    def formula(s: Settings, repeat: int) -> Metrics:
        better = 0.5 if s["acks"] == "1" else 1.0
        return {"throughput": 1000.0, "latency.p99": better * (0.01 + (s["a"] - 7) ** 2 + (s["b"] - 2) ** 2)}

    world = World(grid, formula, base=0, unsafe=lambda s: s["acks"] == "1")
    records = world.run(strategy(world, 60))
    safe = [record for record in records if world.point(int(record.point[1:])).safe]
    assert min(record.metrics["latency.p99"] or 1 for record in safe) == 0.01


def test_a_grid_of_a_billion_points_is_never_listed() -> None:
    """Only what is tried, or next to it, is judged."""
    grid = axes(**{f"x{i}": range(8) for i in range(10)})
    world = World(grid, lambda s, r: {"throughput": 1.0 + sum(s.values()), "latency.p99": 1.0 + s["x0"] ** 2}, base=5)
    assert size(grid) > 1e9
    made = strategy(world, 60)
    records = world.run(made)
    assert len(records) == 60
    assert len(world.judged) < 20_000
    assert "1,073,741,824 points" in made.not_explored(records)[0]


def test_a_budget_for_screening_alone_says_so() -> None:
    """No Optuna is needed then; what is not paid for is not concluded."""
    world = World(SIX, shop, base=100)
    assert strategy(world, 12).name == "guided"
    small = strategy(world, 1)
    assert small.name == "screening"
    assert len(world.run(small)) == 1
    assert "no screening" in " ".join(small.not_explored(()))


def test_trials_ended_early_tell_what_they_measured_and_are_named() -> None:
    """Their points are not tried again."""
    world = World(SIX, shop, base=100)
    made = strategy(world, 60)
    records = world.run(made, most=59)
    early = Record("p001", 0, 59, "", "ended-early", block=False, seconds=0.3, metrics={"throughput": 1.0})
    assert (
        "1 trials were ended early as hopeless and are in no effect: p001-0" in made.not_explored([*records, early])[-1]
    )


def test_steps_and_what_is_left_agree_with_the_budget() -> None:
    """The block is settled, later trials one at a time; the budget is never exceeded."""
    world = World(SIX, shop, base=100)
    made: Strategy = strategy(world, 60)
    assert (len(made.steps(())), made.left(())) == (19, 60)
    records = world.run(made, most=58)
    assert (len(made.steps(records)), made.left(records)) == (1, 2)
    records = world.run(made, records)
    assert (made.next(records), made.left(records)) == (None, 0)


def test_without_optuna_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is run."""
    monkeypatch.setattr(suggest, "find_spec", lambda name: None)
    world = World(SIX, shop, base=100)
    with pytest.raises(suggest.UsageError, match=r"pip install 'loadkit\[search\]'"):
        strategy(world, 60)


def test_proposals_are_points_of_the_grid_that_improve() -> None:
    """Told a slope, Optuna goes down it; axes that are not live stand at the base."""
    world = World(axes(a=range(20), b=["x", "y"], c=range(5)), shop)
    made = guided.Lattice(world.axes)
    told = {(a, b, 0): (float(a + 5 * b),) for a in range(4, 20, 3) for b in (0, 1)}
    found = list(itertools.islice(suggest.proposals(made, (0, 0, 2), [0, 1], told, 7), 20))
    assert found == list(itertools.islice(suggest.proposals(made, (0, 0, 2), [0, 1], told, 7), 20))
    assert all(c == 2 and b in (0, 1) and 0 <= a < 20 for a, b, c in found)
    assert sum(a for a, _, _ in found) / 20 < 7
