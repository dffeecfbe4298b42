"""A coarse slice of `make trust-gate`: false alarms, and power at what is promised."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from loadkit.gate.order import SIDES
from loadkit.gate.record import Pair, Trial
from loadkit.gate.statistics import POWER
from trust.gate import made_up, page, planted, recorded
from trust.gate.rates import ALARMS, PEERS, TIMES, alarms, power, told
from trust.gate.world import MACHINES

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "reports" / "trust" / "gate"
BURSTS = next(machine for machine in MACHINES if machine.name == "bursts")


def test_a_machine_with_bursts_raises_no_alarm_and_keeps_its_promise() -> None:
    """The noise that broke a promise made of the pairs near the middle alone."""
    rng = np.random.default_rng(7)
    assert alarms(BURSTS, 60, rng)["fail"] == 0
    assert power(BURSTS, 1.25, 60, rng)["found"] >= POWER * 60


def test_a_promise_is_kept_by_the_interval_at_its_effect_and_by_the_share_beyond() -> None:
    """Clopper and Pearson's interval of 465 of 500 reaches 95 %, of 464 it does not."""
    assert told(465, 500, 1.0)
    assert not told(464, 500, 1.0)
    assert not told(474, 500, 1.25)
    assert told(475, 500, 1.25)


def test_gates_drawn_from_recorded_pairs_keep_their_blocks_and_exchange_sides_by_a_coin() -> None:
    """Eight pairs whose metric names them: 1 to 8 for the baseline, ten times that for the candidate."""
    of = [
        Pair(
            *(
                Trial(at, side, 0, "", {"latency.p50": (at + 1) * times})
                for side, times in zip(SIDES, (1, 10), strict=True)
            )
        )
        for at in range(8)
    ]
    source, rng = recorded.Recorded("latency.p50", of), np.random.default_rng(8)
    exchanged = 0
    for seed in range(50):
        drawn = source.pairs(10, 1.0, seed, rng)
        values = [
            (one.baseline.metrics["latency.p50"] or 0, one.candidate.metrics["latency.p50"] or 0) for one in drawn
        ]
        numbers = [round(min(one, other / 2)) for one, other in values]
        swapped = [one > other / 2 for one, other in values]
        blocks = [numbers[at : at + recorded.BLOCK] for at in range(0, 10, recorded.BLOCK)]
        assert all((b - a) % 8 == 1 for block in blocks for a, b in pairwise(block))
        assert swapped[::2] == swapped[1::2]
        exchanged += sum(swapped[::2])
    assert 90 < exchanged < 160


def test_recorded_pairs_that_the_generator_limited_are_left_out_by_twos() -> None:
    """Of six pairs the fourth; its neighbour goes with it, so that ABBA stays ABBA."""
    made = [
        Pair(*(Trial(at, side, 0, "", {}, limit="generator" if at == 3 else "none") for side in SIDES))
        for at in range(6)
    ]
    assert [pair.baseline.pair for pair in recorded.usable(made)] == [0, 1, 4, 5]


def test_a_planted_effect_is_as_large_as_it_is_said_to_be() -> None:
    """Between two sizes, by the mean log ratio of all trials; beyond the largest there is none."""
    rng = np.random.default_rng(9)
    baseline, sizes = rng.normal(0, 0.05, 100), [rng.normal(mean, 0.1, 50) for mean in (0.2, 0.5)]
    source = planted.Planted("made", baseline, sizes)
    for effect in (0.05, 0.3, 0.5):
        assert source.candidates(effect).mean() - baseline.mean() == pytest.approx(np.log1p(effect))
    with pytest.raises(ValueError, match="largest"):
        source.candidates(2.0)


@pytest.mark.parametrize(
    "name", [name for name in (made_up.FIGURES, planted.FIGURES, recorded.FIGURES) if (PUBLISHED / name).exists()]
)
def test_the_published_rates_keep_what_is_promised(name: str) -> None:
    """As counted: 1,000 A/A gates a source, 500 at each effect."""
    found = json.loads((PUBLISHED / name).read_text("utf-8"))
    assert found["kept"]
    for row in found["alarms"]:
        assert row["gates"] >= 1000
        assert row["fail"] <= ALARMS * row["gates"]
        assert row["fail"] <= min(row[peer] for peer in PEERS)
    for row in found["power"]:
        assert row["gates"] >= 500
        assert told(row["found"], row["gates"], row["times"])
    assert {row["times"] for row in found["power"]} == set(TIMES)


def test_the_page_shows_all_that_was_published(tmp_path: Path) -> None:
    """One section a file of figures."""
    for name, _ in page.PARTS:
        if (PUBLISHED / name).exists():
            (tmp_path / name).write_text((PUBLISHED / name).read_text("utf-8"), "utf-8")
    text = page.write(tmp_path).read_text("utf-8")
    assert text.count("Measured ") >= len(list(tmp_path.glob("*.json")))
    assert "false alarms" in text
