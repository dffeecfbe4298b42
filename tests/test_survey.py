"""What trials tell of the axes: effects against noise, elementary effects, and the front."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sweep_world import Metrics, World, axes

from loadkit.sweep.lattice import Lattice
from loadkit.sweep.screening import Design, Digits, factorial
from loadkit.sweep.spec import Point, Record, Settings, Step
from loadkit.sweep.survey import Survey, noise, stuck, survey, survivors

FOUR = axes(a=[0, 1], b=[0, 1], c=[0, 1], d=[0, 1])


def tried(world: World, runs: tuple[Digits, ...], repeats: int = 1) -> tuple[Survey, list[Record]]:
    """Return what trials at some points tell."""
    lattice, records = Lattice(world.axes), []
    for repeat in range(repeats):
        for run in runs:
            step = Step(world.point(lattice.number(run)), repeat)
            records.append(world.trial(step, len(records)))
    return survey("latency.p99", lattice, records), records


def screened(world: World) -> tuple[Design, Survey]:
    made = factorial([(0, len(axis.values) - 1) for axis in world.axes])
    return made, tried(world, made.runs)[0]


def told(losses: dict[Digits, tuple[float, ...]]) -> Survey:
    return Survey((), frozenset(losses), losses)


@pytest.mark.parametrize(
    ("factors", "found"),
    [
        ({"a": 1.0, "b": 0.5}, [0, 1]),
        ({"a": 1.0, "b": 0.02}, [0]),
        ({"c": -0.04}, [2]),
        ({}, []),
    ],
)
def test_axes_survive_that_move_a_goal_by_more_than_three_percent(factors: dict[str, float], found: list[int]) -> None:
    """Effects are ratios: `exp(w)` between low and high."""

    def formula(settings: Settings, repeat: int) -> Metrics:
        return {"throughput": 1e4, "latency.p99": math.exp(sum(w * settings[name] for name, w in factors.items()))}

    made, seen = screened(World(FOUR, formula))
    assert survivors(made, seen, [0.0, 0.0]) == found


def test_an_interaction_without_main_effects_keeps_all_that_may_be_to_blame() -> None:
    """a x b cannot be told from c x d in the half of 2^4."""

    def formula(settings: Settings, repeat: int) -> Metrics:
        return {"throughput": 1.0, "latency.p99": 2.0 if settings["a"] == settings["b"] else 1.0}

    made, seen = screened(World(FOUR, formula))
    assert survivors(made, seen, [0.0, 0.0]) == [0, 1, 2, 3]


def test_chance_alone_seldom_keeps_an_axis() -> None:
    """Three standard errors of a contrast of 16 runs: 0.3 % of normal contrasts exceed them, 15 of them 4 %."""
    rng, kept = np.random.default_rng(1), 0
    made = factorial([(0, 1)] * 5)
    for _ in range(200):
        losses = {run: (float(loss),) for run, loss in zip(made.runs, rng.normal(0, 0.2, 16), strict=True)}
        found = Survey((survey("latency.p99", Lattice(FOUR), [one()]).goals[0],), frozenset(losses), losses)
        kept += bool(survivors(made, found, [0.2]))
    assert 1 <= kept <= 20


def one() -> Record:
    return World(FOUR, lambda s, r: {"latency.p99": 1.0}).trial(Step(Point("p000", {}), 0), 0)


def test_noise_is_the_spread_of_the_base_points_repeats() -> None:
    """Of the losses; with fewer than three repeats nothing is known of it."""
    world = World(FOUR, lambda s, r: {"throughput": 1.0, "latency.p99": math.exp(0.1 * r)})
    lattice = Lattice(FOUR)
    seen, records = tried(world, ((0, 0, 0, 0), (1, 0, 0, 0)), repeats=3)
    assert noise((0, 0, 0, 0), lattice, seen.goals, records) == pytest.approx([0.0, 0.1])
    assert noise((0, 0, 0, 0), lattice, seen.goals, records[:4]) == [0.0, 0.0]
    assert noise((0, 1, 0, 0), lattice, seen.goals, records) == [0.0, 0.0]


def test_an_axis_that_moved_nothing_at_four_places_is_stuck() -> None:
    """Only points that differ in it alone tell; one place at which it moves a goal is enough."""
    still = {(place, level): (float(place), 0.0) for place in range(4) for level in (0, 1)}
    assert stuck(1, told(still), [0.0, 0.0])
    assert not stuck(0, told(still), [0.0, 0.0])
    assert not stuck(1, told(dict(list(still.items())[:6])), [0.0, 0.0])
    assert not stuck(1, told({**still, (3, 1): (3.0, 0.1)}), [0.0, 0.0])
    assert stuck(1, told({**still, (3, 1): (3.0, 0.1)}), [0.0, 0.05])


def test_the_front_holds_each_combination_of_losses_once() -> None:
    """Points that are alike would otherwise fill it."""
    seen = told({(0,): (1.0, 3.0), (1,): (2.0, 2.0), (2,): (1.0, 3.0), (3,): (3.0, 3.0)})
    assert sorted(seen.front([(3,), (2,), (1,), (0,)])) == [(0,), (1,)]
    assert seen.front([(3,)]) == [(3,)]
    assert seen.front([(9,)]) == []
