"""A trial on the `simulated` target: the same schedule, recorder and files, in virtual time.

There is no warm-up: time 0 of the model is the start of the measured phase, its queues empty. What is random in the
model follows the scenario's seed as well as the target's, so that trials of different seeds are independent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import time
from typing import Any

import numpy as np

from loadkit import hashing, outcome
from loadkit.boundaries import Options
from loadkit.clusters import forms, role_of
from loadkit.collector import Collector
from loadkit.delta import Delta
from loadkit.errors import RunError
from loadkit.integrity import Confirmed, Consumed
from loadkit.lag import History
from loadkit.limit import Warn
from loadkit.pacer import Pacer, pacer, quotas, time_of
from loadkit.recorder import Recorder, Window
from loadkit.result import Writer
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Scenario, Workload
from loadkit.targets import simulated
from loadkit.targets.properties import Layer, effective
from loadkit.targets.simspec import SimulatedSpec

SECOND_NS = 10**9
DEFAULT_SEED: int = Scenario.model_fields["seed"].default
CODE = "NOT_ENOUGH_REPLICAS"
Ints = Any


@dataclass(slots=True)
class User:
    """One producing user and how far it has come."""

    workload: ProducerWorkload
    pacer: Pacer
    slot: int
    stride: int
    quota: int
    keys: Any
    done: int = 0

    def arrivals(self, until_ns: int, seed: int) -> simulated.Arrivals:
        """Return what is due before `until_ns` and was not yet returned."""
        n = max(0, min(self.pacer.due(until_ns - 1), self.quota) - self.done)
        own = np.arange(self.done, self.done + n)
        numbers = self.slot + self.stride * own
        intended = self.pacer.intended(self.done, n) if n else np.zeros(0, np.int64)
        self.done += n
        return simulated.Arrivals(own, intended, self._sizes(seed, numbers), self._partitions(seed, numbers))

    def _sizes(self, seed: int, numbers: Ints) -> Ints:
        payload: Any = self.workload.payload
        if hasattr(payload, "size"):
            return payload.size.draw(seed, numbers)
        return np.full(len(numbers), int(payload.mean_size() or 1024))

    def _partitions(self, seed: int, numbers: Ints) -> Any:
        """Return the partition by key, or dealt in turn where there is none."""
        partitions = self.workload.topic.partitions
        keys = self.keys.indices(numbers)
        placed = hashing.below(partitions, seed, keys, 9) if len(keys) and keys[0] >= 0 else numbers % partitions
        return placed.astype(np.int32)


def simulate(scenario: Scenario, target: str, options: Options) -> None:
    """Run a trial in virtual time and leave its result in `options.out`."""
    forms(scenario)
    users, model = modelled(scenario, target)
    end = _end(users, options)
    started = time()
    writer = Writer(options.out, {
        **options.facts, "run_id": "simulated", "classes": _classes(scenario),
        "target": {"name": target, "kind": "simulated", "co_located": False, "cores": None, "topics": {}},
        "phases": [{"name": "measure", "start": 0.0, "end": end / 1e9}],
    })  # fmt: skip
    writer.begin(started, datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds"))
    run = _Run(scenario, users, model, end)
    run.go(writer)
    integrity, totals = run.verify(), run.totals()
    notes = (
        []
        if options.warmup in (None, 0)
        else [Warn.SETTING.say("--warmup: virtual time needs no warm-up", "leave it out")]
    )
    facts = {"status": "complete", "integrity": integrity, "totals": totals, "errors": run.collector.errors}
    outcome.seal(writer, {**facts, "notes": notes})


def modelled(scenario: Scenario, target: str) -> tuple[list[User], simulated.Simulation]:
    """Return the producing users of a scenario and the model that takes their messages; TargetFileError."""
    spec = SimulatedSpec.parse(target)
    spec = replace(spec, seed=spec.seed + max(0, scenario.seed - DEFAULT_SEED))
    users = _users(scenario)
    return users, simulated.Simulation(spec, _producers(scenario, users), _groups(scenario, users))


def _users(scenario: Scenario) -> list[User]:
    found = []
    for workload in scenario.producers:
        n = workload.fixed_count
        for slot in range(n):
            schedule = pacer(workload.rate, workload.shape, workload.arrivals, slot, n, scenario.seed)
            found.append(User(workload, schedule, slot, n, 1 << 62, workload.key.build(scenario.seed)))
    return found


def _end(users: list[User], options: Options) -> int:
    """Return the length of the measured phase (ns), and set how many messages each user may send."""
    if options.messages is None:
        return round((options.duration or 30.0) * 1e9)
    if not users:
        raise RunError("--messages counts what is produced, and no class of the scenario produces; use --duration")
    schedules = [user.pacer for user in users]
    for user, quota in zip(users, quotas(schedules, options.messages), strict=True):
        user.quota = quota
    return time_of(schedules, options.messages)


def _producers(scenario: Scenario, users: list[User]) -> list[simulated.SimProducer]:
    topics = list(scenario.topics)
    return [_producer(user.workload, topics.index(user.workload.topic.name)) for user in users]


def _producer(workload: ProducerWorkload, topic: int) -> simulated.SimProducer:
    config = effective("producer", [Layer(f"{workload.name}.config", workload.config)])
    linger = float(config["linger.ms"]) / 1e3
    ratio = 1.0
    if config.get("compression.type", "none") != "none":
        ratio = 1.0 / max(0.05, 1.0 - float(getattr(workload.payload, "compressibility", 0.0)))
    return simulated.SimProducer(
        linger_s=linger, batch_bytes=int(config.get("batch.size", 1_000_000)),
        acks_all=config["acks"] in ("all", "-1"), partitions=workload.topic.partitions,
        compression_ratio=ratio, topic=topic,
    )  # fmt: skip


def _groups(scenario: Scenario, users: list[User]) -> list[simulated.SimGroup]:
    return [
        simulated.SimGroup(
            tuple(i for i, user in enumerate(users) if user.workload.topic.name == group.topic.name),
            group.fixed_count, group.process_time, group.late_start,
        )
        for group in scenario.consumers
    ]  # fmt: skip


def _classes(scenario: Scenario) -> dict[str, Any]:
    users = {w.name: w.fixed_count for w in scenario.workloads}
    groups = {w.name: w.group_id or w.name for w in scenario.consumers}
    return outcome.classes(scenario, users, groups, _config, lambda _: "simulated")


def _config(workload: Workload) -> dict[str, str]:
    return effective(role_of(workload), [Layer(f"{workload.name}.config", workload.config)])


class _Run:
    """The model advanced second by second, its results recorded as a real run's are."""

    def __init__(self, scenario: Scenario, users: list[User], model: simulated.Simulation, end_ns: int) -> None:
        self._scenario, self._users, self._model, self._end_ns = scenario, users, model, end_ns
        self._recorder = Recorder(Window(0, 0, end_ns))
        self.collector = Collector(scenario)
        self._confirmed = {name: Confirmed() for name in scenario.topics}
        self._consumed = [Consumed() for _ in scenario.consumers]
        self._behind = [0] * len(scenario.consumers)
        self._history = History()
        self._ends = {topic.name: np.zeros(topic.partitions, np.int64) for topic in scenario.topics.values()}
        self._read = [np.zeros(workload.topic.partitions, np.int64) for workload in scenario.consumers]

    def go(self, writer: Writer) -> None:
        """Advance to the end and drain."""
        self._note_ends(0.0)
        seconds = -(-self._end_ns // SECOND_NS)
        for second in range(seconds):
            until = min((second + 1) * SECOND_NS, self._end_ns)
            arrivals = [user.arrivals(until, self._scenario.seed) for user in self._users]
            for user, block in zip(self._users, arrivals, strict=True):
                self._recorder.interval(second, "measure").count("producer", user.workload.name, due=len(block.number))
            self._record(self._model.advance(until, arrivals), second)
            self._hand_over(second, writer)
        self._record(self._model.finish(), seconds)
        self._hand_over(1 << 60, writer)
        self.collector.flush(writer, everything=True)

    def _hand_over(self, second: int, writer: Writer) -> None:
        delta = Delta("simulated", second + 1, self._recorder.cut(second + 1))
        delta.confirmed = {topic: held.cut() for topic, held in self._confirmed.items()}
        delta.consumed = {w.name: c.cut() for w, c in zip(self._scenario.consumers, self._consumed, strict=True)}
        self.collector.take(delta)
        self.collector.flush(writer)

    def _record(self, done: simulated.Completed, second: int) -> None:
        for workload in self._scenario.producers:
            mine = np.array([user.workload is workload for user in self._users])
            if len(done.acks.producer):
                self._acks(workload, done.acks, mine[done.acks.producer])
            row = self._recorder.interval(second, "measure")
            row.count("producer", workload.name, queue_full=done.queue_full)
        self._note_ends(min((second + 1) * SECOND_NS, self._end_ns) / SECOND_NS)
        for i, (group, got) in enumerate(zip(self._scenario.consumers, done.deliveries, strict=True)):
            self._deliveries(group, self._consumed[i], got)
            self._lag(i, group, done, got, second)

    def _acks(self, workload: ProducerWorkload, acks: simulated.Acks, mine: Ints) -> None:
        name, recorder = workload.name, self._recorder
        good = mine & (acks.error == 0)
        intended, sent, acked = acks.intended_ns[good], acks.sent_ns[good], acks.acked_ns[good]
        recorder.values(name, "latency", intended, acked, acked - intended)
        recorder.values(name, "service_time", intended, acked, acked - sent)
        recorder.values(
            name, "send_delay", acks.intended_ns[mine], acks.sent_ns[mine], (acks.sent_ns - acks.intended_ns)[mine]
        )
        size = workload.mean_size  # type: ignore[attr-defined]
        recorder.counted("producer", name, intended, acked, "acked", 1)
        recorder.counted("producer", name, intended, acked, "acked_bytes", size)
        recorder.counted("producer", name, acks.intended_ns[mine], acks.sent_ns[mine], "sent", 1)
        for clock, due in zip(
            acks.acked_ns[mine & ~good].tolist(), acks.intended_ns[mine & ~good].tolist(), strict=True
        ):
            recorder.failed(name, clock, due, CODE)
        self._confirmed[workload.topic.name].add(acks.partition[good], acks.offset[good])
        np.maximum.at(self._ends[workload.topic.name], acks.partition[good], acks.offset[good] + 1)

    def _deliveries(self, workload: ConsumerWorkload, consumed: Consumed, got: simulated.Deliveries) -> None:
        self._recorder.values(
            workload.name, "end_to_end", got.intended_ns, got.received_ns, got.received_ns - got.intended_ns
        )
        self._recorder.counted("consumer", workload.name, got.intended_ns, got.received_ns, "received", 1)
        consumed.add(got.partition, got.offset, got.producer.astype(np.int64), got.number)

    def _note_ends(self, now: float) -> None:
        for topic, ends in self._ends.items():
            self._history.note(topic, now, dict(enumerate(ends.tolist())))

    def _lag(
        self, i: int, workload: ConsumerWorkload, done: simulated.Completed, got: simulated.Deliveries, second: int
    ) -> None:
        """Add what was confirmed and take away what was received: how far the group is behind at the second's end."""
        np.maximum.at(self._read[i], got.partition, got.offset + 1)
        own = np.array([user.workload.topic.name == workload.topic.name for user in self._users])
        stored = own[done.acks.producer] & (done.acks.error == 0) if len(done.acks.producer) else np.zeros(0, bool)
        self._behind[i] += int(stored.sum()) - len(got.number)
        if second * SECOND_NS < self._end_ns:
            now = min((second + 1) * SECOND_NS, self._end_ns) / SECOND_NS
            late = self._history.lag(workload.topic.name, now, dict(enumerate(self._read[i].tolist())))[1]
            self.collector.add_rows([{
                "t": second, "phase": "measure", "kind": "consumer", "name": workload.name,
                "lag": max(0, self._behind[i]), "lag_time": round(late, 3),
            }])  # fmt: skip

    def verify(self) -> dict[str, Any]:
        """Return what became of every message."""
        if not self._scenario.consumers:
            return {"withheld": "no class of the scenario consumes"}
        groups = [(w.name, w.topic.name) for w in self._scenario.consumers]
        # nothing is left in the model's logs: what was confirmed and not delivered is lost
        ends = {(topic, p): (end, end) for topic, ends in self._ends.items() for p, end in enumerate(ends.tolist())}
        return outcome.verdicts(self.collector.accounts.verdicts(groups, ends))

    def totals(self) -> dict[str, dict[str, int]]:
        """Return what was due, sent, confirmed and failed by class: in virtual time all that is due is sent."""
        found = {}
        for workload in self._scenario.producers:
            counted = self.collector.counts.get(("producer", workload.name), {})
            due = sum(user.done for user in self._users if user.workload is workload)
            acked, errors = counted.get("acked", 0), counted.get("errors", 0)
            found[workload.name] = {"due": due, "sent": due, "acked": acked, "errors": errors, "unsent": 0,
                                    "unacked": due - acked - errors, "aborted": 0}  # fmt: skip
        return found
