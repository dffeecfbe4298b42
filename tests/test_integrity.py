"""Accounts of every message, against a record that keeps every message."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Ints

from loadkit import integrity
from loadkit.integrity import Accounts, Confirmed, Consumed, Delta, Ranges, Verdict, runs_of

Message = tuple[int, int]
"""Producer and number."""

runs = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda run: (run[0], run[0] + run[1])), max_size=12
)


def flat(ranges: Iterable[tuple[int, int]]) -> set[int]:
    """Return the numbers in some runs."""
    return {number for start, end in ranges for number in range(start, end)}


@given(runs, runs)
def test_ranges_are_sets(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    """Adding, overlap, size, membership and difference are those of a set, and the runs stay sorted and apart."""
    ranges, truth = Ranges(), set[int]()
    for start, end in one:
        assert ranges.add(start, end) == len(truth & set(range(start, end)))
        truth |= set(range(start, end))
    assert (flat(ranges), len(ranges)) == (truth, len(truth))
    ends = [edge for run in ranges for edge in run]
    assert ends == sorted(set(ends))
    probe = np.arange(-3, 80)
    assert ranges.contains(probe).tolist() == [number in truth for number in probe.tolist()]
    left = ranges.minus(Ranges(two))
    assert flat(left) == truth - flat(two)
    assert sum(end - start for start, end in left) == len(truth - flat(two))


@given(st.lists(st.integers(0, 40)).map(sorted))
def test_runs_of_sorted_numbers_cover_each_as_often_as_it_occurs(numbers: list[int]) -> None:
    """A number that occurs twice stands in two runs, so that adding them shows the overlap."""
    found = runs_of(np.array(numbers, np.int64))
    assert Counter(n for start, end in found for n in range(start, end)) == Counter(numbers)


@dataclass
class World:
    """Logs with faults in them, what producers were told, and a log's every message."""

    rng: random.Random
    partitions: int
    producers: int
    faults: float
    fates: tuple[str, ...] = ("timeout", "twice", "late", "vanish", "truncate", "unplaced")
    sent: Counter[int] = field(default_factory=Counter)
    logs: dict[int, list[Message | None]] = field(default_factory=lambda: defaultdict(list))
    told: list[tuple[int, int, int]] = field(default_factory=list)
    """Process, partition and offset of each confirmation; -1 for none."""
    held: list[tuple[int, Message]] = field(default_factory=list)

    def fill(self, messages: int) -> None:
        """Send messages from every producer, in turn of chance, each with its fate."""
        numbers = [0] * self.producers
        for _ in range(messages):
            producer, p = self.rng.randrange(self.producers), self.rng.randrange(self.partitions)
            message = (producer, numbers[producer])
            numbers[producer] += 1
            faulty = self.rng.random() < self.faults
            self.sent[p] += 1
            self.send(p, message, self.rng.choice(self.fates) if faulty else "fine")
            if self.held and self.rng.random() < 0.3:
                self.append(*self.held.pop(), told=True)
        while self.held:
            self.append(*self.held.pop(), told=True)

    def send(self, p: int, message: Message, fate: str) -> None:
        """Put one message where its fate wants it."""
        if fate == "late":
            self.held.append((p, message))
            return
        self.append(p, message, told=fate not in ("timeout", "unplaced", "unplaced and gone"))
        if fate.startswith("unplaced"):
            self.told.append((message[0] % 2, p, -1))
        if fate == "twice":
            self.append(p, message, told=False)
        if fate in ("vanish", "unplaced and gone"):
            self.logs[p][-1] = None  # no consumer will see this offset
        if fate == "truncate":  # an unclean election: the next messages get offsets that were confirmed before
            del self.logs[p][-self.rng.randint(1, 3) :]

    def append(self, p: int, message: Message, told: bool) -> None:
        """Append to a log and, perhaps, confirm."""
        self.logs[p].append(message)
        if told:
            self.told.append((message[0] % 2, p, len(self.logs[p]) - 1))


@dataclass
class Record:
    """What one process of a group was given, message by message, and what that amounts to by definition."""

    offsets: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    stamps: set[Message] = field(default_factory=set)
    latest: dict[tuple[int, int], int] = field(default_factory=dict)
    duplicated: Counter[int] = field(default_factory=Counter)
    reordered: Counter[int] = field(default_factory=Counter)

    def take(self, p: int, offset: int, message: Message) -> None:
        """Note one message received."""
        if offset in self.offsets[p]:
            return
        self.offsets[p].add(offset)
        producer, number = message
        if number <= self.latest.get((p, producer), -1):
            (self.duplicated if message in self.stamps else self.reordered)[p] += 1
        self.latest[p, producer] = max(number, self.latest.get((p, producer), -1))
        self.stamps.add(message)


@dataclass
class Group:
    """One group of two processes reading a world, partitions moving between them, positions going back at times."""

    world: World
    moves: float
    given: list[tuple[int, int]] = field(default_factory=list)
    """Every (partition, offset) handed to either process, repeats included."""

    def read(self, accounts: Accounts, name: str, stop_early: bool) -> list[Record]:
        """Read everything (or nearly), fill the accounts, and return what each process was given."""
        rng, world = self.world.rng, self.world
        sides, records = [Consumed(), Consumed()], [Record(), Record()]
        owner = {p: rng.randrange(2) for p in range(world.partitions)}
        position = dict.fromkeys(range(world.partitions), 0)
        goal = {p: len(log) - (rng.randint(0, 5) if stop_early else 0) for p, log in world.logs.items()}
        while any(position[p] < goal[p] for p in goal):
            process = rng.randrange(2)
            batch: list[tuple[int, int, Message]] = []
            for p in [p for p, mine in owner.items() if mine == process and position[p] < goal.get(p, 0)]:
                end = min(position[p] + rng.randint(1, 7), goal[p])
                found = [(p, o, m) for o in range(position[p], end) if (m := world.logs[p][o]) is not None]
                batch += found
                position[p] = end
            self._hand(sides[process], records[process], batch)
            if rng.random() < self.moves:
                p = rng.randrange(world.partitions)
                owner[p], position[p] = rng.randrange(2), max(0, position[p] - rng.randint(0, 6))
            if rng.random() < 0.2:
                settle(accounts, name, sides[process])
        for side in sides:
            settle(accounts, name, side)
        return records

    def _hand(self, side: Consumed, record: Record, batch: list[tuple[int, int, Message]]) -> None:
        if not batch:
            return
        columns = [np.array(column, np.int64) for column in zip(*[(p, o, *m) for p, o, m in batch], strict=True)]
        side.add(columns[0].astype(np.int32), *columns[1:])
        for p, offset, message in batch:
            record.take(p, offset, message)
            self.given.append((p, offset))


def settle(accounts: Accounts, name: str, side: Consumed) -> None:
    """Move what a process saw into the accounts."""
    for p, delta in side.cut().items():
        accounts.consumed(name, "orders", p, delta)


def confirm(accounts: Accounts, world: World) -> None:
    """Move what producers were told into the accounts, in pieces and in any order, from two processes."""
    told = world.told.copy()
    world.rng.shuffle(told)
    sides = [Confirmed(), Confirmed()]
    while told:
        piece, told = told[:5], told[5:]
        for process in (0, 1):
            mine = [(p, offset) for who, p, offset in piece if who == process]
            if mine:
                sides[process].add(np.array([p for p, _ in mine], np.int32), np.array([o for _, o in mine], np.int64))
            for p, delta in sides[process].cut().items():
                accounts.confirmed("orders", p, delta)


def expected(world: World, group: Group, records: list[Record], p: int, log: tuple[int, int]) -> dict[str, int]:
    """Return what a verdict must say, from the record of every message."""
    offsets = [offset for _, q, offset in world.told if q == p]
    confirmed = {offset for offset in offsets if offset >= 0}
    got = [offset for q, offset in group.given if q == p]
    missing = confirmed - set(got)
    reached = max(max((offset + 1 for offset in got), default=0), log[0])
    unread = {offset for offset in missing if reached <= offset < log[1]}
    gone = {offset for offset in confirmed if offset >= log[1]}
    duplicated = sum(record.duplicated[p] for record in records)
    return {
        "acked": len(offsets),
        "received": len(got),
        "lost": len((missing - unread) | gone) + sum(offset >= 0 for offset in offsets) - len(confirmed),
        "duplicated": duplicated,
        "reordered": sum(record.reordered[p] for record in records),
        "redelivered": len(got) - len(set(got)),
        "unconfirmed": max(0, len(set(got) - confirmed) - duplicated - offsets.count(-1)),
        "unread": len(unread),
    }


def said(verdict: Verdict, names: Iterable[str]) -> dict[str, int]:
    """Return a verdict's numbers."""
    return {name: getattr(verdict, name) for name in names}


@settings(max_examples=150)
@given(
    st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 4), st.integers(0, 150),
    st.sampled_from([0.0, 0.05, 0.4]), st.sampled_from([0.0, 0.1, 0.6]), st.booleans(), st.booleans(),
)  # fmt: skip
def test_verdicts_agree_with_a_record_of_every_message(
    seed: int, partitions: int, producers: int, messages: int, faults: float, moves: float, early: bool, trimmed: bool
) -> None:
    """Losses, duplicates at new offsets, late messages, redeliveries between two processes and overwritten offsets all add up."""
    world = World(random.Random(seed), partitions, producers, faults)
    world.fill(messages)
    accounts = Accounts()
    groups = {"billing": Group(world, moves), "audit": Group(world, 0.0)}
    confirm(accounts, world)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(integrity, "REMEMBERED", 1 << 10)  # more than there are messages, quicker to make
        records = {name: group.read(accounts, name, early) for name, group in groups.items()}
    logs = {("orders", p): (world.rng.randint(0, 5) if trimmed else 0, len(world.logs[p])) for p in range(partitions)}
    seen = set()
    for verdict in accounts.verdicts([(name, "orders") for name in groups], logs):
        truth = expected(
            world, groups[verdict.group], records[verdict.group], verdict.partition, logs["orders", verdict.partition]
        )
        assert said(verdict, truth) == truth, (verdict.group, verdict.partition)
        assert sum(end - start for start, end in verdict.lost_runs) <= verdict.lost
        seen.add((verdict.group, verdict.partition))
    touched = {p for _, p, _ in world.told} | {p for group in groups.values() for p, _ in group.given}
    assert {p for name, p in seen if name == "billing"} >= touched & {p for _, p, _ in world.told}
    assert accounts.unplaced() == sum(offset < 0 for _, _, offset in world.told)


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(0, 150), st.booleans())
def test_where_all_were_confirmed_those_without_an_offset_are_judged_too(
    seed: int, partitions: int, messages: int, early: bool
) -> None:
    """Lost and unread are together the messages that were sent and never received; without that, only those by offset."""
    fates = ("twice", "late", "vanish", "unplaced", "unplaced and gone")
    world = World(random.Random(seed), partitions, 3, 0.4, fates)
    world.fill(messages)
    accounts, group = Accounts(), Group(world, 0.0)
    confirm(accounts, world)
    group.read(accounts, "billing", early)
    logs = {("orders", p): (0, len(world.logs[p])) for p in range(partitions)}
    by_offset = {one.partition: one for one in accounts.verdicts([("billing", "orders")], logs)}
    for verdict in accounts.verdicts([("billing", "orders")], logs, told=True):
        p = verdict.partition
        received = {world.logs[p][offset] for q, offset in group.given if q == p}
        assert verdict.lost + verdict.unread == world.sent[p] - len(received)
        assert verdict.lost >= by_offset[p].lost
        if not early and world.logs[p][-1] is not None:
            assert verdict.unread == 0


def test_a_world_without_faults_has_nothing_to_report() -> None:
    """With every message confirmed and read once, every count but acked and received is 0."""
    world = World(random.Random(3), 3, 2, 0.0)
    world.fill(5000)
    accounts, group = Accounts(), Group(world, 0.0)
    confirm(accounts, world)
    group.read(accounts, "billing", False)
    found = accounts.verdicts([("billing", "orders")])
    assert sum(v.acked for v in found) == sum(v.received for v in found) == 5000
    names = ("lost", "duplicated", "reordered", "redelivered", "unconfirmed", "unread")
    assert {name: sum(getattr(v, name) for v in found) for name in names} == dict.fromkeys(names, 0)


def consumed(offsets: list[int], messages: list[Message], side: Consumed | None = None) -> Delta:
    """Return what one side says of one partition's messages."""
    side = side or Consumed()
    side.add(
        np.zeros(len(offsets), np.int32),
        np.array(offsets),
        np.array([p for p, _ in messages]),
        np.array([s for _, s in messages]),
    )
    return side.cut()[0]


def test_a_retry_written_twice_is_a_duplicate_and_not_a_reordering() -> None:
    """The same stamp at a second offset is duplicated, once for each further copy, in one batch or across batches."""
    side = Consumed()
    assert consumed([0, 1, 2], [(1, 0), (1, 1), (1, 1)], side).counts == {"received": 3, "duplicated": 1}
    assert consumed([3, 4], [(1, 0), (1, 2)], side).counts == {"received": 2, "duplicated": 1}


def test_an_offset_that_comes_again_is_redelivered_and_nothing_else() -> None:
    """In one batch or a later one, the same offset again is neither a duplicate nor a reordering of the log."""
    side = Consumed()
    assert consumed([0, 1, 0, 1, 2], [(1, 0), (1, 1), (1, 0), (1, 1), (1, 2)], side).counts == {
        "received": 5,
        "redelivered": 2,
    }
    assert consumed([1, 2, 3], [(1, 1), (1, 2), (1, 3)], side).counts == {"received": 3, "redelivered": 2}


def test_a_message_behind_a_later_one_is_reordered_only_within_its_producer() -> None:
    """Two producers may interleave as they like; one producer's numbers must not go back."""
    assert consumed([0, 1, 2, 3], [(1, 5), (2, 0), (1, 6), (2, 1)]).counts == {"received": 4}
    assert consumed([0, 1, 2], [(1, 5), (1, 7), (1, 6)]).counts == {"received": 3, "reordered": 1}


def test_the_last_number_is_recognised_after_it_left_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stamps are remembered up to a limit; an older duplicate then counts as reordered, but never as nothing."""
    monkeypatch.setattr(integrity, "REMEMBERED", 4)
    side = Consumed()
    consumed(list(range(10)), [(1, s) for s in range(10)], side)
    assert consumed([10, 11, 12], [(1, 8), (1, 7), (1, 2)], side).counts == {
        "received": 3,
        "duplicated": 2,
        "reordered": 1,
    }
    consumed([13, 14, 15, 16], [(2, s) for s in range(4)], side)
    assert consumed([17, 18], [(1, 9), (1, 8)], side).counts == {"received": 2, "duplicated": 1, "reordered": 1}


def test_a_share_group_is_not_judged_by_order() -> None:
    """Share groups deliver in any order by design."""
    assert consumed([0, 1], [(1, 5), (1, 2)], Consumed(ordered=False)).counts == {"received": 2}


def test_order_is_judged_by_offset_and_not_by_who_was_handed_its_messages_first() -> None:
    """Members of a group in one process hand their takes in side by side; the log's order is what counts."""
    assert consumed([3, 4, 0, 1, 2], [(1, 3), (1, 4), (1, 0), (1, 1), (1, 2)]).counts == {"received": 5}


def test_two_producers_with_equal_numbers_are_told_apart() -> None:
    """A stamp is producer and number: producers of different processes count from the same numbers."""
    side = Consumed()
    first, second = (1 << 16) | 1, (2 << 16) | 1
    assert consumed([0, 1, 2, 3], [(first, 0), (second, 0), (first, 1), (second, 1)], side).counts == {"received": 4}
    assert consumed([4], [(second, 0)], side).counts == {"received": 1, "duplicated": 1}


def test_what_lies_behind_the_last_received_offset_is_unread_only_while_it_is_in_the_log() -> None:
    """Confirmed offsets beyond the log's end (a truncated log) or before its start (deleted unread) are lost."""
    accounts = Accounts()
    accounts.confirmed("orders", 0, Delta([(0, 100)], {"acked": 100}))
    accounts.consumed("billing", "orders", 0, Delta([(0, 60)], {"received": 60}))
    verdict = accounts.verdicts([("billing", "orders")], {("orders", 0): (0, 90)})[0]
    assert (verdict.unread, verdict.lost, verdict.lost_runs) == (30, 10, ((90, 100),))
    verdict = accounts.verdicts([("billing", "orders")], {("orders", 0): (70, 100)})[0]
    assert (verdict.unread, verdict.lost, verdict.lost_runs) == (30, 10, ((60, 70),))
    verdict = accounts.verdicts([("billing", "orders")])[0]
    assert (verdict.unread, verdict.lost) == (40, 0)


def test_what_was_received_and_then_cut_off_the_log_is_lost_all_the_same() -> None:
    """Behind an unclean election a group holds messages that no later reader of the log will find."""
    accounts = Accounts()
    accounts.confirmed("orders", 0, Delta([(0, 100)], {"acked": 100}))
    accounts.consumed("billing", "orders", 0, Delta([(0, 100)], {"received": 100}))
    verdict = accounts.verdicts([("billing", "orders")], {("orders", 0): (0, 90)})[0]
    assert (verdict.lost, verdict.unread, verdict.lost_runs) == (10, 0, ((90, 100),))
    verdict = accounts.verdicts([("billing", "orders")])[0]
    assert (verdict.lost, verdict.unread) == (0, 0)


def test_what_was_overwritten_is_named_among_the_lost() -> None:
    """Offsets confirmed twice: one message of each is gone, and their offsets stand beside those never received."""
    accounts = Accounts()
    accounts.confirmed("orders", 0, Delta([(0, 100), (60, 70), (70, 85)], {"acked": 125}))
    accounts.confirmed("orders", 0, Delta([(85, 90), (100, 120)], {"acked": 25}))
    accounts.consumed("billing", "orders", 0, Delta([(0, 95), (97, 120)], {"received": 118}))
    verdict = accounts.verdicts([("billing", "orders")], {("orders", 0): (0, 120)})[0]
    assert (verdict.acked, verdict.lost) == (150, 32)
    assert verdict.lost_runs == ((60, 90), (95, 97))


def test_a_group_that_got_nothing_has_everything_unread() -> None:
    """No message of a partition was reached: unread, not lost, while the log holds it."""
    accounts = Accounts()
    accounts.confirmed("orders", 3, Delta([(5, 15)], {"acked": 10}))
    verdict = accounts.verdicts([("billing", "orders")], {("orders", 3): (5, 15)})[0]
    assert (verdict.partition, verdict.unread, verdict.lost, verdict.received) == (3, 10, 0, 0)


def test_memory_grows_with_faults_and_not_with_messages() -> None:
    """A million messages without a fault leave one run a partition, with 30 holes 31 runs; the ring never grows."""
    side, accounts = Consumed(), Accounts()
    holes = set(range(1000, 1_000_000, 33_000))
    for start in range(0, 1_000_000, 20_000):
        offsets: Ints = np.array([o for o in range(start, start + 20_000) if o not in holes])
        side.add(np.zeros(len(offsets), np.int32), offsets, np.ones(len(offsets), np.int64), offsets)
        settle(accounts, "billing", side)
    assert len(list(side._seen[0])) == len(holes) + 1
    assert len(list(accounts._consumed["billing", "orders", 0].ranges)) == len(holes) + 1
    assert len(side._ring) == integrity.REMEMBERED
    assert side.cut() == {}


def test_one_batch_travels_as_a_few_runs() -> None:
    """What a process sends is the size of the faults: 4000 contiguous confirmations in any order are one run."""
    side = Confirmed()
    offsets = np.random.default_rng(1).permutation(4000)
    side.add(np.zeros(4000, np.int32), offsets)
    assert side.cut() == {0: Delta([(0, 4000)], {"acked": 4000})}
    assert side.cut() == {}
