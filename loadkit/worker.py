"""One load process: opens its users' lanes, follows the schedule, and tells once a second what it measured.

It knows nothing of Locust or gevent: how to sleep, block and start threads is handed in. Whoever runs it
calls `open` for each user, `schedule` for each change, `roll` each second, `halt` and `let_go` at the end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import thread_time, time
from typing import Any, cast

import numpy as np

from loadkit import clock, stamp
from loadkit.claims import claimed
from loadkit.clusters import Cluster, forms
from loadkit.delta import Delta
from loadkit.drivers import ConsumerDriver, ProducerDriver
from loadkit.errors import LoadkitError
from loadkit.integrity import Confirmed, Consumed
from loadkit.keys.spec import Keys
from loadkit.legs import Switch, leg_of
from loadkit.loop import Loop
from loadkit.pacer import NEVER
from loadkit.payloads.spec import Payload
from loadkit.recorder import SECOND_NS, Recorder, SendLog, Window
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Scenario
from loadkit.targets.lane import Received
from loadkit.targets.statistics import placed
from loadkit.telemetry.host import Host

CONNECT = 30.0
"""Seconds a user may take to connect."""
ENDING_NS = 1_000_000_000
"""How long closing waits for transactions that are just ending."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the surroundings offer."""

    sleep: Callable[[float], None]
    """Lets others run."""
    native_sleep: Callable[[float], None]
    """Blocks a native thread."""
    call: Callable[[Callable[[], Any]], Any]
    """Runs something that blocks beside the others and returns what it returns."""
    start_thread: Callable[[Callable[[], None]], Any]
    """Starts a native thread."""
    spawn: Callable[..., Any]
    """Runs something beside the others."""


@dataclass(slots=True)
class _Producer:
    driver: ProducerDriver
    log: SendLog = field(default_factory=SendLog)
    counted_due: int = 0
    counted_second: int = 0
    requests: int = 0
    full: int = 0


class Worker:
    """The users of this process and what they measured."""

    def __init__(
        self, name: str, number: int, scenario: Scenario, cluster: Cluster, run: int, runtime: Runtime
    ) -> None:
        """Take a name for reports, a number that no other process of the run has, and the run's number."""
        self.name, self.run, self._number = name, run, number
        self._scenario, self._cluster, self._runtime = scenario, cluster, runtime
        self._forms = forms(scenario)
        self._read = {workload.topic.name for workload in scenario.consumers}
        """Topics whose messages are accounted for."""
        self.loop = Loop(runtime.native_sleep)
        self._contents: dict[str, tuple[Payload, Keys]] = {}
        self._building: set[str] = set()
        self._producers: dict[int, _Producer] = {}
        self._consumers: dict[int, ConsumerDriver] = {}
        self._taken: dict[str, deque[Received]] = {}
        self._consumed: dict[str, Consumed] = {}
        self._confirmed: dict[str, Confirmed] = {}
        self._recorder: Recorder | None = None
        self._host = Host()
        self._gauged, self._python = -1, thread_time()
        self._opened = 0
        self._late: list[ConsumerWorkload] = []
        self._started = False
        self._closing = False

    def open(self, class_name: str) -> int:
        """Connect one user and hand it to the loop; return its number in the run. Raises TargetError."""
        self._opened += 1
        number = (self._number << 16) | self._opened
        workload = self._scenario.workload(class_name)
        if isinstance(workload, ProducerWorkload):
            self._open_producer(workload, number)
        else:
            self._open_consumer(workload, number)
        if not self._started:
            self._started = True
            self._runtime.start_thread(self.loop.run)
        return number

    def _open_producer(self, workload: ProducerWorkload, number: int) -> None:
        form = self._forms[workload.topic.name]
        payload, keys = self._content(workload)

        def opened(lane: Any) -> ProducerDriver:
            lane.connect(CONNECT)
            made = ProducerDriver(workload, lane, payload, keys, form, self.run, number, self._runtime.start_thread)
            partitions = workload.topic.partitions
            lane.prime(made.prime(partitions, clock.now_ns()), partitions, CONNECT)
            made.collect()
            return made

        read = workload.topic.name in self._read
        driver = self._connected(lambda: self._cluster.producer(workload, form, number, read), opened)
        if driver is None:
            return
        self._producers[number] = _Producer(driver)
        self._confirmed.setdefault(workload.topic.name, Confirmed())
        self.loop.submit(lambda: self.loop.producers.append(driver))

    def _content(self, workload: ProducerWorkload) -> tuple[Payload, Keys]:
        """Return what makes a class's values and keys, built once: its users ask for it at the same time."""
        name, seed = workload.name, self._scenario.seed
        while name in self._building:
            self._runtime.sleep(0.01)
        if name not in self._contents:
            payload, key = cast(Any, workload.payload), cast(Any, workload.key)
            self._building.add(name)
            try:
                self._contents[name] = self._runtime.call(lambda: (payload.build(seed), key.build(seed)))
            finally:
                self._building.discard(name)
        return self._contents[name]

    def _open_consumer(self, workload: ConsumerWorkload, number: int) -> None:
        name = workload.name
        self._taken.setdefault(name, deque())
        self._consumed.setdefault(name, Consumed(ordered=workload.protocol != "share"))
        if workload.late_start:
            self._late.append(workload)
            return
        self._join(workload, number)

    def _join(self, workload: ConsumerWorkload, number: int) -> None:
        def opened(lane: Any) -> ConsumerDriver:
            lane.connect(CONNECT)
            return ConsumerDriver(workload, lane, self._taken[workload.name])

        driver = self._connected(lambda: self._cluster.consumer(workload, self._forms[workload.topic.name]), opened)
        if driver is None:
            return
        self._consumers[number] = driver
        self.loop.submit(lambda: self.loop.consumers.append(driver))

    def _connected(self, make: Callable[[], Any], opened: Callable[[Any], Any]) -> Any:
        return claimed(self._runtime.call, self._runtime.start_thread, lambda: self._closing, make, opened)

    def leave(self, number: int) -> None:
        """Close a user that stopped: a consumer leaves its group, a producer ends with its schedule."""
        driver = self._consumers.pop(number, None)
        if driver is None or self._closing:
            return

        def remove() -> None:
            if driver in self.loop.consumers:
                self.loop.consumers.remove(driver)
            driver.collect()
            self._runtime.start_thread(driver.lane.close)

        self.loop.submit(remove)

    def schedule(self, order: dict[str, Any]) -> None:
        """Follow a schedule: see `trial.Order`. Legs that are open end where the new ones begin."""
        phase, origin = order["phase"], order["origin_ns"]
        begin, until = order["from_ns"], order["until_ns"]
        if phase == "measure":
            self._window(Window(order["zero_ns"], origin, origin + until if until != NEVER else 1 << 62))
        elif self._recorder is None:
            self._window(Window(order["zero_ns"]))
        for number, held in self._producers.items():
            slot = order["slots"].get(str(number))
            leg = leg_of(held.driver.workload, order, slot, self._scenario.seed) if slot else None
            self.loop.submit(Switch(held.driver, leg, origin + begin))
        if phase == "measure" and begin == 0:
            self._plan_consumers(origin)

    def _window(self, window: Window) -> None:
        if self._recorder is None:
            self._recorder = Recorder(window)
        self._recorder.window = window

    def _plan_consumers(self, origin: int) -> None:
        for driver in self._consumers.values():
            pause = driver.workload.pause
            if pause:
                start = origin + round(pause.at * 1e9)
                driver.pause_between(start, start + round(pause.length * 1e9))
        for workload in self._late:
            self._runtime.spawn(self._join_late, workload, origin + round(workload.late_start * 1e9))
        self._late = []

    def _join_late(self, workload: ConsumerWorkload, at_ns: int) -> None:
        self._runtime.sleep(max(0.0, (at_ns - clock.now_ns()) / 1e9))
        if self._closing:
            return
        self._opened += 1
        try:
            self._join(workload, (self._number << 16) | self._opened)
        except LoadkitError as error:
            self.loop.error = error

    def end(self, at_ns: int) -> None:
        """End the measured schedule at a monotonic instant."""
        for held in self._producers.values():
            self.loop.submit(Switch(held.driver, None, at_ns))
        if self._recorder:
            window = self._recorder.window
            if window.until_ns > at_ns:
                self._recorder.window = Window(window.zero_ns, min(window.from_ns, at_ns), at_ns)

    def roll(self, last: bool = False) -> Delta:
        """Fold what came since the last call into intervals, and return what is complete."""
        now = clock.now_ns()
        delta = Delta(self.name)
        recorder = self._recorder
        if recorder is None:
            delta.outstanding = len(self._producers)
            delta.error = self._error()
            return delta
        delta.outstanding = self.outstanding()  # first: what it leaves out is folded below
        for held in list(self._producers.values()):
            self._fold_producer(recorder, held, now)
        for workload in self._scenario.consumers:
            self._fold_consumer(recorder, workload)
        self._gauges(recorder, delta)
        delta.second = 1 << 62 if last else recorder.window.second(now - 200_000_000)
        delta.intervals = recorder.cut(delta.second)
        delta.confirmed = {topic: held.cut() for topic, held in self._confirmed.items()}
        delta.consumed = {name: held.cut() for name, held in self._consumed.items()}
        delta.totals = self._totals(now)
        delta.error = self._error()
        return delta

    def _fold_producer(self, recorder: Recorder, held: _Producer, now: int) -> None:
        driver, name, topic = held.driver, held.driver.workload.name, held.driver.workload.topic.name
        acks = _drain(driver.acks)  # before `sent`: whatever is confirmed was sent before
        places = _drain(driver.places)
        chunks = _drain(driver.sent)
        held.log.add(chunks)
        self._give_way(recorder.sent(name, chunks))
        self._give_way(recorder.acked(name, topic, acks, held.log))
        held.log.prune()
        if places and topic in self._read:
            partitions, offsets = zip(*places, strict=True)
            self._confirmed[topic].add(np.concatenate(partitions), np.concatenate(offsets))
        for failure in _drain(driver.failures):
            recorder.failed(name, failure.acked_ns, failure.intended_ns, failure.code)
        recorder.spent(name, "commit", _drain(driver.commits))
        for intended, done in _drain(driver.aborts):
            recorder.counted("producer", name, intended, np.full(len(intended), done), "aborted", 1)
        self._count_due(recorder, held, now)

    def _count_due(self, recorder: Recorder, held: _Producer, now: int) -> None:
        """Count what fell due in each second up to now."""
        window, legs = recorder.window, [*held.driver.finished, *held.driver.legs]
        for second in range(held.counted_second, window.second(now) + 1):
            edge = min(now, window.zero_ns + (second + 1) * SECOND_NS - 1)
            due = sum(leg.counted(edge) - leg.skipped for leg in legs if leg.phase == "measure")
            if due > held.counted_due:
                name = held.driver.workload.name
                recorder.interval(second, "measure").count("producer", name, due=due - held.counted_due)
                held.counted_due = due
        held.counted_second = window.second(now)

    def _fold_consumer(self, recorder: Recorder, workload: ConsumerWorkload) -> None:
        name, topic = workload.name, workload.topic.name
        taken = _drain(self._taken.get(name, deque()))
        if taken:
            self._account(self._consumed[name], taken)
        self._give_way(recorder.received(name, topic, taken))
        for driver in list(self._consumers.values()):
            if driver.workload.name == name:
                recorder.spent(name, "commit", driver.lane.take_commits())

    def _account(self, consumed: Consumed, taken: list[Received]) -> None:
        """Account for messages in the order in which they came, whichever user of the class took them."""
        clocks, stamps = np.concatenate([take.received_ns for take in taken]), stamp.joined([t.stamps for t in taken])
        partition = np.concatenate([take.partition for take in taken])
        offset = np.concatenate([take.offset for take in taken])
        producer, seq = stamps["producer"].astype(np.int64), stamps["seq"].astype(np.int64)
        if (np.diff(clocks) < 0).any():  # several users of the class took turns
            order = np.argsort(clocks, kind="stable")
            partition, offset, producer, seq = partition[order], offset[order], producer[order], seq[order]
        consumed.add(partition, offset, producer, seq)

    def _give_way(self, slices: Any) -> None:
        for _ in slices:
            self._runtime.sleep(0)

    def _gauges(self, recorder: Recorder, delta: Delta) -> None:
        now = clock.now_ns()
        window, middle = recorder.window, now - SECOND_NS // 2  # a sample is of the second before it
        second = window.second(middle)
        phase = "drain" if middle >= window.until_ns else recorder.phase(middle)
        gaps = np.array(_drain(self.loop.gaps), float) / 1e9
        widest = float(gaps.max()) if len(gaps) else 0.0
        before, self._python = self._python, self.loop.cpu + thread_time()
        host = {"kind": "host", "name": self.name, **self._host.sample(), "poll_gap": widest}
        host["python"] = round(self._python - before, 4)
        delta.gap_p99 = float(np.quantile(gaps, 0.99)) if len(gaps) and phase == "measure" else 0.0
        rows = [host]
        for held in self._producers.values():
            driver, name = held.driver, held.driver.workload.name
            count = recorder.interval(second, phase).count
            count("producer", name, queue_full=driver.lane.queue_full - held.full)
            if second != self._gauged:  # while draining there are several looks a second
                count("producer", name, debt=driver.debt(now), in_flight=driver.lane.in_flight())
            held.full = driver.lane.queue_full
            for row in driver.lane.take_statistics():
                held.requests, row["requests"] = row["requests"], row["requests"] - held.requests
                rows.append({"kind": "client", **row, "name": f"{name}@{self.name}"})
        for consumer in self._consumers.values():
            if again := consumer.rebalanced():
                recorder.interval(second, phase).count("consumer", consumer.workload.name, rebalances=again)
            name = f"{consumer.workload.name}@{self.name}"
            rows += [{"kind": "client", **row, "name": name} for row in consumer.lane.take_statistics()]
        if told := clock.told():
            rows.append({"kind": "clock", "name": self.name, **told})
        self._gauged = second
        delta.rows = [{"t": second, "phase": phase, **placed(row, window.zero_ns)} for row in rows]

    def _totals(self, now: int) -> dict[str, dict[str, int]]:
        totals: dict[str, dict[str, int]] = {}
        for held in self._producers.values():
            mine = totals.setdefault(held.driver.workload.name, {"due": 0, "handed": 0})
            for leg in [*held.driver.finished, *held.driver.legs]:
                if leg.phase == "measure":
                    due = leg.counted(now)
                    mine["due"] += due - leg.skipped
                    mine["handed"] += min(leg.sent, due) - leg.skipped
        return totals

    def outstanding(self) -> int:
        """Return how many messages are due, in flight, in an open transaction or told of but not looked at."""
        drivers = [held.driver for held in self._producers.values()]
        return sum(len(driver.legs) + driver.untold() for driver in drivers)

    def _error(self) -> str | None:
        return str(self.loop.error) or type(self.loop.error).__name__ if self.loop.error else None

    @property
    def started_epoch(self) -> float:
        """The wall clock at second 0 of the schedule."""
        zero = self._recorder.window.zero_ns if self._recorder else clock.now_ns()
        return time() - (clock.now_ns() - zero) / 1e9

    @property
    def ending(self) -> bool:
        """Whether the measured schedule is over: reports are wanted sooner."""
        return self._recorder is not None and clock.now_ns() > self._recorder.window.until_ns

    def halt(self) -> None:
        """Stop the loop; what it measured is there for a `roll`."""
        self._closing = True
        self.loop.stop()
        while self._started and not self.loop.done:
            self._runtime.sleep(0.005)
        self.loop.finish_jobs()  # of users that left meanwhile
        for consumer in self._consumers.values():
            consumer.collect()

    def let_go(self) -> None:
        """Leave the groups and end the clients, once halted; another `roll` has what they still told."""

        def closed() -> None:
            for consumer in self._consumers.values():
                consumer.lane.close()
            until = clock.now_ns() + ENDING_NS
            while any(held.driver.lent for held in self._producers.values()) and clock.now_ns() < until:
                self._runtime.native_sleep(0.005)
            for held in self._producers.values():
                held.driver.close()

        self._runtime.call(closed)


def _drain(queue: deque[Any]) -> list[Any]:
    """Return and remove what is in a deque that another thread appends to."""
    return [queue.popleft() for _ in range(len(queue))]
