"""A coarse slice of `make trust-gate`: false alarms, and power at what is promised."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from loadkit.gate.statistics import POWER
from trust.gate import made_up, page, planted
from trust.gate.rates import ALARMS, PEERS, TIMES, alarms, power, told
from trust.gate.world import MACHINES

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "reports" / "trust" / "gate"
BURSTS = next(machine for machine in MACHINES if machine.name == "bursts")


def test_a_machine_with_bursts_raises_no_alarm_and_keeps_its_promise() -> None:
    """The noise that broke a promise made of the pairs near the middle alone."""
    rng = np.random.default_rng(7)
    assert alarms(BURSTS, 100, rng)["fail"] == 0
    assert power(BURSTS, 1.25, 100, rng)["found"] >= POWER * 100


def test_a_promise_is_kept_by_the_interval_at_its_effect_and_by_the_share_beyond() -> None:
    """Clopper and Pearson's interval of 465 of 500 reaches 95 %, of 464 it does not."""
    assert told(465, 500, 1.0)
    assert not told(464, 500, 1.0)
    assert not told(474, 500, 1.25)
    assert told(475, 500, 1.25)


@pytest.mark.parametrize("name", [made_up.FIGURES, planted.FIGURES])
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
        (tmp_path / name).write_text((PUBLISHED / name).read_text("utf-8"), "utf-8")
    text = page.write(tmp_path).read_text("utf-8")
    assert text.count("Measured ") >= len(page.PARTS)
    assert "false alarms" in text
