"""A coarse slice of `make trust-sizing`: plans from noisy ceilings carry their peak under the true ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from trust.sizing import prediction
from trust.sizing.plans import NOISES, figures, held, one
from trust.sizing.truth import replicas

ROOT = Path(__file__).parent.parent


def test_plans_carry_their_peak_with_the_loss_they_are_made_for() -> None:
    """Thirty requirements at two noises, on a placement that the planner does not know of."""
    rows = [row for seed in range(5000, 5030) for row in one(seed)]
    assert len(rows) > 50
    assert all(row["carries"] for row in rows), [row for row in rows if not row["carries"]]
    assert sum(row["sized"] for row in rows) >= 0.9 * len(rows)


def test_copies_are_placed_on_brokers_of_different_zones() -> None:
    """Each partition's three in three zones, leaders dealt out evenly."""
    zone = np.arange(9) % 3
    placed = [replicas(at, 0, 0, 3, zone) for at in range(36)]
    assert all(len(set(brokers)) == 3 and len({int(zone[broker]) for broker in brokers}) == 3 for brokers in placed)
    leaders = np.bincount([brokers[0] for brokers in placed], minlength=9)
    assert set(leaders.tolist()) == {4}


@pytest.mark.parametrize("noise", NOISES)
def test_the_published_figures_follow_from_the_published_plans(noise: float) -> None:
    """And keep their bounds."""
    folder = ROOT / "reports" / "trust" / "sizing"
    rows = [json.loads(line) for line in (folder / "plans.jsonl").read_text(encoding="utf-8").splitlines()]
    published = json.loads((folder / "plans.json").read_text(encoding="utf-8"))
    made = figures(rows)
    assert made == published["figures"]
    assert held(made) == published["held"]
    assert next(row for row in made if row["noise"] == noise)["plans"] >= 990


def test_held_out_settings_share_no_value_with_the_fitted_ones() -> None:
    """Batches, lingers, partitions and sizes; 28 of them, a few three times."""
    for nodes in (1, 3):
        named = prediction.trials(nodes)
        held = [one for name, one in named if name.endswith("-0")]
        assert len(held) == prediction.HELD
        assert len({name for name, _ in named}) == len(named)
        for field in ("batch", "linger", "partitions", "size"):
            assert not {getattr(one, field) for one in held} & {getattr(one, field) for _, one in named if one.fitted}


def test_the_published_prediction_follows_from_its_trials() -> None:
    """Median error and share inside, as the rows say."""
    document = json.loads((ROOT / "reports/trust/sizing/prediction.json").read_text(encoding="utf-8"))
    assert document["figures"]["all"] == pytest.approx(prediction.figures(document["trials"]))
    assert document["figures"]["all"]["settings"] >= 24
    for row in document["trials"]:
        assert row["inside"] == (row["predicted"][0] <= row["measured"] <= row["predicted"][2])
        assert row["error"] == pytest.approx(row["predicted"][1] / row["measured"] - 1)
