"""Drivers with lanes in memory and a clock that the test moves: what is due is sent, no more, and no debt is forgotten."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from fake_lane import Clock, ConsumerLane, Keyed, Numbered, ProducerLane
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SECOND

from loadkit import clock, hashing, payloads, shapes
from loadkit.drivers import AT_ONCE, CHUNK, QUEUE_FULL_NS, ConsumerDriver, ProducerDriver
from loadkit.leg import SETTLE_NS, Leg
from loadkit.pacer import NEVER, pacer, quotas, time_of
from loadkit.scenario import ConsumerWorkload, Pause, ProducerWorkload, Topic, Transactions
from loadkit.targets.lane import Acks, Received

CLOCK = Clock()
"""The clock of every test; each sets it first."""


@pytest.fixture(autouse=True)
def _fake_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(clock, "now_ns", CLOCK)
    CLOCK.now = 1_000_000_007
    return


def workload(**fields: object) -> ProducerWorkload:
    """Return a producing workload of small messages."""
    base = {"name": "Checkout", "topic": Topic("orders"), "payload": payloads.constant(size=100)}
    return ProducerWorkload.model_validate(base | fields)


def driver(
    lane: ProducerLane,
    work: ProducerWorkload | None = None,
    number: int = 1,
    start: Callable[..., object] | None = None,
) -> ProducerDriver:
    """Return a driver on a lane; jobs in threads are done at once unless a starter is given."""
    return ProducerDriver(
        work or workload(), lane, Numbered(), Keyed(), "binary", 7, number, start or (lambda job: job())
    )


def leg(
    work: ProducerWorkload, origin: int, slot: int = 0, stride: int = 1, begin: int = 0, until: int = NEVER, **more: int
) -> Leg:
    """Return one user's leg from `begin` on, as a worker makes it."""
    made = pacer(work.rate, work.shape, work.arrivals, slot, stride, 1)
    first = made.due(begin - 1) if begin else 0
    return Leg("measure", made, origin, until, slot, stride, sent=first, skipped=first, **more)


def settle(made: ProducerDriver) -> int:
    """Step until nothing more is to be done at this instant; return when to come again."""
    for _ in range(10_000):
        again = made.step(CLOCK.now)
        if again > CLOCK.now:
            return again
    raise AssertionError("the driver never came to rest")


@settings(max_examples=60)
@given(st.floats(0.5, 1e5), st.sampled_from(["even", "poisson"]), st.lists(st.integers(0, SECOND // 10), max_size=12))
def test_what_is_due_is_sent_and_never_more(rate: float, arrivals: str, pauses: list[int]) -> None:
    """After each step the lane has at most what is due; at rest it has exactly that, each message with its instant and number."""
    CLOCK.now = origin = 5 * SECOND
    work, lane = workload(rate=rate, arrivals=arrivals), ProducerLane(CLOCK)
    made, schedule = driver(lane, work), pacer(rate, None, arrivals, 0, 1, 1)  # type: ignore[arg-type]
    made.add(leg(work, origin))
    for pause in [0, *pauses]:
        CLOCK.now += pause
        due = schedule.due(CLOCK.now - origin)
        while made.step(CLOCK.now) <= CLOCK.now:
            assert len(lane.items) <= due
        assert len(lane.items) == due
        assert made.debt(CLOCK.now) == 0
    n = len(lane.items)
    intended = (schedule.intended(0, n) + origin).tolist()
    assert [(item.number, item.seq, item.intended, item.key) for item in lane.items] == [
        (i, i, at, str(i).encode()) for i, at in enumerate(intended)
    ]
    made.collect()
    told = list(made.sent)
    assert [at for sent in told for at in sent.intended_ns.tolist()] == intended
    counts = [count for sent in told for count in sent.count.tolist()]
    assert [seq for sent in told for seq in sent.seq.tolist()] == np.cumsum([0, *counts])[:-1].tolist()
    assert sum(counts) == n
    assert sum(size for sent in told for size in sent.bytes.tolist()) == 32 * n


def test_one_step_hands_over_a_bounded_number() -> None:
    """However much is due, a step sends at most a chunk, so that confirmations are served in between."""
    work, lane = workload(rate=1e6), ProducerLane(CLOCK)
    made = driver(lane, work)
    made.add(leg(work, CLOCK.now))
    CLOCK.now += SECOND
    assert made.step(CLOCK.now) == AT_ONCE
    assert 0 < len(lane.items) <= CHUNK


@given(st.integers(0, 2**32), st.integers(1, 2000))
def test_debt_outlives_a_full_queue_and_goes_on_at_the_right_message(seed: int, rate: int) -> None:
    """Whatever part of a chunk the client takes, the next try starts at the next message, with the content it always had."""
    rng = random.Random(seed)
    CLOCK.now = origin = 5 * SECOND
    work, lane = workload(rate=rate), ProducerLane(CLOCK, room=lambda n: rng.choice([0, 0, 1, n // 2, n]))
    made = driver(lane, work)
    made.add(leg(work, origin))
    for _ in range(40):
        CLOCK.now += rng.randint(0, SECOND // 20)
        full, again = lane.queue_full, made.step(CLOCK.now)
        if lane.queue_full > full:
            assert again == CLOCK.now + QUEUE_FULL_NS
        due = pacer(rate, None, "even", 0, 1, 1).due(CLOCK.now - origin)
        assert made.debt(CLOCK.now) == due - len(lane.items) >= 0
    lane.room = lambda n: n
    settle(made)
    assert made.debt(CLOCK.now) == 0
    schedule = pacer(rate, None, "even", 0, 1, 1)
    assert [(i.number, i.seq, i.intended, i.key) for i in lane.items] == [
        (k, k, schedule.at(k) + origin, str(k).encode()) for k in range(len(lane.items))
    ]
    made.collect()
    assert sum(map(len, made.sent)) == len(lane.items)


@given(st.floats(1, 3000), st.lists(st.integers(1, SECOND), max_size=3), st.sampled_from(["even", "poisson"]))
def test_coming_when_told_sends_every_message_at_its_instant(rate: float, lengths: list[int], arrivals: str) -> None:
    """`step` says when to come again so well that no message is late, also over the switch from one leg to the next."""
    CLOCK.now = origin = 5 * SECOND
    work, lane = workload(rate=rate, arrivals=arrivals), ProducerLane(CLOCK)
    made, begin = driver(lane, work), 0
    for length in lengths:
        made.add(leg(work, origin, begin=begin, until=begin + length))
        begin += length
    while made.legs:
        CLOCK.now = settle(made)
    schedule = pacer(rate, None, arrivals, 0, 1, 1)  # type: ignore[arg-type]
    assert [item.at - item.intended for item in lane.items] == [0] * len(lane.items)
    assert [item.intended - origin for item in lane.items] == schedule.intended(
        0, schedule.due(begin - 1) if begin else 0
    ).tolist()


@settings(max_examples=50)
@given(
    st.floats(5, 400),
    st.lists(st.tuples(st.integers(1, SECOND), st.integers(1, 5)), min_size=1, max_size=4),
    st.sampled_from([None, shapes.ramp(0, 2, 2), shapes.spike(5, 0.3, 0.2), shapes.steps([0, 1, 3], 0.4)]),
)
def test_users_share_a_class_without_gap_or_overlap_when_their_number_changes(
    rate: float, stretches: list[tuple[int, int]], shape: shapes.Shape | None
) -> None:
    """From one stated instant on other users take the class's messages in turn: together they send its schedule, once."""
    CLOCK.now = origin = 5 * SECOND
    work = workload(rate=rate, **({"shape": shape} if shape else {}))
    lanes = [ProducerLane(CLOCK) for _ in range(max(users for _, users in stretches))]
    users = [driver(lane, work, number) for number, lane in enumerate(lanes)]
    begin = 0
    for length, n in stretches:
        for slot in range(n):
            users[slot].add(leg(work, origin, slot, n, begin, begin + length))
        begin += length
    while any(user.legs for user in users):
        CLOCK.now = min(settle(user) for user in users)
    whole = pacer(rate, shape, "even", 0, 1, 1)
    n = whole.due(begin - 1)
    sent = sorted((item.number, item.intended - origin) for lane in lanes for item in lane.items)
    assert sent == list(enumerate(whole.intended(0, n).tolist()))
    counted = sum(done.due(CLOCK.now) - done.skipped for user in users for done in user.finished)
    assert counted == sum(done.sent - done.skipped for user in users for done in user.finished) == n


def test_a_leg_that_has_not_begun_has_nothing_due() -> None:
    """What a leg skipped was another's: before its beginning, or when it is ended before, it counts nothing, never less."""
    made = leg(workload(rate=100), 0, begin=5 * SECOND)
    assert made.skipped == 500
    assert [made.due(now) - made.skipped for now in (0, 3 * SECOND, 5 * SECOND - 1, 5 * SECOND)] == [0, 0, 0, 1]
    made.until_ns = 2 * SECOND
    assert made.due(9 * SECOND) - made.skipped == 0


def test_debt_at_the_end_is_sent_within_the_settle_time_and_not_later() -> None:
    """When the leg is over its debt may still go for a second; what is left then is due and not sent, for good."""
    work, blocked = workload(rate=1000), [True]
    lane = ProducerLane(CLOCK, room=lambda n: 0 if blocked[0] else 300)
    made, origin = driver(lane, work), CLOCK.now
    made.add(leg(work, origin, until=SECOND))
    CLOCK.now = origin + SECOND
    made.step(CLOCK.now)
    assert made.debt(CLOCK.now) == 1000
    blocked[0] = False
    CLOCK.now = origin + SECOND + SETTLE_NS - 1
    made.step(CLOCK.now)
    assert len(lane.items) == 300
    CLOCK.now += 1
    settle(made)
    assert len(lane.items) == 300
    (done,) = made.finished
    assert (done.due(CLOCK.now + 10**12), done.sent) == (1000, 300)


def test_a_leg_without_settle_time_leaves_its_debt() -> None:
    """The measured schedule does not wait for the warm-up's debt: its first message leaves at its instant."""
    work = workload(rate=1000)
    lane = ProducerLane(CLOCK, room=lambda n: 0)
    made, origin = driver(lane, work), CLOCK.now
    made.add(leg(work, origin, until=SECOND, settle_ns=0))
    made.add(leg(work, origin + SECOND))
    CLOCK.now = origin + SECOND - 1
    made.step(CLOCK.now)
    lane.room = lambda n: n
    CLOCK.now = origin + SECOND
    settle(made)
    assert [(item.seq, item.intended) for item in lane.items] == [(0, origin + SECOND)]


@settings(max_examples=25)
@given(st.integers(1, 300), st.lists(st.tuples(st.floats(1, 500), st.integers(1, 3)), min_size=1, max_size=3))
def test_exactly_so_many_messages_are_sent_when_their_number_is_given(
    total: int, classes: list[tuple[float, int]]
) -> None:
    """--messages: every user ends at its share, and the shares add up to the number, whatever the rates."""
    CLOCK.now = origin = 5 * SECOND
    members = [(workload(rate=rate), slot, n) for rate, n in classes for slot in range(n)]
    pacers = [pacer(work.rate, None, "even", slot, n, 1) for work, slot, n in members]
    until, shares = time_of(pacers, total), quotas(pacers, total)
    lanes = [ProducerLane(CLOCK) for _ in members]
    users = [driver(lane, work) for lane, (work, _, _) in zip(lanes, members, strict=True)]
    for user, share, (work, slot, n) in zip(users, shares, members, strict=True):
        user.add(leg(work, origin, slot, n, until=until, limit=share))
    while any(user.legs for user in users):
        CLOCK.now = min(settle(user) for user in users)
    assert sum(len(lane.items) for lane in lanes) == total
    assert [len(lane.items) for lane in lanes] == list(shares)
    assert max(item.at for lane in lanes for item in lane.items) < origin + until


def test_confirmations_are_gathered_soon_and_all_of_them() -> None:
    """Few confirmations wait 50 ms at most; places are those of the confirmations."""
    work, lane = workload(rate=100), ProducerLane(CLOCK, delay=1000)
    made = driver(lane, work)
    made.add(leg(work, CLOCK.now))
    for _ in range(300):
        CLOCK.now += 10**6
        made.step(CLOCK.now)
    assert sum(len(acks.offset) for acks in made.acks) >= 25
    CLOCK.now += 1000
    made.lane.poll()
    made.collect()
    assert (
        sum(len(acks.offset) for acks in made.acks) == sum(len(offset) for _, offset in made.places) == len(lane.items)
    )


def transactional(
    start: Callable[..., object] | None = None, **rule: float
) -> tuple[ProducerDriver, ProducerLane, ProducerWorkload]:
    """Return a driver that sends 1000 messages a second in transactions, its lane and workload."""
    work = workload(rate=1000, transactions=Transactions.model_validate(rule))
    lane = ProducerLane(CLOCK, delay=10**6)
    made = driver(lane, work, start=start)
    made.add(leg(work, CLOCK.now, until=2 * SECOND))
    return made, lane, work


def run_to_end(made: ProducerDriver) -> None:
    """Step each millisecond until the schedule is over and nothing is open."""
    for _ in range(4000):
        CLOCK.now += 10**6
        settle(made)
        if not made.legs and not made.outstanding():
            break
    made.collect()


@pytest.mark.parametrize(("messages", "interval"), [(100, 10.0), (7, 0.5), (10**6, 0.05), (1, 1.0)])
def test_transactions_end_at_their_number_or_their_time(messages: int, interval: float) -> None:
    """No transaction holds more messages than declared or stays open longer; all are committed and every place counts."""
    made, lane, _ = transactional(messages=messages, interval=interval)
    run_to_end(made)
    assert len(lane.items) == 2000
    assert [commit for commit, _ in lane.ended] == [True] * len(lane.ended)
    sizes = [n for _, n in lane.ended]
    assert sum(sizes) == 2000
    assert max(sizes) <= min(messages, interval * 1000 + 3)
    assert all(n == messages for n in sizes[:-1]) or messages > interval * 1000
    assert sorted(o for _, offsets in made.places for o in offsets.tolist()) == list(range(2000))
    assert len(made.commits) == len(lane.ended)
    assert not lane.open
    assert not made.aborts


def test_what_is_confirmed_and_in_no_array_yet_is_untold() -> None:
    """A trial that stopped waiting when nothing is in flight would end before it knows what it waits for."""
    work = workload(rate=1000)
    made = driver(ProducerLane(CLOCK, delay=10**6), work)
    made.add(leg(work, CLOCK.now, until=SECOND))
    CLOCK.now += 50 * 10**6
    made.step(CLOCK.now)
    CLOCK.now += 10**6
    made.lane.poll()
    assert made.outstanding() == 0
    assert made.untold() > 0
    made.collect()
    assert made.untold() == 0


def test_messages_of_aborted_transactions_have_no_place() -> None:
    """The seeded share of transactions is aborted; only committed messages are to be found by consumers."""
    made, lane, work = transactional(messages=20, interval=10.0, abort=0.3)
    run_to_end(made)
    assert work.transactions
    wanted = [bool(u >= 0.3) for u in hashing.uniform(1, np.arange(1, 101), 8)]
    assert [commit for commit, _ in lane.ended] == wanted
    committed = [o for i, keep in enumerate(wanted) if keep for o in range(20 * i, 20 * i + 20)]
    assert sorted(o for _, offsets in made.places for o in offsets.tolist()) == committed
    assert sum(len(intended) for intended, _ in made.aborts) == 2000 - len(committed)
    assert len(made.commits) == sum(wanted)
    assert sum(len(acks.offset) for acks in made.acks) == 2000


def test_nothing_is_sent_while_a_transaction_ends_and_the_debt_goes_on_behind_it() -> None:
    """A commit that takes a second holds the producer up: its messages leave late, and all of them leave."""
    jobs: list[Callable[[], None]] = []
    made, lane, _ = transactional(start=jobs.append, messages=10, interval=10.0)
    CLOCK.now += 50 * 10**6
    settle(made)
    assert len(lane.items) == 10
    assert len(jobs) == 1
    CLOCK.now += SECOND
    assert settle(made) <= CLOCK.now + 10**6
    assert len(lane.items) == 10
    assert made.outstanding()
    jobs.pop()()
    settle(made)
    assert len(lane.items) == 20
    begun, done = made.commits[0]
    assert begun <= done


def test_a_lane_belongs_to_the_thread_that_ends_its_transaction() -> None:
    """From its start until it is done nobody else polls, takes or sends, in the same step or when the run closes."""

    class Lent(ProducerLane):
        lent = False

        def poll(self) -> None:
            assert not self.lent
            super().poll()

        def take_acks(self) -> Acks | None:
            assert not self.lent
            return super().take_acks()

    jobs: list[Callable[[], None]] = []

    def start(job: Callable[[], None]) -> None:
        lane.lent = True
        jobs.append(job)

    work = workload(rate=1000, transactions=Transactions.model_validate({"messages": 10, "interval": 10.0}))
    lane = Lent(CLOCK, delay=10**6)
    made = driver(lane, work, start=start)
    made.add(leg(work, CLOCK.now, until=2 * SECOND))
    for _ in range(3):
        CLOCK.now += 50 * 10**6  # longer than a lane gathers, so that each step would
        settle(made)
        made.collect()
        assert len(jobs) == 1
        lane.lent = False
        jobs.pop()()
    assert len(lane.ended) == 3
    assert sum(len(acks.offset) for acks in made.acks) >= 20
    CLOCK.now += 50 * 10**6
    settle(made)
    made.close()
    assert not lane.closed, "another thread is inside"
    lane.lent = False
    jobs.pop()()
    made.close()
    assert lane.closed
    assert sum(len(acks.offset) for acks in made.acks) == 40, "what was served after the loop ended is there"


def test_a_transaction_that_cannot_end_ends_the_run() -> None:
    """The error of the thread that commits is raised in the loop."""
    made, lane, _ = transactional(messages=10, interval=10.0)
    lane.failing = RuntimeError("fenced")
    CLOCK.now += 50 * 10**6
    with pytest.raises(RuntimeError, match="fenced"):
        settle(made)


def test_opening_messages_have_numbers_before_the_schedule() -> None:
    """One message a partition opens the connections; the schedule's numbers go on behind them."""
    lane = ProducerLane(CLOCK)
    work = workload(rate=10)
    made = driver(lane, work)
    batch = made.prime(6, CLOCK.now)
    assert batch.stamps["seq"].tolist() == list(range(6))
    made.add(leg(work, CLOCK.now))
    settle(made)
    assert [item.seq for item in lane.items] == [6]


def consumer(**fields: object) -> tuple[ConsumerDriver, ConsumerLane, deque[Received]]:
    """Return a consuming driver, its lane, and where its messages go."""
    work = ConsumerWorkload.model_validate({"name": "Billing", "topic": Topic("orders"), **fields})
    lane, taken = ConsumerLane(CLOCK), deque[Received]()
    return ConsumerDriver(work, lane, taken), lane, taken


def test_a_consumer_is_busy_for_as_long_as_its_messages_take() -> None:
    """With 2 ms a message and polls of at most 10, a backlog of 100 is taken in tens, 20 ms apart: 500 messages a second."""
    made, lane, taken = consumer(process_time="2ms", poll_size=10)
    lane.arrived = 100
    for _ in range(400):
        made.step(CLOCK.now)
        CLOCK.now += 10**6
    starts = [at for at, _ in lane.takes]
    assert [n for _, n in lane.takes] == [10] * 10
    assert np.diff(starts).tolist() == [20 * 10**6] * 9
    assert sum(len(take.offset) for take in taken) == 100


def test_what_a_busy_consumer_took_is_handed_on_while_it_is_busy() -> None:
    """Its measurements must not wait for the end of its work, which may be a long time off."""
    made, lane, taken = consumer(process_time="1s", poll_size=10)
    lane.arrived = 1
    made.step(CLOCK.now)
    CLOCK.now += 10**6
    lane.arrived = 11
    made.step(CLOCK.now)
    CLOCK.now += SECOND - 10**6
    made.step(CLOCK.now)
    CLOCK.now += 60 * 10**6
    made.step(CLOCK.now)
    assert sum(len(take.offset) for take in taken) == lane.given == 11


def test_a_pause_stops_fetching_for_its_length_only() -> None:
    """The lane is paused at the stated instant and resumed at the other, once each."""
    made, lane, _ = consumer(pause=Pause(at=1, length=2))
    start = CLOCK.now
    made.pause_between(start + SECOND, start + 3 * SECOND)
    for _ in range(40):
        lane.arrived += 1
        made.step(CLOCK.now)
        CLOCK.now += SECOND // 10
    assert lane.paused == [(start + SECOND, True), (start + 3 * SECOND, False)]
    assert not [at for at, _ in lane.takes if start + SECOND <= at < start + 3 * SECOND]
    assert lane.given == 40


@pytest.mark.parametrize(("commit", "commits"), [("poll", 3), ("auto", 0), ("none", 0)])
def test_offsets_are_committed_after_each_poll_that_got_something_where_declared(commit: str, commits: int) -> None:
    """Only `commit = "poll"` commits here; an empty poll commits nothing. After many messages more are looked for at once."""
    made, lane, _ = consumer(commit=commit)
    for arrived, some in ((0, False), (500, True), (500, False), (507, False), (900, True)):
        lane.arrived = arrived
        assert made.step(CLOCK.now) is some
        CLOCK.now += 10**6
    assert lane.commits == commits
