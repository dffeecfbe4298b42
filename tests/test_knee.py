"""The knee on queues whose truth is known, and what must not move it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from loadkit.analysis.knee import knee

CAPACITY = 1000.0
RATES = np.geomspace(30, 990, 40)


def mm1(rates: np.ndarray) -> np.ndarray:
    """Return the mean time in an M/M/1 queue; its p99 is a multiple of it (ln 100), so its knee is the same."""
    return 1 / (CAPACITY - rates)


def md1(rates: np.ndarray) -> np.ndarray:
    """Return the mean time in an M/D/1 queue (Pollaczek-Khinchine)."""
    load = rates / CAPACITY
    return (1 + load / (2 * (1 - load))) / CAPACITY


def behind_a_network(rates: np.ndarray) -> np.ndarray:
    """Return the mean time in an M/M/1 queue behind 20 ms of network and linger."""
    return 0.02 + mm1(rates)


@pytest.mark.parametrize(
    ("latency", "truth"),
    [
        (mm1, CAPACITY / 2),  # the top of r (C - r): half the capacity, Kleinrock's rule of thumb
        (md1, CAPACITY * (2 - np.sqrt(2))),  # d/dr of r / T: r^2 - 4 r + 2 = 0 in units of the capacity
        (behind_a_network, None),
    ],
)
def test_the_knee_of_a_queue_is_where_theory_has_it(latency, truth: float | None) -> None:  # type: ignore[no-untyped-def]
    """The measured rate nearest the top of rate / latency is found, and the truth lies between the rates given."""
    if truth is None:
        truth = minimize_scalar(lambda r: -r / latency(r), bounds=(1, 999), method="bounded").x
    found = knee(RATES, latency(RATES))
    assert found
    assert found.rate == pytest.approx(truth, rel=0.06)
    assert found.between[0] < truth < found.between[1]
    assert found.latency == pytest.approx(latency(np.array(found.rate)))


@given(st.floats(0.1, 50), st.floats(0.01, 100), st.integers(0, 2**31))
def test_units_and_order_do_not_move_it(rate_unit: float, latency_unit: float, seed: int) -> None:
    """Messages or batches, seconds or milliseconds, in any order: the same point of the same queue."""
    order = np.random.default_rng(seed).permutation(len(RATES))
    found = knee(RATES[order] * rate_unit, mm1(RATES)[order] * latency_unit)
    plain = knee(RATES, mm1(RATES))
    assert found
    assert plain
    assert found.rate == pytest.approx(plain.rate * rate_unit)


def test_measuring_further_into_overload_does_not_move_it() -> None:
    """Where the curve ends is an accident of the search; a knee by the longest distance from the chord would follow it."""
    plain = knee(RATES[:-2], mm1(RATES[:-2]))
    beyond = knee([*RATES, 991, 992], [*mm1(RATES), 5.0, 60.0])
    assert plain == beyond


def test_noise_leaves_the_truth_between_the_rates_given() -> None:
    """Repeats that differ by 10 % move the point, and the truth stays inside in nearly every draw."""
    rng = np.random.default_rng(3)
    rates = np.repeat(np.geomspace(100, 950, 12), 3)
    inside = 0
    for _ in range(200):
        found = knee(rates, mm1(rates) * np.exp(rng.normal(0, 0.1, len(rates))))
        inside += bool(found and found.between[0] <= 500 <= found.between[1])
    assert inside >= 190


@pytest.mark.parametrize("load", [slice(0, 10), slice(30, 40), slice(0, 3)])
def test_no_knee_is_made_up_where_none_was_measured(load: slice) -> None:
    """Only at ease, only in overload, or too few rates: there is no knee to name."""
    assert knee(RATES[load], mm1(RATES[load])) is None


def test_a_flat_latency_has_no_knee() -> None:
    """A simulated cluster far below its capacity takes the same time at any rate."""
    assert knee(RATES, np.full(len(RATES), 0.003)) is None
