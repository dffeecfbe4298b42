"""Effects of knobs against known truth: coverage, what a design cannot tell, and what noise may not claim."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from loadkit.analysis.effects import Effect, Effects, Observation, effects
from trust.search import effects as truth

AXES = {"linger.ms": (0, 5, 20), "acks": ("all", "1"), "batch.size": (16384, 131072)}
BASE = {"linger.ms": 5, "acks": "all", "batch.size": 16384}


def measured(
    latency: Callable[..., float], repeats: int = 2, noise: float = 0.0, keep: Callable[..., bool] = bool
) -> Effects:
    """Return the effects over a grid of a function of linger, acks and batch size; `keep` leaves points out."""
    rng = np.random.default_rng(2)
    trials = []
    for at, values in enumerate(itertools.product(*AXES.values())):
        if keep is bool or keep(*values):
            settings = dict(zip(AXES, values, strict=True))
            trials += [
                Observation(f"p{at}", settings, repeat, latency(*values) * float(np.exp(rng.normal(0, noise))))
                for repeat in range(repeats)
            ]
    found = effects(AXES, BASE, trials)
    assert found
    return found


def of(found: Effects, *paths: str) -> Effect:
    """Return the effect of a knob or of two."""
    return next(effect for effect in (*found.mains, *found.interactions) if effect.paths == paths)


def change(effect: Effect, *levels: object) -> float:
    """Return what going to a level does, as a share."""
    return next(one for one in effect.changes if one.levels == levels).contrast.change


def product_of(linger: int, acks: str, batch: int) -> float:
    """Return a latency in which knobs multiply, and so do not act on each other."""
    return 0.004 * {0: 0.5, 5: 1.0, 20: 3.0}[linger] * (0.8 if acks == "1" else 1.0) * (1 + 0 * batch)


def test_effects_without_noise_are_exact() -> None:
    """From the base's level to each other one, as a mean over the other knobs; what does nothing does nothing."""
    found = measured(product_of)
    assert change(of(found, "linger.ms"), 0) == pytest.approx(-0.5)
    assert change(of(found, "linger.ms"), 20) == pytest.approx(2.0)
    assert change(of(found, "acks"), "1") == pytest.approx(-0.2)
    assert change(of(found, "batch.size"), 131072) == pytest.approx(0.0)
    assert [effect.paths[0] for effect in found.mains] == ["linger.ms", "acks", "batch.size"]
    assert [effect.told for effect in found.mains] == [True, True, False]
    assert not any(effect.told for effect in found.interactions)
    assert of(found, "acks").typical == pytest.approx(0.004 * (0.5 * 1.0 * 3.0) ** (1 / 3))


def test_an_interaction_is_how_much_one_effect_changes_with_the_other_knob() -> None:
    """Acks costs half as much again only at a linger of 0: a ratio of ratios of 1.5, and of nothing else."""
    found = measured(
        lambda linger, acks, batch: product_of(linger, acks, batch) * (1.5 if (linger, acks) == (0, "1") else 1)
    )
    assert change(of(found, "linger.ms", "acks"), 0, "1") == pytest.approx(0.5)
    assert change(of(found, "linger.ms", "acks"), 20, "1") == pytest.approx(0.0)
    assert change(of(found, "linger.ms", "batch.size"), 0, 131072) == pytest.approx(0.0)
    assert found.interactions[0].paths == ("linger.ms", "acks")


@pytest.mark.parametrize("design", truth.DESIGNS, ids=lambda design: design.name)
def test_intervals_hold_their_truth_as_often_as_claimed(design: truth.Design) -> None:
    """A quick slice of what `trust.search.effects` measures: 95 % of intervals, with an idle knob rarely claimed."""
    found = truth.measure(design, 60)
    assert found.main_inside >= 0.91
    assert found.pair_inside is None or found.pair_inside >= 0.91
    assert found.idle_claimed <= 0.15


def test_the_whole_measurement_writes_its_figures(tmp_path: Path) -> None:
    """`python -m trust.search.effects` leaves a row of each design."""
    code = truth.main(["--sweeps", "2", "--out", str(tmp_path / "trust")])
    written = json.loads((tmp_path / "trust" / truth.FIGURES).read_text(encoding="utf-8"))
    assert [row["design"] for row in written["designs"]] == [design.name for design in truth.DESIGNS]
    assert code == (0 if truth.met(written) else 1)


def test_a_coverage_below_what_is_claimed_is_a_miss() -> None:
    """A design whose intervals are too narrow, and an idle knob that is blamed too often, each miss."""
    kept = {"main_inside": 0.95, "pair_inside": None, "idle_claimed": 0.05}
    assert truth.met({"designs": [kept]})
    assert not truth.met({"designs": [kept, {**kept, "main_inside": 0.92}]})
    assert not truth.met({"designs": [{**kept, "pair_inside": 0.92}]})
    assert not truth.met({"designs": [{**kept, "idle_claimed": 0.08}]})


def test_one_knob_at_a_time_tells_knobs_and_no_pairs() -> None:
    """Around the base every knob is told; that no pair can be is said of each."""
    base = tuple(BASE.values())
    found = measured(product_of, keep=lambda *values: sum(a != b for a, b in zip(values, base, strict=True)) <= 1)
    assert change(of(found, "linger.ms"), 20) == pytest.approx(2.0)
    assert found.interactions == ()
    assert len(found.untold) == 3
    assert not found.full


def test_pairs_that_only_stand_for_each_other_are_not_told_apart() -> None:
    """In half of two to the fourth (a b c d even), ab is cd: neither is given, the knobs are."""
    axes = dict.fromkeys("abcd", (0, 1))
    cells = [cell for cell in itertools.product((0, 1), repeat=4) if sum(cell) % 2 == 0]
    trials = [
        Observation(
            str(cell), dict(zip("abcd", cell, strict=True)), repeat, float(np.exp(0.5 * cell[0] + 0.01 * repeat))
        )
        for cell in cells
        for repeat in range(2)
    ]
    found = effects(axes, dict.fromkeys("abcd", 0), trials)
    assert found
    assert change(of(found, "a"), 1) == pytest.approx(np.expm1(0.5))
    assert found.interactions == ()
    assert len(found.untold) == 6


def test_points_that_cannot_work_leave_the_other_pairs_told() -> None:
    """Without the corner of one pair only that pair is lost."""
    found = measured(product_of, keep=lambda linger, acks, batch: not (linger == 20 and batch == 131072))
    assert found.untold == (("linger.ms", "batch.size"),)
    assert {effect.paths for effect in found.interactions} == {("linger.ms", "acks"), ("acks", "batch.size")}
    assert change(of(found, "linger.ms"), 20) == pytest.approx(2.0)


def test_what_the_model_cannot_hold_widens_every_interval() -> None:
    """On a part of the grid an effect that knobs have only together is noise to the model, and is counted as such."""
    base = tuple(BASE.values())

    def tangled(linger: int, acks: str, batch: int) -> float:
        return product_of(linger, acks, batch) * (2.0 if (linger, batch) == (0, 131072) else 1.0)

    def part(*values: object) -> bool:
        return sum(a != b for a, b in zip(values, base, strict=True)) <= 1 or values[1:] == ("1", 131072)

    plain, misfit = measured(product_of, 3, 0.01, part), measured(tangled, 3, 0.01, part)
    assert not plain.misfit
    assert misfit.misfit
    wide, narrow = (of(one, "acks").changes[0].contrast for one in (misfit, plain))
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)


def test_without_repeats_noise_is_what_the_model_leaves_over() -> None:
    """One trial a point: the triple interactions of a full grid stand for noise, and few knobs leave none."""
    found = measured(product_of, 1, 0.05)
    assert found.df == 2  # (3 - 1) (2 - 1) (2 - 1)
    assert np.isfinite(of(found, "linger.ms").changes[0].contrast.low)
    few = {"linger.ms": AXES["linger.ms"], "acks": AXES["acks"]}
    four = [
        Observation(str(values), dict(zip(few, values, strict=True)), 0, product_of(*values, 16384))
        for values in itertools.product(*few.values())
    ]
    pair = effects(few, BASE, four)
    assert pair
    assert pair.df == 2  # the pair's own: it is not told, and stands for noise
    assert pair.untold == (("linger.ms", "acks"),)
    assert change(of(pair, "acks"), "1") == pytest.approx(-0.2)
    two = [Observation(str(level), {"acks": level}, 0, 1.0 + at) for at, level in enumerate(("all", "1"))]
    alone = effects({"acks": ("all", "1")}, {"acks": "all"}, two)
    assert alone
    assert alone.df == 0
    assert alone.mains[0].changes[0].contrast.low == -np.inf
    assert not alone.mains[0].told


def test_a_point_off_the_grid_tells_of_noise_alone() -> None:
    """A base whose linger is no level of the axis moves no effect."""
    off = [Observation("base", {**BASE, "linger.ms": 7}, repeat, 9.9) for repeat in range(3)]
    grid = [
        Observation(str(values), dict(zip(AXES, values, strict=True)), repeat, product_of(*values))
        for values in itertools.product(*AXES.values())
        for repeat in range(2)
    ]
    with_base, without = effects(AXES, BASE, [*grid, *off]), effects(AXES, BASE, grid)
    assert with_base
    assert without
    assert change(of(with_base, "linger.ms"), 20) == pytest.approx(change(of(without, "linger.ms"), 20))
    assert with_base.points == without.points


def test_nothing_that_varies_has_no_effects() -> None:
    """One point, or one level of every axis, leaves nothing to compare."""
    one = [Observation("p0", BASE, repeat, 1.0) for repeat in range(3)]
    assert effects(AXES, BASE, one) is None
    assert effects(AXES, BASE, []) is None
