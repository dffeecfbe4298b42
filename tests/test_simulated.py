"""The simulated cluster against queueing theory, figures worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.errors import TargetFileError
from loadkit.targets import queueing, simspec
from loadkit.targets.queueing import Ints
from loadkit.targets.simulated import (
    ERROR_CODE,
    Acks,
    Arrivals,
    Completed,
    SimGroup,
    SimProducer,
    SimulatedSpec,
    Simulation,
    capacity,
    capacity_at,
    fates,
)

SECOND, MILLI, MICRO = 10**9, 10**6, 10**3
BARE = SimulatedSpec(byte_rate=math.inf, request_overhead=0, replication=0, network=0, fetch=0)
ALONE = SimProducer(linger_s=0, batch_bytes=1, acks_all=False, partitions=1)


def arrivals(times: Sequence[int] | Ints, size: int = 1, partitions: int = 1, first: int = 0) -> Arrivals:
    """Return messages of one size, numbered from `first` and dealt over the partitions in turn."""
    number = np.arange(first, first + len(times))
    sizes = np.full(len(times), size, np.int64)
    return Arrivals(number, np.array(times, np.int64), sizes, (number % partitions).astype(np.int32))


def even(rate: int, seconds: float, size: int = 1, partitions: int = 1) -> Arrivals:
    """Return an even schedule from time 0."""
    return arrivals(np.arange(int(rate * seconds)) * SECOND // rate, size, partitions)


def run(spec: SimulatedSpec, producer: SimProducer, block: Arrivals, *groups: SimGroup) -> Completed:
    """Return everything that happens to one producer's messages, in one window."""
    return Simulation(spec, [producer], groups).advance(1 << 60, [block])


def latency(acks: Acks) -> Ints:
    """Return ns from due to acked, by message number."""
    return (acks.acked_ns - acks.intended_ns)[np.argsort(acks.number)]


# Theory: 400,000 messages in 40 stretches; the estimate must lie within 4 standard errors of the stretches' figures,
# and the standard error must be small enough for that to mean something.
def _poisson(rate: float, count: int = 400_000, seed: int = 5) -> Arrivals:
    gaps = np.random.default_rng(seed).exponential(SECOND / rate, count)
    return arrivals(np.cumsum(gaps).astype(np.int64))


def _agrees(values: Ints, figure: Callable[[Ints], float], expected: float) -> None:
    stretches = np.array([figure(part) for part in np.split(values[20_000:], 38)]) / SECOND
    error = stretches.std(ddof=1) / math.sqrt(len(stretches))
    assert error < 0.04 * expected
    assert abs(stretches.mean() - expected) < 4 * error


def _mean(values: Ints) -> float:
    return float(values.mean())


def _quantile(share: float) -> Callable[[Ints], float]:
    return lambda values: float(np.quantile(values, share))


@pytest.mark.parametrize("rate", [500, 700])
def test_mm1_has_the_mean_and_percentiles_of_theory(rate: int) -> None:
    """Poisson arrivals and exponential service at 1,000/s: mean wait, and p50 and p99 of the sojourn."""
    spec = replace(BARE, service_rate=1000, service="exponential", seed=11)
    sojourn = latency(run(spec, ALONE, _poisson(rate)).acks)
    _agrees(sojourn, _mean, queueing.mm1_wait(rate, 1000) + 1 / 1000)
    for share in (0.5, 0.99):
        _agrees(sojourn, _quantile(share), queueing.mm1_sojourn_quantile(rate, 1000, share))


@pytest.mark.parametrize("rate", [500, 700])
def test_md1_has_the_mean_and_percentiles_of_theory(rate: int) -> None:
    """Poisson arrivals and constant service: Pollaczek-Khinchine's mean wait, Erlang's p50 and p99 of it."""
    wait = latency(run(replace(BARE, service_rate=1000), ALONE, _poisson(rate)).acks) - MILLI
    _agrees(wait, _mean, queueing.md1_wait(rate, 1000))
    _agrees(wait, _quantile(0.99), queueing.md1_wait_quantile(rate, 1000, 0.99))
    median = queueing.md1_wait_quantile(rate, 1000, 0.5)
    if median:
        _agrees(wait, _quantile(0.5), median)
    else:
        _agrees((wait == 0) * SECOND, _mean, 1 - rate / 1000)


@pytest.mark.parametrize(("servers", "rate"), [(2, 1400), (4, 3000)])
def test_mmc_has_the_mean_and_percentiles_of_theory(servers: int, rate: int) -> None:
    """Several servers on one queue wait as Erlang C says."""
    spec = replace(BARE, service_rate=1000, service="exponential", servers=servers, seed=3)
    sojourn = latency(run(spec, ALONE, _poisson(rate)).acks)
    _agrees(sojourn, _mean, queueing.mmc_wait(rate, 1000, servers) + 1 / 1000)
    for share in (0.5, 0.99):
        _agrees(sojourn, _quantile(share), queueing.mmc_sojourn_quantile(rate, 1000, servers, share))


def test_noise_waits_as_a_general_service_time_should() -> None:
    """A lognormal factor of mean 1 has cv^2 = exp(sigma^2) - 1: the mean wait is Pollaczek-Khinchine's for it."""
    wait = latency(run(replace(BARE, service_rate=1000, noise=0.5, seed=2), ALONE, _poisson(600)).acks) - MILLI
    _agrees(wait, _mean, queueing.mg1_wait(600, 1000, math.expm1(0.25)))


def test_a_pause_of_two_seconds_is_in_the_percentiles_in_full() -> None:
    """At 1,000/s for 20 s with 10 us service and no work from 10 s to 12 s, the m-th message due since 10 s waits
    2 s + 10 us - m * (1 ms - 10 us) until that falls below 10 us: p95 is m = 1000, p99 m = 200."""
    done = run(replace(BARE, service_rate=100_000, pause=((10, 2),)), ALONE, even(1000, 20))
    late = np.sort(latency(done.acks))
    assert late[9999] == 10 * MICRO
    assert late[18_999] == 1_010_010 * MICRO
    assert late[19_799] == 1_802_010 * MICRO
    assert late[-1] == 2_000_010 * MICRO
    assert np.count_nonzero(late > 10 * MICRO) == 2021
    assert done.busy_s == pytest.approx(20_000 * 10e-6)


def test_a_lone_message_takes_each_delay_of_the_model_once() -> None:
    """linger 5 ms, network 0.2, overhead 0.05 and 1/200k of service, replication 1, network 0.2; and fetch 0.5."""
    block, group = arrivals([0], size=100), SimGroup((0,), 1)
    for acks_all, acked in ((True, 6_455), (False, 5_455)):
        done = run(SimulatedSpec(), SimProducer(0.005, 16_384, acks_all, 1), block, group)
        assert done.acks.acked_ns.tolist() == [acked * MICRO]
        assert done.deliveries[0].received_ns.tolist() == [6_955 * MICRO]


def test_a_slow_partition_is_late_by_its_time_and_no_other_is() -> None:
    """Consumers see it later by 5 ms whatever the acks; only acks=all wait for it."""
    block, group = arrivals([0, 0, 0], partitions=3), SimGroup((0,), 1)
    for acks_all in (True, False):
        producer = SimProducer(0, 1, acks_all, 3)
        once, slow = (run(spec, producer, block, group) for spec in (BARE, replace(BARE, slow=((1, 5e-3),))))
        more = [0, 5 * MILLI * acks_all, 0]
        assert (latency(slow.acks) - latency(once.acks)).tolist() == more
        received = [dict(zip(one.deliveries[0].partition.tolist(), one.deliveries[0].received_ns.tolist(), strict=True))
                    for one in (once, slow)]  # fmt: skip
        assert [received[1][at] - received[0][at] for at in range(3)] == [0, 5 * MILLI, 0]


@pytest.mark.parametrize("byte_rate", [20e6, 200e6])
def test_twice_the_capacity_is_served_at_the_capacity(byte_rate: float) -> None:
    """16 messages of 1,000 B fit a batch and cost 50 us + 16,000 B / byte_rate; acks come at exactly that rate."""
    spec, producer = SimulatedSpec(byte_rate=byte_rate), SimProducer(1.0, 16_384, True, 6)
    expected = 16 / (50e-6 + max(16 / 200e3, 16_000 / byte_rate))
    assert capacity(spec, producer, 1000) == pytest.approx(expected)
    acked = run(spec, producer, even(int(2 * expected), 5, 1000, 6)).acks.acked_ns
    between = np.count_nonzero((acked >= SECOND) & (acked < 5 * SECOND))
    assert between == pytest.approx(4 * expected, abs=2 * 16)


def test_compression_lifts_the_capacity_of_bytes() -> None:
    """At a ratio of 4 a byte-bound cluster stores 4 times the bytes, but for the overhead of requests."""
    spec, producer = SimulatedSpec(byte_rate=10e6), SimProducer(1.0, 16_000, True, 1, compression_ratio=4.0)
    assert capacity(spec, producer, 1000) == pytest.approx(16 / (50e-6 + 4000 / 10e6))
    done = run(spec, producer, even(1600, 1, 1000))
    assert done.batches.wire.sum() * 4 == done.batches.bytes.sum() == 1_600_000
    assert done.busy_s == pytest.approx(100 * (50e-6 + 4000 / 10e6))


@pytest.mark.parametrize(("linger", "rate"), [(0.0, 15_000), (0.005, 15_000), (0.02, 3_000)])
def test_batches_at_an_even_rate_are_those_capacity_at_counts_with(linger: float, rate: int) -> None:
    """Even messages dealt over partitions make batches of one size, known beforehand; so busy time is known too."""
    spec, producer = SimulatedSpec(), SimProducer(linger, 4_000, True, 6)
    done = run(spec, producer, even(rate, 4, 100, 6))
    expected = queueing.messages_per_batch(rate, 6, linger, 40)
    assert done.batches.messages.sum() / done.batches.count == pytest.approx(expected, rel=0.01)
    assert done.batches.requests == done.batches.count
    assert done.batches.mean_bytes == pytest.approx(100 * expected, rel=0.01)
    assert done.busy_s == pytest.approx(4 * rate / capacity_at(spec, producer, 100, rate), rel=0.01)


def test_the_generator_holds_messages_back_when_it_is_too_slow() -> None:
    """At 1,000/s due and 500/s handed over, message i is sent at 2 i ms: latency shows it, service time does not."""
    acks = run(replace(BARE, generator_rate=500.0), ALONE, even(1000, 2)).acks
    assert acks.sent_ns.tolist() == [2 * MILLI * number for number in range(2000)]
    assert set((acks.acked_ns - acks.sent_ns).tolist()) == {5 * MICRO}


def test_a_full_buffer_makes_the_sender_wait_for_acks() -> None:
    """With room for 3 and 10 ms from send to ack, a burst of 7 is sent as 3 at 0, 3 at 10 ms and 1 at 20 ms."""
    spec = replace(BARE, network=0.0045, request_overhead=0.001, service_rate=math.inf, servers=9, queue_limit=3)
    done = run(spec, ALONE, arrivals([0] * 7))
    assert done.acks.sent_ns.tolist() == [0, 0, 0, *[10 * MILLI] * 3, 20 * MILLI]
    assert done.queue_full == 4


def test_a_slow_consumer_falls_behind_and_a_second_one_halves_its_work() -> None:
    """At 1,000/s over 2 partitions and 1.5 ms a message, one consumer receives number i at 1.5 i ms; two keep up."""
    spec, producer = replace(BARE, service_rate=math.inf), replace(ALONE, partitions=2)
    groups = SimGroup((0,), 1, process_time=0.0015), SimGroup((0,), 2, process_time=0.0015)
    slow, fast = run(spec, producer, even(1000, 2, partitions=2), *groups).deliveries
    assert (slow.received_ns - 1).tolist() == [1_500_000 * number for number in range(2000)]
    assert set((fast.received_ns - fast.intended_ns).tolist()) == {1}


def test_a_late_group_reads_from_the_earliest_message() -> None:
    """A group that starts at 1 s gets the first second's messages at 1 s, then each as it comes."""
    (late,) = run(replace(BARE, service_rate=math.inf), ALONE, even(10, 2), SimGroup((0,), 1, start_s=1.0)).deliveries
    assert late.received_ns.tolist() == [SECOND] * 10 + [SECOND + number * SECOND // 10 + 1 for number in range(10)]
    assert late.offset.tolist() == list(range(20))


def test_a_group_gets_every_producer_of_its_topics_and_no_other() -> None:
    """Groups read topics: two producers of topic 0 share its offsets; topic 1 has its own."""
    producers = [replace(ALONE, topic=topic) for topic in (0, 0, 1)]
    simulation = Simulation(BARE, producers, [SimGroup((0,), 1), SimGroup((2,), 1), SimGroup((0, 2), 3)])
    done = simulation.advance(SECOND, [arrivals([i, 100 * MICRO]) for i in (0, 1, 2)])
    first, second, both = done.deliveries
    assert first.producer.tolist() == [0, 1, 0, 1]
    assert first.offset.tolist() == [0, 1, 2, 3]
    assert second.producer.tolist() == [2, 2]
    assert second.offset.tolist() == [0, 1]
    assert len(both.number) == 6


def test_errors_losses_and_duplicates_are_exactly_their_shares() -> None:
    """Of 10,000 messages 1 % fail and are not stored, 2 % are acked and never seen, 0.5 % are seen at two offsets."""
    spec = SimulatedSpec(errors=0.01, lose=0.02, duplicate=0.005)
    done = run(spec, SimProducer(0.002, 16_384, True, 3), even(10_000, 1, 100, 3), SimGroup((0,), 2))
    acks, seen = done.acks, done.deliveries[0]
    kinds = fates(spec, np.arange(10_000))
    assert np.bincount(kinds).tolist() == [9650, 100, 200, 50]
    assert sorted(acks.number.tolist()) == list(range(10_000))
    failed = acks.number[acks.error == ERROR_CODE]
    assert sorted(failed.tolist()) == np.flatnonzero(kinds == simspec.FAILED).tolist()
    assert ((acks.offset == -1) == (acks.error != 0)).all()
    times_seen = np.bincount(seen.number, minlength=10_000)
    assert times_seen.tolist() == np.array([1, 0, 0, 2])[kinds].tolist()
    places = list(zip(seen.partition.tolist(), seen.offset.tolist(), strict=True))
    assert len(set(places)) == len(places)
    twice = seen.number[np.isin(seen.number, np.flatnonzero(kinds == simspec.DUPLICATED))]
    assert (twice[::2] == twice[1::2]).all()


@given(st.integers(0, 10**9), st.sampled_from([(10, 1), (100, 2), (1000, 3)]))
def test_any_aligned_thousand_holds_its_share(start: int, grain: tuple[int, int]) -> None:
    """A share of 10^-k hits exactly one number in each aligned run of 10^k."""
    length, digits = grain
    run_of = np.arange(start // length * length, start // length * length + length)
    assert np.count_nonzero(fates(SimulatedSpec(errors=10.0**-digits), run_of)) == 1


def test_offsets_follow_each_log_without_a_gap() -> None:
    """Four noisy servers overtake each other, yet each log is in its producer's order, and consumers read it so."""
    spec = SimulatedSpec(servers=4, noise=1.0, service_rate=20_000, seed=1)
    done = run(spec, SimProducer(0.0, 1, True, 3), even(20_000, 1, partitions=3), SimGroup((0,), 2))
    for columns in (done.acks, done.deliveries[0]):
        for partition in range(3):
            mine = columns.partition == partition
            offsets, numbers = columns.offset[mine], columns.number[mine]
            assert sorted(offsets.tolist()) == list(range(len(offsets)))
            assert (np.diff(numbers[np.argsort(offsets)]) > 0).all()
    assert (np.diff(done.acks.number) < 0).any()
    seen = done.deliveries[0]
    assert all((np.diff(seen.offset[seen.partition == partition]) == 1).all() for partition in range(3))


def test_finish_stops_at_its_end_and_goes_on_when_asked_again() -> None:
    """What is not acked by the end of a drain stays inside; nothing is lost or told twice."""
    simulation = Simulation(replace(BARE, service_rate=10), [ALONE], [])
    counts = [len(simulation.advance(SECOND, [even(100, 1)]).acks.number)]
    counts += [len(simulation.finish(end).acks.number) for end in (3 * SECOND + 1, None, None)]
    assert counts == [9, 21, 70, 0]


def test_arrivals_that_break_the_order_are_refused() -> None:
    """A message from the past, out of order, beyond the window or on no partition is an error, never a wrong figure."""
    simulation = Simulation(BARE, [ALONE], [])
    simulation.advance(SECOND, [arrivals([5])])
    for times in ([SECOND - 1], [3 * SECOND, 2 * SECOND], [10 * SECOND]):
        with pytest.raises(ValueError, match="ascend"):
            simulation.advance(10 * SECOND, [arrivals(times)])
    with pytest.raises(ValueError, match="partitions 0 to 0"):
        simulation.advance(10 * SECOND, [arrivals([2 * SECOND] * 2, partitions=2)])
    with pytest.raises(ValueError, match="0 blocks"):
        simulation.advance(10 * SECOND, [])
    with pytest.raises(ValueError, match="go back"):
        simulation.finish(1)


def test_a_scenario_of_consumers_alone_has_an_empty_run() -> None:
    """No producers is no error: nothing is acked and nothing received."""
    done = Simulation(SimulatedSpec(queue_limit=5), [], [SimGroup((), 2)]).advance(SECOND, [])
    assert len(done.acks.number) == len(done.deliveries[0].number) == done.batches.count == 0
    assert math.isnan(done.batches.mean_bytes)


def test_a_target_name_sets_every_parameter() -> None:
    """Units, pauses, shares in percent, `none` and flags are read as the table says."""
    text = (
        "simulated?service_rate=50k/s&byte_rate=none&request_overhead=1ms&servers=4&service=exponential&replication=2ms&slow=3:4ms"
        "&network=1us&pause=10s:2s,1m:500ms&noise=0.2&errors=1%&lose=0.001&duplicate=0&seed=7&fetch=3ms"
        "&generator_rate=1M/s&sink=1"
    )
    assert SimulatedSpec.parse(text) == SimulatedSpec(
        service_rate=50e3, byte_rate=math.inf, request_overhead=1e-3, servers=4, service="exponential",
        replication=2e-3, slow=((3, 4e-3),), network=1e-6, pause=((10.0, 2.0), (60.0, 0.5)), noise=0.2, errors=0.01,
        lose=0.001, duplicate=0.0, seed=7, fetch=3e-3, generator_rate=1e6, sink=True,
    )  # fmt: skip


def test_the_table_names_every_parameter_with_its_default() -> None:
    """Each field stands in the docstring, and the default given there parses to the field's own."""
    rows = [line.split("|")[1:3] for line in (simspec.__doc__ or "").splitlines() if line.startswith("| `")]
    documented = {name.strip(" `"): default.strip() for name, default in rows}
    assert set(documented) == {f.name for f in fields(SimulatedSpec)}
    query = "&".join(f"{name}={default}" for name, default in documented.items())
    parsed = SimulatedSpec.parse(f"simulated?{query}")
    for name in documented:
        value, default = getattr(parsed, name), getattr(SimulatedSpec(), name)
        assert value == (pytest.approx(default) if isinstance(default, float) else default)
    assert SimulatedSpec.parse("simulated") == SimulatedSpec()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("simulated?servise_rate=5", "did you mean 'service_rate'"),
        ("simulated?seed", "has no value"),
        ("simulated?seed=1&seed=2", "given twice"),
        ("simulated?network=5", "unit of time"),
        ("simulated?pause=10s", "10s:2s,30s:1s"),
        ("simulated?slow=1", "0:5ms"),
        ("simulated?slow=-1:5ms", "numbered from 0"),
        ("simulated?errors=60%&lose=60%", "together at most 1"),
        ("simulated?errors=nan", "shares"),
        ("simulated?service_rate=0", "above 0"),
        ("simulated?service=fast", "'deterministic' or 'exponential'"),
        ("simulated?queue_limit=5&network=0s", "network"),
        ("simulated?sink=maybe", "neither 0 nor 1"),
        ("simulate", "simulated target"),
    ],
)
def test_a_wrong_target_name_says_what_is_wrong(text: str, says: str) -> None:
    """Every fault is a TargetFileError that names the parameter or the way out."""
    with pytest.raises(TargetFileError, match=says):
        SimulatedSpec.parse(text)
