"""Queueing formulas against published or independently computed values; recursions against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from loadkit.targets import queueing

_TIMES = st.integers(0, 200)


def _ints(values: list[int]) -> queueing.Ints:
    return np.array(values, np.int64)


@pytest.mark.parametrize(("rho", "wait"), [(0.5, 1.0), (0.8, 4.0), (0.9, 9.0)])
def test_mm1_waits_rho_over_one_minus_rho_service_times(rho: float, wait: float) -> None:
    """With mu = 1 the mean wait of M/M/1 is rho / (1 - rho), and M/D/1 waits half as long."""
    assert queueing.mm1_wait(rho, 1.0) == pytest.approx(wait)
    assert queueing.md1_wait(rho, 1.0) == pytest.approx(wait / 2)


def test_mm1_median_and_p99_are_those_of_an_exponential() -> None:
    """At lambda 50/s and mu 100/s the sojourn is exponential with mean 20 ms: median 13.863 ms, p99 92.103 ms."""
    assert queueing.mm1_sojourn_quantile(50, 100, 0.5) == pytest.approx(0.0138629, rel=1e-5)
    assert queueing.mm1_sojourn_quantile(50, 100, 0.99) == pytest.approx(0.0921034, rel=1e-5)


@pytest.mark.parametrize(("offered", "servers", "waits"), [(0.5, 1, 0.5), (1.0, 2, 1 / 3), (2.0, 3, 4 / 9)])
def test_erlang_c_gives_the_known_fractions(offered: float, servers: int, waits: float) -> None:
    """C(1, 0.5) = 1/2, C(2, 1) = 1/3 and C(3, 2) = 4/9 follow from the formula by hand."""
    assert queueing.erlang_c(offered, 1.0, servers) == pytest.approx(waits)


@given(st.integers(1, 60), st.floats(0.05, 0.99))
def test_erlang_c_agrees_with_the_sum_that_defines_it(servers: int, rho: float) -> None:
    """The recursion equals (a^c / c!) / (1 - rho) over itself plus the sum of a^k / k! for k < c."""
    offered = rho * servers
    last = offered**servers / math.factorial(servers) / (1 - rho)
    direct = last / (last + sum(offered**k / math.factorial(k) for k in range(servers)))
    assert queueing.erlang_c(offered, 1.0, servers) == pytest.approx(direct, rel=1e-9)


@pytest.mark.parametrize("rho", [0.3, 0.5, 0.7, 0.8])
def test_the_tail_of_md1_integrates_to_its_mean_wait(rho: float) -> None:
    """The integral of P(wait > t) is the Pollaczek-Khinchine mean, though the two formulas share nothing."""
    mean, _ = quad(lambda t: 1 - queueing.md1_wait_cdf(rho, 1.0, t), 0, 20, limit=400, points=range(1, 20))
    assert mean == pytest.approx(queueing.md1_wait(rho, 1.0), rel=5e-3)


@pytest.mark.parametrize("rho", [0.3, 0.7])
def test_the_quantile_of_md1_undoes_its_distribution(rho: float) -> None:
    """A share of 1 - rho does not wait; above that F(quantile(share)) is the share."""
    assert queueing.md1_wait_quantile(rho, 1.0, 0.99 * (1 - rho)) == 0
    assert queueing.md1_wait_cdf(rho, 1.0, queueing.md1_wait_quantile(rho, 1.0, 0.99)) == pytest.approx(0.99)


@given(st.integers(1, 12), st.floats(0.1, 0.9))
def test_the_tail_of_mmc_integrates_to_its_mean_sojourn(servers: int, rho: float) -> None:
    """The integral of P(sojourn > t) is mean wait plus mean service, also where a = mu would divide by zero."""
    arrivals = rho * servers
    mean, _ = quad(lambda t: queueing.mmc_sojourn_tail(arrivals, 1.0, servers, t), 0, math.inf)
    assert mean == pytest.approx(queueing.mmc_wait(arrivals, 1.0, servers) + 1, rel=1e-4)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_mmc_with_one_server_is_mm1(share: float) -> None:
    """Every quantile of M/M/c at c = 1 is that of M/M/1."""
    one = queueing.mm1_sojourn_quantile(70, 100, share)
    assert queueing.mmc_sojourn_quantile(70, 100, 1, share) == pytest.approx(one)


@pytest.mark.parametrize("arrivals", [100.0, 130.0])
def test_at_capacity_and_above_every_wait_is_infinite(arrivals: float) -> None:
    """No formula gives a finite or negative wait to a queue that grows for ever."""
    assert queueing.mm1_wait(arrivals, 100) == queueing.md1_wait(arrivals, 100) == math.inf
    assert queueing.mmc_wait(2 * arrivals, 100, 2) == queueing.mmc_sojourn_quantile(arrivals, 100, 1, 0.5) == math.inf
    assert queueing.mm1_sojourn_quantile(arrivals, 100, 0.5) == math.inf
    assert queueing.erlang_c(2 * arrivals, 100, 2) == 1


@pytest.mark.parametrize(
    ("rate", "partitions", "linger", "most", "messages"),
    [(1000, 1, 0.0, 16, 1), (1000, 1, 0.005, 16, 6), (1000, 2, 0.005, 16, 3), (1000, 1, 0.005, 4, 4), (10, 6, 1, 9, 2)],
)
def test_a_batch_holds_its_first_message_and_what_follows_within_the_linger(
    rate: float, partitions: int, linger: float, most: int, messages: int
) -> None:
    """At 1,000/s to one partition and 5 ms linger come the first and those 1, 2, 3, 4 and 5 ms later."""
    assert queueing.messages_per_batch(rate, partitions, linger, most) == messages


@given(st.lists(st.tuples(_TIMES, st.integers(1, 30)), max_size=30), st.integers(-50, 250), st.integers(1, 4))
def test_lindley_equals_a_loop_over_customers(customers: list[tuple[int, int]], free: int, servers: int) -> None:
    """Each customer in turn takes the server that is free first, and leaves after its service."""
    customers.sort()
    idle, expected = [free] * servers, []
    for arrival, service in customers:
        chosen = idle.index(min(idle))
        idle[chosen] = max(arrival, idle[chosen]) + service
        expected.append(idle[chosen])
    arrivals, services = _ints([a for a, _ in customers]), _ints([s for _, s in customers])
    left, after = queueing.lindley_many(arrivals, services, [free] * servers)
    assert left.tolist() == expected
    assert sorted(after) == sorted(idle)


@given(st.lists(st.tuples(_TIMES, st.integers(0, 40)), max_size=5), st.integers(0, 300))
def test_pauses_map_time_as_a_walk_in_steps_of_one(pauses: list[tuple[int, int]], until: int) -> None:
    """Working time is the number of steps outside all pauses; going back finds the first instant with so much."""
    mapping = queueing.Pauses.of(pauses)
    works = [not any(start <= step < start + length for start, length in pauses) for step in range(until)]
    worked = sum(works)
    assert mapping.available(_ints([until])).tolist() == [worked]
    first = next(t for t in range(until + 1) if sum(works[:t]) == worked)
    assert mapping.real(_ints([worked])).tolist() == [first]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-50, 50)), max_size=30))
def test_ranks_and_running_maxima_stay_within_their_group(rows: list[tuple[int, int]]) -> None:
    """Each element's rank and running maximum are those of a loop over its own group."""
    groups, values = _ints([g for g, _ in rows]), _ints([v for _, v in rows])
    earlier = [[v for g, v in rows[: i + 1] if g == rows[i][0]] for i in range(len(rows))]
    assert queueing.ranks(groups).tolist() == [len(seen) - 1 for seen in earlier]
    assert queueing.running_max(values, groups).tolist() == [max(seen) for seen in earlier]
