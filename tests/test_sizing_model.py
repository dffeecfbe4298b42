"""The capacity model against worked examples of its sources and against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.errors import UsageError
from loadkit.sizing.interval import Interval, around, of, repeated
from loadkit.sizing.model import (
    consumers,
    cpu,
    disk,
    failure,
    growth,
    network,
    page_cache,
    partitions,
    rebuild,
    requests,
    scaling,
    storage,
    zones,
)  # fmt: skip


def test_network_as_netflix_and_redpanda_work_it_out() -> None:
    """75 MB/s of writes with three copies are 225 MB/s in, of which 150 replicate, and leave as often as they are read."""
    assert network.into_broker(75e6, 3, 1) == 225e6
    assert network.out_of_broker(75e6, 3, 0, 1) == 150e6
    assert network.out_of_broker(75e6, 3, 2 * 75e6, 3) == 100e6


def test_the_ceiling_of_aws() -> None:
    """Equation 1 with 3 brokers of 250 MB/s storage, 592 MB/s to it and 1250 MB/s network: storage binds at 250."""
    assert network.aws_ceiling(250e6, 592e6, 1250e6, 3, 3, 2) == 250e6
    assert network.aws_ceiling(1000e6, 592e6, 1250e6, 3, 3, 8) == 375e6
    assert network.aws_ceiling(1000e6, 300e6, 1250e6, 3, 3, 1) == 300e6


@given(st.integers(1, 12), st.integers(1, 60), st.floats(0, 0.9), st.integers(0, 5))
def test_no_broker_has_more_than_is_planned_when_partitions_are_dealt_out(
    n: int, count: int, hot: float, groups: int
) -> None:
    """Every partition on a broker and its copies on the next two: the fullest stays within the even share and excess."""
    copies = min(3, n)
    rates = np.full(count, 100.0 * (1 - hot) / count)
    rates[0] += 100.0 * hot
    into, out = np.zeros(n), np.zeros(n)
    for at, rate in enumerate(rates):
        for copy in range(copies):
            into[(at + copy) % n] += rate
        out[at % n] += rate * (copies - 1 + groups)
    excess = network.hot_excess(100.0, hot, count, n)
    even_out = network.out_of_broker(100.0, copies, 100.0 * groups, n)
    assert into.max() <= network.into_broker(100.0, copies, n) + excess * copies + 1e-6
    assert out.max() <= even_out + excess * (copies - 1 + groups) + 1e-6
    assert out.sum() == pytest.approx(n * even_out)
    if count % n == 0:
        assert into.max() <= network.into_broker(100.0, copies, n) + excess + 1e-6


def test_disks_write_every_copy_and_read_only_the_past() -> None:
    """Four groups at the tail cost a disk nothing; a replay and catching up do."""
    assert disk.written(100e6, 3, 6) == 50e6
    assert disk.read_cold(30e6, 60e6, 6) == 15e6


def test_storage_of_a_week() -> None:
    """1 MB/s kept for seven days is 604.8 GB a copy; a limit by size caps it; open segments come on top."""
    assert storage.kept(1e6, 7 * 86400, 12) == 604.8e9
    assert storage.kept(1e6, 7 * 86400, 12, 10e9) == 120e9
    assert storage.with_overhead(604.8e9, 12, 3) == pytest.approx(3 * (604.8e9 * 1.02 + 12 * 2**30))
    assert storage.with_overhead(1e6, 12, 3) == pytest.approx(3 * 2.02e6), "a small topic has small segments"
    assert storage.compacted(1e6, 500) == 1e9


@given(st.floats(1, 1e6), st.floats(3600, 86400 * 3), st.floats(600, 7200))
def test_segments_deleted_whole_never_hold_more_than_is_planned(rate: float, retention: float, roll: float) -> None:
    """A log rolled every so often, whose segments go when their newest record is too old, simulated in time."""
    segment = rate * roll
    held, now = [], 0.0
    most = 0.0
    for _ in range(200):
        now += roll
        held.append((now, segment))
        held = [(end, size) for end, size in held if end > now - retention]
        most = max(most, sum(size for _, size in held))
    kept = storage.kept(rate, retention, 1)
    assert most <= kept + segment + 1e-6


def test_memory_as_kafka_documents_it() -> None:
    """30 s of 50 MB/s are 1.5 GB of page cache; the heap is 6 GiB, or a quarter of a small machine."""
    assert page_cache.cache(50e6) == 1.5e9
    assert page_cache.heap(32 * 2**30) == 6 * 2**30
    assert page_cache.heap(8 * 2**30) == 2 * 2**30


def test_consumers_for_the_peak_and_for_catching_up() -> None:
    """50 msg/s each at 20 ms: 1,000 msg/s take 29 at 70 %; after an hour away, 1 h to catch up doubles the load."""
    assert consumers.needed(1000, 1000, 50, 0, 3600) == 29
    assert consumers.needed(1000, 1000, 50, 3600, 3600) == 40
    assert consumers.catch_up_time(1000, 1000, 40, 50, 3600) == pytest.approx(3600)
    assert consumers.catch_up_time(1000, 1000, 20, 50, 3600) == math.inf
    assert consumers.catch_up_rate(100, 60, 3600, 7200) == 130


@given(st.floats(1, 5000), st.floats(0.1, 1), st.floats(20, 2000), st.floats(0, 20_000), st.floats(600, 20_000))
def test_so_many_consumers_do_catch_up(peak: float, part: float, each: float, outage: float, allowed: float) -> None:
    """A backlog stepped through second by second is gone within the time allowed."""
    average = peak * part
    n = consumers.needed(peak, average, each, outage, allowed)
    backlog, second = average * outage, 0.0
    step = allowed / 500
    while backlog > 1e-6 * average * outage and second < 2 * allowed:
        backlog += (peak - n * each) * step
        second += step
    assert second <= allowed + 2 * step


def test_partitions_by_the_hottest_key() -> None:
    """100 MB/s at 10 MB/s a partition take 15 at 70 %; a key with 5 % takes more, one with 8 % cannot be helped."""
    assert partitions.for_rate(100e6, 0.0, 10e6) == 15
    assert partitions.for_rate(100e6, 0.05, 10e6) == 48
    assert partitions.for_rate(100e6, 0.08, 10e6) is None
    assert partitions.for_rate(0, 1.0, 10e6) == 1


@given(st.floats(1e3, 1e9), st.floats(0, 1), st.floats(1e5, 5e7))
def test_with_so_many_partitions_the_hottest_fits_and_with_one_less_it_does_not(
    rate: float, hot: float, ceiling: float
) -> None:
    """The number is the smallest, or there is none at all."""
    found = partitions.for_rate(rate, hot, ceiling)

    def load(count: int) -> float:
        return rate * partitions.even_excess(hot, count)

    if found is None:
        assert load(10**9) >= partitions.FULL * ceiling * (1 - 1e-6)
    else:
        assert load(found) <= partitions.FULL * ceiling * (1 + 1e-6)
        assert found == 1 or load(found - 1) > partitions.FULL * ceiling * (1 - 1e-6)


@pytest.mark.parametrize(
    ("needed", "brokers", "zones_", "made"), [(1, 6, 3, 3), (4, 6, 3, 6), (7, 6, 3, 12), (1, 3, 1, 1), (13, 12, 3, 24)]
)
def test_partitions_spread_evenly(needed: int, brokers: int, zones_: int, made: int) -> None:
    """Many are a multiple of the brokers, few of the zones."""
    assert partitions.rounded(needed, brokers, zones_) == made


def test_batches_and_requests() -> None:
    """A producer of 1 MB/s over 10 partitions adds 500 B in 5 ms to the record that began the batch."""
    assert requests.batch(65536, 1e6, 0.005, 10, 1024) == 1524
    assert requests.batch(1000, 1e6, 0.005, 10, 1024) == 1024
    assert requests.batch(65536, 100e6, 0.02, 10, 1024) == 65536
    assert requests.a_second(10e6, 10e3, 3, 1, 0) == 1000
    assert requests.a_second(10e6, 1e3, 3, 10, 0.005) == 6000
    assert requests.in_flight_ceiling(5, 65536, 0.010) == 32_768_000


def test_batches_are_as_full_as_arrivals_make_them() -> None:
    """Records that arrive by chance at one partition, the first of each batch waiting for the linger."""
    rng, rate, linger = np.random.default_rng(3), 700.0, 0.004
    batches, closes = 0, -1.0
    arrivals = np.cumsum(rng.exponential(1 / rate, 50_000))
    for arrival in arrivals:
        if arrival > closes:
            batches, closes = batches + 1, arrival + linger
    assert requests.batch(1e9, rate * 100, linger, 1, 100) == pytest.approx(len(arrivals) / batches * 100, rel=0.02)


@pytest.mark.parametrize("appends", [50.0, 700.0, 5000.0])
def test_a_reader_fetches_once_an_append_or_once_a_turn(appends: float) -> None:
    """Each fetch waits for the next append, and a busy broker is asked no more often than answers come back."""
    arrivals = np.cumsum(np.random.default_rng(6).exponential(1 / appends, 40_000)).tolist()
    fetched, ready = 0, 0.0
    waiting = iter(arrivals)
    arrival = next(waiting)
    while True:
        answered = max(ready, arrival)  # what came since the last answer is taken along
        fetched, ready = fetched + 1, answered + requests.TURN
        try:
            while arrival <= answered:
                arrival = next(waiting)
        except StopIteration:
            break
    assert requests.fetches(appends) == pytest.approx(fetched / arrivals[-1], rel=0.03)
    assert requests.fetches(0) == 0


def test_cpu_of_google() -> None:
    """100 MB/s written and read twice with three copies are 400 MB/s of write equivalents: 20 cores at 100 %."""
    load = cpu.work(300e6, 100e6 * 2 + 200e6)
    assert load == 400e6
    assert cpu.prior().cores(cpu.Load(load)).mid == 20
    assert math.ceil(cpu.prior().at(load, 1e5).mid / 0.5) == 40


def test_cpu_is_fitted_where_points_say_enough() -> None:
    """A line through noise is found with an interval that holds the truth; flat or few points say nothing."""
    rng = np.random.default_rng(1)
    loads = np.linspace(5e6, 80e6, 12)
    cost = cpu.fitted([(cpu.Load(x), 0.2 + x * 4e-8 * (1 + 0.03 * rng.normal())) for x in loads], "s")
    assert cost is not None
    assert cost.measured
    assert cost.by_work.low < 4e-8 < cost.by_work.high
    assert cost.by_request.high == 0
    assert cpu.fitted([(cpu.Load(1e6), 0.1)] * 10, "s") is None
    assert cpu.fitted([(cpu.Load(1e6), 0.1), (cpu.Load(2e6), 0.2)], "s") is None
    assert cpu.fitted([], "s") is None


def brokers(rng: np.random.Generator, n: int) -> list[cpu.Load]:
    """Return loads whose bytes, messages and requests vary on their own."""
    work, size, batch = (10 ** rng.uniform(*ends, n) for ends in ((5.5, 7.5), (2, 4), (2.5, 5)))
    return [cpu.Load(w, w / s, w / b) for w, s, b in zip(work, size, batch, strict=True)]


def test_the_interval_of_a_fitted_cost_holds_what_is_measured_next() -> None:
    """Of 400 fits of 16 noisy points each, 90 % of what is measured elsewhere lies inside, within what chance allows."""
    rng, inside, mids = np.random.default_rng(2), 0, []

    def cores(load: cpu.Load) -> float:
        return float(
            (0.05 + 1e-8 * load.work + 5e-7 * load.messages + 1e-4 * load.requests) * (1 + 0.08 * rng.normal())
        )

    for _ in range(400):
        cost = cpu.fitted([(load, cores(load)) for load in brokers(rng, 16)], "s")
        assert cost is not None
        new = brokers(rng, 1)[0]
        made, true = cost.cores(new), cores(new)
        inside += made.low <= true <= made.high
        mids.append(abs(made.mid / true - 1))
    assert 0.86 <= inside / 400 <= 0.95
    assert np.median(mids) < 0.12


def test_what_was_not_varied_is_no_term() -> None:
    """Requests that follow the bytes cannot be told from them; a plan then counts them with the bytes."""
    loads = [cpu.Load(x * 1e6, x * 1e3, x * 50) for x in range(1, 13)]
    cost = cpu.fitted([(load, 0.1 + 5e-8 * load.work) for load in loads], "s")
    assert cost is not None
    assert cost.by_message.high == cost.by_request.high == 0
    assert cost.at(4e6, 4e3).mid == pytest.approx(0.3)
    assert cost.at(4e6, 4e3) == cost.cores(cpu.Load(4e6, 4e3, 200))


def test_zones() -> None:
    """Three copies in three zones cross twice, and the loss of a zone leaves two; of two zones it may leave one."""
    assert zones.replication(10e6, 3, 3) == 20e6
    assert zones.replication(10e6, 3, 1) == 0
    assert zones.producers(9e6, 3) == 6e6
    assert zones.consumers(9e6, 3, own_zone=True) == 0
    assert zones.copies_left(3, 3) == 2
    assert zones.copies_left(3, 2) == 1


def test_headroom_for_failures() -> None:
    """As MSK and Redpanda have it: at 80 %, three brokers run at 53 %, six at 67 %, any with a zone of three at 53 %."""
    assert failure.steady(0.8, 3, 1) == pytest.approx(0.533, abs=0.001)
    assert failure.steady(0.8, 6, 1) == pytest.approx(0.667, abs=0.001)
    assert failure.steady(0.8, 12, 12 - failure.left(12, 3, zone=True)) == pytest.approx(0.533, abs=0.001)
    assert failure.left(7, 3, zone=True) == 4
    assert failure.restart_catch_up(10e6, 300, 30e6) == 100


def test_rebuilding_two_terabytes_takes_eleven_hours() -> None:
    """At the 50 MB/s of Kafka's example throttle."""
    assert rebuild.seconds(2e12, 1e9, 1e9, 50e6) / 3600 == pytest.approx(11.1, abs=0.1)
    assert rebuild.seconds(2e12, 0, 1e9) == math.inf


def test_growth_and_how_long_it_lasts() -> None:
    """5 % a month double in 14.2 months."""
    assert growth.factor(0.05, 12) == pytest.approx(1.796, abs=0.001)
    assert growth.months_until(lambda month: growth.factor(0.05, month) <= 2) == pytest.approx(14.2, abs=0.1)
    assert growth.months_until(lambda month: True) is None
    assert growth.months_until(lambda month: False) == 0


def test_the_scalability_law_is_found_and_not_stretched() -> None:
    """From eight sizes with 1 % noise; beyond twice the largest it refuses, and with four sizes it says nothing."""
    rng = np.random.default_rng(2)
    truth = [
        (n, 50.0 * n / (1 + 0.03 * (n - 1) + 0.0005 * n * (n - 1)) * (1 + 0.01 * rng.normal()))
        for n in (1, 2, 3, 4, 6, 8, 10, 12)
    ]
    law = scaling.fit(truth)
    assert law is not None
    assert law.alpha[0] <= 0.03 <= law.alpha[2]
    assert law.at(24) == pytest.approx(50 * 24 / (1 + 0.03 * 23 + 0.0005 * 24 * 23), rel=0.2)
    with pytest.raises(UsageError, match="more than twice the 12"):
        law.at(25)
    assert scaling.fit(truth[:4]) is None


INTERVALS = st.lists(st.floats(0, 1e9), min_size=3, max_size=3).map(lambda ends: Interval(*sorted(ends)))


@given(INTERVALS, INTERVALS, st.floats(0, 1), st.floats(0, 1))
def test_an_interval_of_a_result_holds_every_result(one: Interval, two: Interval, at: float, other: float) -> None:
    """Whatever lies in two intervals, its sum, product, quotient and least lie in theirs."""
    x = one.low + at * (one.high - one.low)
    y = two.low + other * (two.high - two.low)
    for made, value in ((one + two, x + y), (one * two, x * y), (one.least(two), min(x, y))):
        assert made.low <= value * (1 + 1e-9) + 1e-9
        assert value <= made.high * (1 + 1e-9) + 1e-9
    if two.low > 0:
        made = one / two
        assert made.low * (1 - 1e-9) <= x / y <= made.high * (1 + 1e-9) + 1e-9


def test_intervals_are_in_order_and_repeats_narrow_them() -> None:
    """Ends out of order are refused; three repeats that agree are as wide as is believed at least."""
    with pytest.raises(ValueError, match="no interval"):
        Interval(2, 1, 3)
    assert of(3.0) == Interval(3, 3, 3)
    assert repeated([100.0], 0.1).facts() == pytest.approx(around(100.0, 0.1).facts())
    assert repeated([100.0, 100.0, 100.0], 0.05).facts() == pytest.approx(around(100.0, 0.05).facts())
    assert repeated([80.0, 100.0, 125.0], 0.05).low < 80


def test_nine_intervals_of_ten_hold_the_truth() -> None:
    """Repeats drawn with 15 % noise: the interval of five holds the truth as often as it says, within chance."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(1000):
        found = repeated(list(np.exp(rng.normal(0, 0.15, 5))), 0.0)
        held += found.low <= 1 <= found.high
    assert 870 <= held <= 930
