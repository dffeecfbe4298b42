"""The load loop: everyone in turn, promptly while confirmations are outstanding, and an error ends it."""

from __future__ import annotations

import sys
import threading
from collections import deque
from time import thread_time

import pytest
from fake_lane import Clock, ConsumerLane, Keyed, Numbered, ProducerLane

from loadkit import clock, payloads
from loadkit.drivers import IDLE_NS, ConsumerDriver, ProducerDriver
from loadkit.leg import Leg
from loadkit.loop import FULL_NS, LISTEN_NS, SHARP_NS, TICK_NS, Loop
from loadkit.pacer import pacer
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Topic

TOPIC = Topic("orders")


class Stage:
    """A loop whose sleeping moves the clock, and stops after so many sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, sleeps: int) -> None:
        self.clock, self.left = Clock(), sleeps
        self.slept: list[float] = []
        monkeypatch.setattr(clock, "now_ns", self.clock)
        self.loop = Loop(self.sleep)

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.slept.append(seconds)
        self.clock.now += round(seconds * 1e9)
        self.left -= 1
        if self.left <= 0:
            self.loop.stop()

    def producer(self, rate: float, delay: int = 0) -> ProducerLane:
        """Add a producer and return its lane."""
        work = ProducerWorkload(name="Checkout", topic=TOPIC, rate=rate, payload=payloads.constant(size=100))
        lane = ProducerLane(self.clock, delay=delay)
        made = ProducerDriver(work, lane, Numbered(), Keyed(), "binary", 1, 1, lambda job: job())
        made.add(Leg("measure", pacer(rate, None, "even", 0, 1, 1), self.clock.now))
        self.loop.producers.append(made)
        return lane

    def consumer(self) -> ConsumerLane:
        """Add a consumer and return its lane."""
        lane = ConsumerLane(self.clock)
        self.loop.consumers.append(ConsumerDriver(ConsumerWorkload(name="Billing", topic=TOPIC), lane, deque()))
        return lane


def test_messages_leave_at_their_instant_with_nobody_else_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asleep until the next message is due, never longer than the idle time."""
    stage = Stage(monkeypatch, 100)
    lane = stage.producer(80)
    stage.loop.run()
    assert stage.loop.error is None
    assert [item.at - item.intended for item in lane.items] == [0] * len(lane.items)
    assert len(lane.items) > 40
    assert max(stage.slept) <= IDLE_NS / 1e9


def test_polling_is_frequent_while_confirmations_are_outstanding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A confirmation is served within a tick of its coming, however rare messages are; the gaps between polls are kept."""
    stage = Stage(monkeypatch, 500)
    lane = stage.producer(20, delay=3_050_000)
    stage.loop.run()
    served = [at for acks in stage.loop.producers[0].acks for at in acks.acked_ns.tolist()]
    assert served
    for item, at in zip(lane.items, served, strict=False):
        assert 0 <= at - item.at - 3_050_000 <= SHARP_NS
    assert stage.loop.gaps
    assert max(stage.loop.gaps) <= SHARP_NS


def test_a_full_queue_is_looked_after_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due finds no room: a message waits long in the queue, and polling for it takes cores from the broker."""
    stage = Stage(monkeypatch, 40)
    lane = stage.producer(1_000_000, delay=30_000_000)
    lane.room = lambda _: max(0, 200 - lane.in_flight())
    stage.loop.run()
    assert lane.queue_full
    assert stage.slept[-20:] == [FULL_NS / 1e9] * 20
    roomy = stage.producer(10, delay=30_000_000)
    stage.loop._stop, stage.left = False, 20
    stage.loop.run()
    assert not roomy.queue_full
    assert max(stage.slept[40:]) <= TICK_NS / 1e9, "its confirmations are not to wait for the other's"


def test_consumers_are_looked_after_often_and_without_a_pause_while_there_is_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half a millisecond at most between two looks; no sleep at all after a take."""
    stage = Stage(monkeypatch, 20)
    lane = stage.consumer()
    lane.arrived = 5000
    stage.loop.run()
    assert lane.given == 5000
    assert [at for at, _ in lane.takes] == [lane.takes[0][0]] * 5
    assert set(stage.slept) == {LISTEN_NS / 1e9}


def test_jobs_are_done_between_two_steps_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is handed in is run by the loop's own thread."""
    stage, done = Stage(monkeypatch, 2), list[tuple[int, str]]()
    for number in range(3):
        stage.loop.submit(lambda number=number: done.append((number, threading.current_thread().name)))  # type: ignore[misc]
    thread = threading.Thread(target=stage.loop.run, name="loop")
    thread.start()
    thread.join(10)
    assert done == [(0, "loop"), (1, "loop"), (2, "loop")]


def test_an_error_is_kept_and_ends_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever watches the loop finds it done, with the error, and the interpreter's switch interval as before."""
    stage, before = Stage(monkeypatch, 10), sys.getswitchinterval()
    stage.loop.submit(lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    stage.loop.run()
    assert stage.loop.done
    assert isinstance(stage.loop.error, ZeroDivisionError)
    assert sys.getswitchinterval() == before


def test_the_loop_tells_of_its_work_while_single_rounds_take_long() -> None:
    """Payloads that compute for long make few rounds: after two of them their CPU time is known."""
    told: list[float] = []
    real = Loop(lambda _: None)

    class Heavy(ProducerLane):
        def poll(self) -> None:
            """Compute for 30 ms of CPU time, twice, and look what the loop has told of it."""
            told.append(real.cpu)
            until = thread_time() + 0.03
            while thread_time() < until:
                pass
            if len(told) == 3:
                real.stop()

    clock = Clock()
    work = ProducerWorkload(name="Checkout", topic=TOPIC, rate=1e6, payload=payloads.constant(size=100))
    made = ProducerDriver(work, Heavy(clock), Numbered(), Keyed(), "binary", 1, 1, lambda job: job())
    made.add(Leg("measure", pacer(1e6, None, "even", 0, 1, 1), 0))
    real.producers.append(made)
    thread = threading.Thread(target=real.run)
    thread.start()
    thread.join(30)
    assert real.error is None
    assert told[0] == 0
    assert told[1] >= 0.03
    assert told[2] >= 0.06
