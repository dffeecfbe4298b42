"""The recorder against a record of all four instants of every message."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SECOND, Ints, stamped

from loadkit import recorder as module
from loadkit.drivers import Sent
from loadkit.histogram import HIGHEST_US, Histogram
from loadkit.recorder import Interval, Key, Recorder, SendLog, Window, handed_over
from loadkit.targets.lane import Acks, Received

ZERO = 5_000 * SECOND + 123
"""The clock at the schedule's time 0: nothing may depend on it being round."""


@dataclass
class Message:
    """One message and all that ever happened to it; instants in ns."""

    seq: int
    intended: int
    sent: int
    acked: int | None
    code: str | None
    received: list[int]
    partition: int
    size: int


@dataclass
class Truth:
    """What a recorder must hold, value by value."""

    window: Window
    values: dict[tuple[int, str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[tuple[int, str, str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def place(self, intended: int, clock: int) -> tuple[int, str]:
        """Return second and phase by their definitions."""
        measured = self.window.from_ns <= intended < self.window.until_ns
        return max(0, (clock - ZERO) // SECOND), "measure" if measured else "warmup"

    def value(self, tag: str, intended: int, clock: int, ns: int) -> None:
        """Note one value."""
        second, phase = self.place(intended, clock)
        self.values[second, phase, tag if phase == "measure" else f"warmup:{tag}"].append((ns + 500) // 1000)

    def count(self, kind: str, name: str, intended: int, clock: int, **numbers: int) -> None:
        """Note numbers of one row."""
        self.counts[*self.place(intended, clock), kind, name] += Counter(numbers)

    def message(self, m: Message) -> None:
        """Note a message's whole life."""
        self.value("Checkout.send_delay", m.intended, m.sent, m.sent - m.intended)
        self.count("producer", "Checkout", m.intended, m.sent, sent=1)
        if m.acked is not None and m.code:
            self.count("producer", "Checkout", m.intended, m.acked, errors=1)
            self.count("errors", m.code, m.intended, m.acked, count=1)
        elif m.acked is not None:
            self.value("Checkout.latency", m.intended, m.acked, m.acked - m.intended)
            self.value("Checkout.service_time", m.intended, m.acked, m.acked - m.sent)
            self.count("producer", "Checkout", m.intended, m.acked, acked=1, acked_bytes=m.size)
            self.count("partition", f"orders/{m.partition}", m.intended, m.acked, acked=1, acked_bytes=m.size)
        for clock in m.received:
            self.value("Billing.end_to_end", m.intended, clock, clock - m.intended)
            self.count("consumer", "Billing", m.intended, clock, received=1, received_bytes=m.size)
            self.count("partition", f"orders/{m.partition}", m.intended, clock, received=1)


@dataclass
class Life:
    """A producer's messages with their fates, and the arrays that a driver would hand on."""

    rng: random.Random
    messages: list[Message] = field(default_factory=list)
    chunks: list[Sent] = field(default_factory=list)

    def live(self, n: int) -> None:
        """Send n messages in chunks, each message with delays and faults of its own."""
        rng, clock, due = self.rng, ZERO - 2 * SECOND, ZERO - 2 * SECOND
        while n > 0:
            size = min(n, rng.randint(1, 9))
            due_at = [due := due + rng.randint(0, SECOND // 4) for _ in range(size)]
            begun = max(clock, due_at[-1]) + rng.choice([0, 1000, 10**6, SECOND])
            clock = begun + rng.randint(0, 10**7)
            self.chunks.append(chunk(len(self.messages), np.array(due_at), begun, clock, 100 * size))
            for i, intended in enumerate(due_at):
                self.messages.append(self.message(intended, begun + i * (clock - begun) // size))
            n -= size

    def message(self, intended: int, sent: int) -> Message:
        """Return one message handed over at an instant; delays reach over retries of seconds and an hour's stop."""
        rng = self.rng
        delay = rng.choice([10**6, 10**7, SECOND, 20 * SECOND, 3700 * SECOND]) * rng.random()
        acked = sent + int(delay) if rng.random() < 0.95 else None
        code = "_MSG_TIMED_OUT" if rng.random() < 0.1 else None
        received = [sent + rng.randint(0, 3 * SECOND) for _ in range(rng.choice([0, 1, 1, 1, 2]))]
        return Message(
            len(self.messages), intended, sent, acked, code, received, rng.randrange(3), rng.randint(24, 200)
        )


def chunk(seq: int, intended_ns: Ints, begun_ns: int, done_ns: int, size: int) -> Sent:
    """Return one chunk as a driver hands it on."""
    return Sent.of([(seq, len(intended_ns), begun_ns, done_ns, size)], [intended_ns])


def acks_of(messages: list[Message]) -> Acks:
    """Return confirmations as a lane gives them."""
    return Acks(
        stamped(7, [m.seq for m in messages], [m.intended for m in messages]),
        np.array([m.acked for m in messages], np.int64),
        np.array([m.partition for m in messages], np.int32),
        np.arange(len(messages)),
        np.array([m.size for m in messages], np.int64),
    )


def takes_of(received: list[tuple[Message, int]]) -> Received:
    """Return received messages as a lane gives them."""
    return Received(
        stamped(7, [m.seq for m, _ in received], [m.intended for m, _ in received]),
        np.array([clock for _, clock in received], np.int64),
        np.array([m.partition for m, _ in received], np.int32),
        np.arange(len(received)),
        np.array([m.size for m, _ in received], np.int64),
    )


def sliced(rng: random.Random, items: list[object]) -> list[list[object]]:
    """Return consecutive slices of random length."""
    found = []
    while items:
        at = rng.randint(1, 12)
        found.append(items[:at])
        items = items[at:]
    return found


def exhausted(slices: object) -> None:
    """Run a sliced fold to its end."""
    for _ in slices:  # type: ignore[attr-defined]
        pass


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(0, 80), st.integers(-3, 20), st.integers(0, 20))
def test_every_value_lands_in_its_second_phase_and_series(seed: int, n: int, start: int, length: int) -> None:
    """Through failures, retries, confirmations in any order and cuts between any two folds, nothing is lost, doubled or misplaced."""
    rng = random.Random(seed)
    window = Window(ZERO, ZERO + start * SECOND + 7, ZERO + (start + length) * SECOND + 7)
    life, truth, log = Life(rng), Truth(window), SendLog()
    life.live(n)
    for message in life.messages:
        truth.message(message)
    recorder, cut = Recorder(window), dict[Key, Interval]()
    confirmed = sorted((m for m in life.messages if m.acked is not None), key=lambda m: (rng.random(), m.seq))
    received = sorted(
        ((m, clock) for m in life.messages for clock in m.received), key=lambda pair: (rng.random(), pair[0].seq)
    )
    steps: list[tuple[str, list[object]]] = [("sent", part) for part in sliced(rng, list(life.chunks))]
    steps += [("acked", part) for part in sliced(rng, list(confirmed))]  # sent before acked, as the worker folds
    at = 0
    for part in sliced(rng, list(received)):
        at = rng.randint(at, len(steps))
        steps.insert(at, ("received", part))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLICE", rng.choice([1, 5, 20_000]))
        for what, part in steps:
            fold(recorder, log, what, part)
            if rng.random() < 0.3:
                gather(cut, recorder.cut(rng.randint(0, 40)))
    gather(cut, recorder.cut(1 << 62))
    compare(cut, truth)
    assert {key[1] for key in cut} <= {"warmup", "measure"}


def fold(recorder: Recorder, log: SendLog, what: str, part: list[object]) -> None:
    """Record one slice as a worker does."""
    if what == "sent":
        log.add(part)  # type: ignore[arg-type]
        exhausted(recorder.sent("Checkout", part))  # type: ignore[arg-type]
    elif what == "received":
        exhausted(recorder.received("Billing", "orders", [takes_of(part)]))  # type: ignore[arg-type]
    else:
        good = [m for m in part if isinstance(m, Message) and not m.code]
        if good:
            exhausted(recorder.acked("Checkout", "orders", [acks_of(good)], log))
        log.prune()
        for m in part:
            if isinstance(m, Message) and m.code and m.acked is not None:
                recorder.failed("Checkout", m.acked, m.intended, m.code)


def gather(into: dict[Key, Interval], intervals: dict[Key, Interval]) -> None:
    """Merge intervals as a collector does, through the form that travels."""
    for key, interval in intervals.items():
        into.setdefault(key, Interval()).add(Interval.unpack(json.loads(json.dumps(interval.pack()))))


def compare(cut: dict[Key, Interval], truth: Truth) -> None:
    """Compare all histograms and all counts with the record."""
    got = {(*key, tag): histogram for key, interval in cut.items() for tag, histogram in interval.histograms.items()}
    assert got.keys() == truth.values.keys()
    for where, values in truth.values.items():
        expected = Histogram()
        expected.record(np.array(values))
        assert got[where] == expected, where
        assert (got[where].max, got[where].overflow) == (expected.max, expected.overflow)
    counts = {
        (*key, *row): Counter(numbers) for key, interval in cut.items() for row, numbers in interval.counts.items()
    }
    for row in counts.values():
        row.pop("sent_bytes", None)
        row.pop("overflow", None)
    assert {where: dict(row) for where, row in counts.items()} == {
        where: dict(row) for where, row in truth.counts.items()
    }


def test_bytes_handed_over_add_up() -> None:
    """Every chunk's bytes are counted once, also where a chunk's messages lie in two seconds and phases."""
    recorder = Recorder(Window(ZERO, ZERO, ZERO + 10 * SECOND))
    intended = ZERO + np.arange(-3, 7) * SECOND // 10
    exhausted(recorder.sent("Checkout", [chunk(0, intended, ZERO + SECOND - 5, ZERO + SECOND + 5, 10_240)]))
    rows = [interval.counts["producer", "Checkout"] for interval in recorder.cut(99).values()]
    assert sum(row["sent_bytes"] for row in rows) == 10_240
    assert sorted(row["sent"] for row in rows) == [2, 3, 5]


def test_a_chunks_messages_are_spread_between_its_two_clock_readings() -> None:
    """Message k of n was handed over at begun + k / n of the time the chunk took, in the log as in the series."""
    chunks = [
        chunk(8, np.zeros(2, np.int64), 500, 700, 20),
        Sent.of([(10, 4, 1000, 1400, 40), (14, 2, 2000, 2001, 20)], [np.zeros(4, np.int64), np.zeros(2, np.int64)]),
    ]
    log = SendLog()
    log.add(chunks)
    expected = [500, 600, 1000, 1100, 1200, 1300, 2000, 2000]
    assert log.sent_at(np.arange(8, 16)).tolist() == expected
    instants, sizes = handed_over(chunks)
    assert instants.tolist() == expected
    assert sizes.tolist() == 8 * [10.0]


def test_the_send_log_keeps_stragglers_and_forgets_the_rest() -> None:
    """A chunk is kept until its last message is confirmed, however long ago; unknown numbers have no instant."""
    log = SendLog()
    for first in range(0, 10_000, 10):
        log.add([chunk(first, np.zeros(10, np.int64), 1000 + first, 1010 + first, 1)])
    everyone = np.arange(10_000)
    stragglers = np.array([3, 4999, 9990])
    log.sent_at(np.setdiff1d(everyone, stragglers))
    log.prune()
    assert len(log) == 3
    assert log.sent_at(np.array([10_000, 20, 9990])).tolist() == [0, 0, 10_990]
    log.prune()
    assert len(log) == 2
    assert log.sent_at(np.array([3, 4999])).tolist() == [1003, 1000 + 4990 + 9]
    log.prune()
    assert len(log) == 0
    assert log.sent_at(np.array([3])).tolist() == [0]


def test_messages_that_were_never_handed_over_by_chunk_have_a_latency_and_no_service_time() -> None:
    """The messages that open connections are confirmed too; the log does not know them."""
    recorder = Recorder(Window(ZERO))
    life = Life(random.Random(1))
    message = life.message(ZERO, ZERO)
    message.acked, message.code = ZERO + 10**6, None
    exhausted(recorder.acked("Checkout", "orders", [acks_of([message])], SendLog()))
    (interval,) = recorder.cut(99).values()
    assert interval.histograms.keys() == {"warmup:Checkout.latency"}


@given(st.integers(-1, 9), st.sampled_from([50, 333, 1000]))
def test_a_stall_of_two_seconds_is_in_the_percentiles_wherever_it_falls(second: int, rate: int) -> None:
    """Ten seconds even load, nothing confirmed from `second` on for 2 s: messages due at t inside wait until its end.

    The share of messages that waited longer than x is (2 - x) / 10, so p99 is 1.9 s, p90 is 1 s and the maximum 2 s.
    A stall that begins in the warm-up holds half as many measured messages: the measured ones wait up to 1 s.
    """
    window = Window(ZERO, ZERO + 3 * SECOND, ZERO + 13 * SECOND)
    start = window.from_ns + second * SECOND
    intended = ZERO + np.arange(13 * rate + 1) * SECOND // rate
    acked = np.where((intended >= start) & (intended < start + 2 * SECOND), start + 2 * SECOND, intended + 10**6)
    recorder, log, n = Recorder(window), SendLog(), len(intended)
    log.add([chunk(i, intended[i : i + 1], int(intended[i]), int(intended[i]), 1) for i in range(n)])
    stamps = stamped(7, list(range(n)), intended.tolist())
    acks = Acks(stamps, acked, np.zeros(n, np.int32), np.arange(n), np.ones(n, np.int64))
    exhausted(recorder.acked("Checkout", "orders", [acks], log))
    whole = Histogram()
    for interval in recorder.cut(99).values():
        whole.add(interval.histograms.get("Checkout.latency", Histogram()))
    assert len(whole) == 10 * rate
    longest = 1.0 if second == -1 else 2.0
    assert whole.max / 1e6 == pytest.approx(longest, abs=1.5 / rate)
    assert whole.quantile(0.99) / 1e6 == pytest.approx(longest - 0.1, abs=2.5 / rate + 0.002)


def test_a_message_belongs_to_the_phase_in_which_it_was_due() -> None:
    """A warm-up message confirmed during the measured phase stays warm-up, a measured one confirmed in the drain stays measured."""
    recorder = Recorder(Window(ZERO, ZERO + SECOND, ZERO + 2 * SECOND))
    due: Ints = ZERO + np.array([SECOND - 1, SECOND, 2 * SECOND - 1, 2 * SECOND])
    recorder.values("Checkout", "latency", due, np.full(4, ZERO + 5 * SECOND), np.full(4, 10**6))
    found = recorder.cut(99)
    assert {key: {tag: len(h) for tag, h in i.histograms.items()} for key, i in found.items()} == {
        (5, "warmup"): {"warmup:Checkout.latency": 2},
        (5, "measure"): {"Checkout.latency": 2},
    }


def test_a_window_that_is_not_yet_known_measures_nothing() -> None:
    """Until the measured phase is announced everything is warm-up."""
    assert Recorder(Window(ZERO)).phase(ZERO + 10**15) == "warmup"


def test_a_cut_leaves_what_is_not_complete() -> None:
    """Only seconds before the given one leave; what comes late for a second that left makes a further part."""
    recorder = Recorder(Window(ZERO, ZERO, ZERO + 9 * SECOND))
    for second in (0, 1, 2):
        recorder.failed("Checkout", ZERO + second * SECOND, ZERO, "X")
    assert list(recorder.cut(2)) == [(0, "measure"), (1, "measure")]
    recorder.failed("Checkout", ZERO, ZERO, "X")
    assert list(recorder.cut(9)) == [(0, "measure"), (2, "measure")]
    assert recorder.cut(9) == {}


def test_errors_of_a_consumer_that_got_nothing_are_placed_near_the_last_thing_known() -> None:
    """During an outage there is no message with a clock: its errors must not move into the first second."""
    recorder = Recorder(Window(ZERO, ZERO + SECOND, ZERO + 60 * SECOND))
    recorder.values(
        "Checkout", "latency", np.array([ZERO + 30 * SECOND]), np.array([ZERO + 30 * SECOND]), np.array([1])
    )
    nothing = np.zeros(0, np.int64)
    take = Received(
        stamped(1, [], []), nothing, nothing.astype(np.int32), nothing, nothing, foreign=2, errors={"_TRANSPORT": 3}
    )
    exhausted(recorder.received("Billing", "orders", [take]))
    (key,) = [key for key, interval in recorder.cut(99).items() if ("errors", "_TRANSPORT") in interval.counts]
    assert key == (30, "measure")


def test_values_beyond_an_hour_and_below_zero_are_counted_in_the_rows() -> None:
    """What a histogram holds at its ends is named, so that a warning can be given."""
    recorder = Recorder(Window(ZERO, ZERO, ZERO + 10**15))
    due = ZERO + np.array([0, 10, 20])
    clocks = due + np.array([5, HIGHEST_US * 1000 + 1000, 5])
    stamps = stamped(1, [0, 1, 2], due.tolist())
    places = np.zeros(3, np.int32), np.arange(3), np.ones(3, np.int64)
    exhausted(recorder.acked("Checkout", "orders", [Acks(stamps, clocks, *places)], SendLog()))
    exhausted(recorder.received("Billing", "orders", [Received(stamps, due - np.array([7, -7, 7]), *places)]))
    rows = Counter[tuple[str, str]]()
    for interval in recorder.cut(1 << 62).values():
        for (kind, _), numbers in interval.counts.items():
            rows.update({(kind, name): n for name, n in numbers.items()})
    assert (rows["producer", "overflow"], rows["consumer", "negative"]) == (1, 2)
    assert (rows["producer", "negative"], rows["consumer", "overflow"]) == (0, 0)


def test_commits_are_recorded_in_the_second_they_ended() -> None:
    """A commit has begun in a phase and ended in a second."""
    recorder = Recorder(Window(ZERO, ZERO + SECOND, ZERO + 9 * SECOND))
    recorder.spent("Billing", "commit", [(ZERO + SECOND - 5, ZERO + SECOND + 5), (ZERO + SECOND, ZERO + 3 * SECOND)])
    found = recorder.cut(99)
    assert found[1, "warmup"].histograms["warmup:Billing.commit"].max == 0
    assert found[3, "measure"].histograms["Billing.commit"].max == 2_000_000
