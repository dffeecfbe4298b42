"""The drift test: how often it raises a false alarm, and what it finds."""

from __future__ import annotations

import numpy as np
import pytest

from loadkit.analysis.drift import drift

MINUTES = np.arange(12) * 100.0


def base(rng: np.random.Generator, repeats: int, slope: float, heavy: bool = False) -> np.ndarray:
    """Return repeats of a base point whose log rises by `slope` from the first to the last."""
    noise = rng.standard_t(4, repeats) / np.sqrt(2) if heavy else rng.normal(0, 1, repeats)
    return 0.01 * np.exp(0.08 * noise + slope * np.linspace(0, 1, repeats))


@pytest.mark.parametrize("repeats", [4, 7, 12])
@pytest.mark.parametrize("heavy", [False, True])
def test_a_steady_base_raises_an_alarm_once_in_twenty(repeats: int, heavy: bool) -> None:
    """The rate of false alarms is the 5 % that the page states, with few repeats and with heavy tails too."""
    rng = np.random.default_rng(repeats)
    alarms = [drift(MINUTES[:repeats], base(rng, repeats, 0.0, heavy)) for _ in range(800)]
    rate = np.mean([bool(found and found.found) for found in alarms])
    assert 0.025 <= rate <= 0.075


def test_a_base_that_slows_down_is_found_and_measured() -> None:
    """A drift of 50 % is found in nearly every sweep, and the interval holds it in 95 % of them."""
    rng = np.random.default_rng(1)
    found = [drift(MINUTES, base(rng, 12, np.log(1.5))) for _ in range(400)]
    assert np.mean([one.found for one in found if one]) > 0.98
    inside = np.mean([one.change.changes[0] <= 0.5 <= one.change.changes[1] for one in found if one])
    assert 0.92 <= inside <= 0.98


def test_too_few_repeats_are_not_tested() -> None:
    """Three points, or four at one instant, say nothing of drift."""
    assert drift([0, 60, 120], [1.0, 2.0, 3.0]) is None
    assert drift([0, 0, 0, 0], [1.0, 2.0, 3.0, 4.0]) is None
    assert drift([0, 60, 120, 180], [1.0, 2.0, 0.0, 3.0]) is None


def test_repeats_that_agree_to_the_last_digit_did_not_drift() -> None:
    """A simulated cluster without noise is steady, and that is known exactly."""
    found = drift(MINUTES, np.full(12, 0.004))
    assert found
    assert not found.found
    assert found.change.changes == (0.0, 0.0)
