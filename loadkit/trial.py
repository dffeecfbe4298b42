"""One scenario against one target, once: connect, warm up, measure, drain, verify, write.

It knows neither Locust nor a client library. A `Crew` is the load processes, near or far; a `Site` is
the target under test. Whatever ends the run, what was measured is on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic, time
from typing import Any

from loadkit import clock, outcome
from loadkit.boundaries import SHORTEST_WARMUP, Crew, Options, Progress, Site
from loadkit.budget import first_rate, total_bytes
from loadkit.collector import Collector
from loadkit.delta import Delta
from loadkit.errors import Interrupted, LoadkitError, RunError
from loadkit.inflict import Faults
from loadkit.limit import Warn
from loadkit.pacer import NEVER, Pacer, pacer, quotas, time_of
from loadkit.result import Writer
from loadkit.sampler import Sampler
from loadkit.scenario import Scenario
from loadkit.targets.properties import cautions
from loadkit.units import format_count, format_duration, format_rate

SECOND_NS = 10**9
LEAD_NS = 300_000_000
"""How far ahead an instant is announced, so that every process hears of it in time."""
CHANGE_NS = SECOND_NS
"""The same for a change of users: whoever hears of it late would send a message that another sends too."""
CONNECT = 60.0


class Trial:
    """One run; `run` is its story, `stop` ends it early in good order, `abandon` at once."""

    def __init__(
        self, scenario: Scenario, site: Site, crew: Crew, options: Options,
        sleep: Callable[[float], None], call: Callable[[Callable[[], Any]], Any], spawn: Callable[..., Any],
        progress: Progress,
    ) -> None:  # fmt: skip
        self.scenario, self._site, self._crew, self.options = scenario, site, crew, options
        self._sleep, self._call, self._progress = sleep, call, progress
        self.collector = Collector(scenario, options.observer)
        self._sampler = Sampler(site, spawn, call, self.collector.add_rows, self.fail)
        self._faults = Faults(site, options.faults, spawn, call, sleep)
        self.users: dict[int, tuple[str, str]] = {}
        """Connected users: number to (class, worker)."""
        self.notes: list[dict[str, str]] = []
        self.interrupted: Interrupted | None = None
        self._stopping = self._abandoned = self._dirty = self.done = False
        self._failed: LoadkitError | None = None
        self._phases: list[dict[str, Any]] = []
        self._epoch = self._zero_ns = self._measure_ns = self._end_ns = 0
        self._quotas: dict[int, int] = {}
        self._unheard: set[str] = set()
        """Classes of which a load process died: the last that it received, or had confirmed, was not told."""
        self._duration_ns = NEVER
        self._next_tick = 0.0
        self.writer = Writer(options.out, {**options.facts, "run_id": site.names.run_id, "classes": self._classes()})

    def run(self) -> None:
        """Do it all; errors are raised after everything measured is on disk."""
        begun = monotonic()
        try:
            self._caution()
            self.writer.facts["target"] = self._call(self._site.facts)
            longest = self.options.longest_warmup if self.options.warmup is None else self.options.warmup
            self._site.permit(total_bytes(self.scenario, longest, self.options.duration, self.options.messages))
            self._connect(begun)
            self._warm_up()
            self._measure()
            self._drain()
        except LoadkitError as error:
            self._failed = error
        finally:
            self._finish()
        if self._failed:
            raise self._failed
        if self.interrupted:
            raise self.interrupted

    def stop(self, interrupted: Interrupted | None = None) -> None:
        """End the measured phase now, drain and finish."""
        self.interrupted = self.interrupted or interrupted
        self._stopping = True

    def abandon(self) -> None:
        """Finish without draining."""
        self._stopping = self._abandoned = True

    def joined(self, number: int, class_name: str, worker: str) -> None:
        """Note a user that is connected."""
        self.users[number] = (class_name, worker)
        self._dirty = True

    def left(self, number: int) -> None:
        """Note a user that has stopped."""
        self._dirty = self.users.pop(number, None) is not None or self._dirty

    @property
    def connected(self) -> bool:
        """Whether all users were connected and the load has begun."""
        return self._zero_ns > 0

    def lost(self, worker: str, how: str = "died") -> None:
        """Note a load process that is gone: its share is named, the others take over from a stated instant."""
        gone = [number for number, (_, owner) in self.users.items() if owner == worker]
        share = len(gone) / max(1, len(self.users))
        self.notes.append(
            Warn.WORKER_LOST.say(f"load process {worker} {how} with {len(gone)} users, {share:.0%} of all")
        )
        self._unheard |= {self.users[number][0] for number in gone} if how == "died" else set()
        for number in gone:
            self.left(number)
        self.collector.forget(worker)

    def take(self, delta: Delta) -> None:
        """Take what a load process measured."""
        self.collector.take(delta)

    def fail(self, error: LoadkitError) -> None:
        """End the run because of an error outside of it."""
        self._failed = self._failed or error
        self.abandon()

    def _caution(self) -> None:
        """Note settings that are unsafe or do not do what they seem to."""
        for workload in self.scenario.producers:
            config = self._site.config(workload)
            size = workload.mean_size
            for text in cautions(config, size) if config.get("acks") else []:
                warn = Warn.UNSAFE if text.startswith("acks=") else Warn.SETTING
                self.notes.append(warn.say(f"{workload.name}: {text}"))

    def _connect(self, begun: float) -> None:
        while len(self.users) < self._crew.expected():
            self._wait(0.05)
            self._progress("connect", f"{len(self.users)} of {self._crew.expected()} users", monotonic() - begun, None)
            if self._stopping:
                stopped = Interrupted("stopped before the load began; nothing was measured")
                stopped.exit_code = self.interrupted.exit_code if self.interrupted else stopped.exit_code
                raise self._failed or stopped
            if monotonic() - begun > CONNECT + 0.1 * self._crew.expected():
                raise RunError(
                    f"only {len(self.users)} of {self._crew.expected()} users connected within {CONNECT:.0f} s"
                )
        self._dirty = False
        self._zero_ns = clock.now_ns() + LEAD_NS
        started = time() + LEAD_NS / 1e9
        self.writer.facts["classes"] = self._classes()
        self.writer.begin(started, datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds"))
        self.options.observer.begin(self.writer.facts)
        self._phases.append({"name": "connect", "start": begun - self._zero_ns / 1e9, "end": 0.0})
        self._next_tick = self._zero_ns / 1e9 + 1.1

    def _warm_up(self) -> None:
        """Load at the rate with which the schedule begins, until flat; measuring starts on a whole second."""
        wanted = self.options.warmup
        if wanted == 0:
            self._measure_ns = self._zero_ns
            return
        self._order("warmup", self._zero_ns, 0, NEVER)
        longest = wanted if wanted is not None else self.options.longest_warmup
        shortest = wanted if wanted is not None else min(SHORTEST_WARMUP, longest)
        while not self._stopping:
            self._tick("warmup", longest)
            passed = (clock.now_ns() + LEAD_NS - self._zero_ns) / 1e9
            flat = wanted is None and passed >= shortest and self.collector.steady()
            if passed >= longest or flat:
                if wanted is None and not flat:
                    self.notes.append(
                        Warn.WARMUP_NOT_FLAT.say(f"rate or latency still changed after {longest:.0f} s of warm-up")
                    )
                break
        seconds = -(-(clock.now_ns() + LEAD_NS - self._zero_ns) // SECOND_NS)
        self._measure_ns = self._zero_ns + max(0, seconds) * SECOND_NS
        if wanted is not None and not self._stopping:
            self._measure_ns = max(self._measure_ns, self._zero_ns + round(wanted * 1e9))
        self._phases.append({"name": "warmup", "start": 0.0, "end": self._t(self._measure_ns)})

    def _measure(self) -> None:
        if self._stopping:
            early = Interrupted("stopped before the measured phase; there is only warm-up")
            raise self._failed or self.interrupted or early
        self._duration_ns = self._plan_end()
        self._end_ns = NEVER if self._duration_ns == NEVER else self._measure_ns + self._duration_ns
        self._phases.append({"name": "measure", "start": self._t(self._measure_ns), "end": self._t(self._end_ns)})
        self.writer.facts["phases"] = self._shown_phases()
        self._dirty = False
        self._order("measure", self._measure_ns, 0, self._duration_ns)
        self._faults.begin(self._measure_ns)
        total = None if self._duration_ns == NEVER else self._duration_ns / 1e9
        while not self._stopping and clock.now_ns() < self._end_ns:
            self._tick("measure", total)
            if self._dirty:
                self._change_users()
        if self._stopping and clock.now_ns() < self._end_ns:
            self._end_ns = max(clock.now_ns() + LEAD_NS, self._measure_ns)
            self._crew.end(self._end_ns)
            self._wait(LEAD_NS / 1e9)
        self._phases[-1]["end"] = self._t(self._end_ns)
        self._faults.mend()

    def _plan_end(self) -> int:
        """Return the length of the measured phase (ns): a duration, or the time in which so many messages are due."""
        if self.options.messages is None:
            return NEVER if self.options.duration is None else round(self.options.duration * 1e9)
        pacers = self._pacers()
        if not pacers:
            raise RunError("--messages counts what is produced, and no class of the scenario produces; use --duration")
        self._quotas = dict(zip(pacers, quotas(list(pacers.values()), self.options.messages), strict=True))
        return time_of(list(pacers.values()), self.options.messages)

    def _pacers(self) -> dict[int, Pacer]:
        """Return the measured schedule of every producing user."""
        found = {}
        for workload in self.scenario.producers:
            members = self._members(workload.name)
            for k, number in enumerate(members):
                seed = self.scenario.seed
                found[number] = pacer(workload.rate, workload.shape, workload.arrivals, k, len(members), seed)
        return found

    def _members(self, class_name: str) -> list[int]:
        return sorted(number for number, (name, _) in self.users.items() if name == class_name)

    def _order(self, phase: str, origin_ns: int, from_ns: int, until_ns: int) -> None:
        slots = {}
        for workload in self.scenario.producers:
            members = self._members(workload.name)
            for k, number in enumerate(members):
                limit = self._quotas.get(number, -1) if phase == "measure" else -1
                slots[str(number)] = [k, len(members), limit]
        self._crew.order({
            "phase": phase, "epoch": self._epoch, "zero_ns": self._zero_ns,
            "origin_ns": origin_ns, "from_ns": from_ns, "until_ns": until_ns,
            "slots": slots, "rates": {w.name: first_rate(w) for w in self.scenario.producers},
        })  # fmt: skip

    def _change_users(self) -> None:
        """Share each class's rate among its present users from one stated instant on."""
        self._dirty = False
        self._wait(0.5)
        if self._dirty:
            return
        self._epoch += 1
        begin = max(0, clock.now_ns() + CHANGE_NS - self._measure_ns)
        self._quotas = {}
        self.notes.append(
            Warn.USERS_CHANGED.say(f"{len(self.users)} users share the rates from {begin / 1e9:.1f} s on")
        )
        self._order("measure", self._measure_ns, begin, self._duration_ns)

    def _drain(self) -> None:
        """Wait for confirmations and for consumers to get what was confirmed; nothing new is sent."""
        begun = deadline = monotonic()
        deadline += self.options.drain_timeout
        while not self._abandoned and monotonic() < deadline:
            self._wait(0.1)
            self._tick("drain", self.options.drain_timeout)
            if not self.collector.outstanding() and monotonic() > begun + 0.3 and not self._unread():
                break
        self._phases.append({"name": "drain", "start": self._t(self._end_ns), "end": self._t(clock.now_ns())})

    def _unread(self) -> int:
        groups = [(w.name, w.topic.name) for w in self.scenario.consumers]
        if not self._site.judges_integrity:
            return 0
        return sum(v.unread + v.lost for v in self.collector.accounts.verdicts(groups))

    def _tick(self, phase: str, total: float | None) -> None:
        """Wait a little; once a second look after samples, files and errors."""
        self._wait(0.02)
        now = monotonic()
        start = self._zero_ns if phase == "warmup" else self._measure_ns if phase == "measure" else self._end_ns
        if now < self._next_tick:
            return
        self._next_tick = max(self._next_tick + 1.0, now)
        second = max(0, (clock.now_ns() - self._zero_ns) // SECOND_NS)
        self._sampler.begin(second, phase)
        self.collector.flush(self.writer)
        self._progress(phase, self._news(), max(0.0, (clock.now_ns() - start) / 1e9), total)
        error = self.collector.error()
        if error:
            raise RunError(error)

    def _news(self) -> str:
        if not self.collector.recent:
            return ""
        _, rate, median = self.collector.recent[-1]
        return f"{format_rate(rate)}, median {format_duration(median)}"

    def _wait(self, seconds: float) -> None:
        self._sleep(seconds)
        if self._failed and not self._abandoned:
            raise self._failed

    def _finish(self) -> None:
        """Close the load processes, verify, and write; errors on the way become the run's error."""
        facts: dict[str, Any] = {}
        if self._phases and self._end_ns > (now := clock.now_ns()):  # an error ended the measured phase
            self._end_ns = now
            self._phases[-1]["end"] = self._t(now)
        try:
            self._progress("verify", "", 0.0, None)
            self._faults.end(wait=not self._abandoned)
            self._crew.close()
            self._sampler.end()
            self.collector.flush(self.writer, everything=True)
            if (said := self.collector.error()) and not self._failed:
                self._failed = RunError(said)
        except LoadkitError as error:
            self._failed = self._failed or error
        facts |= {"totals": self._totals(), **self._faults.facts(self._zero_ns)}
        self.notes += self._faults.notes()
        try:
            facts["integrity"] = self._verify()
        except LoadkitError as error:
            self._failed = self._failed or error
        with suppress(LoadkitError):
            self._call(self._site.close)
        self._write(facts)
        self.options.observer.end(self.writer.facts)
        self.done = True

    def _write(self, facts: dict[str, Any]) -> None:
        status = "failed" if self._failed and not isinstance(self._failed, Interrupted) else "complete"
        if self.interrupted or isinstance(self._failed, Interrupted):
            status = "interrupted"
            self.notes.append(Warn.INTERRUPTED.say("the run was interrupted"))
        facts |= {
            "status": status, "error": str(self._failed) if self._failed else None, "phases": self._shown_phases(),
            "errors": self.collector.errors, "notes": self.notes,
            "uncertainty": {"acked_p99": max(self.collector.gaps, default=None)},
        }  # fmt: skip
        try:
            outcome.seal(self.writer, facts)
        except LoadkitError as error:
            self._failed = self._failed or error
        except OSError as error:
            self._failed = self._failed or RunError(f"{self.writer.out}: {error.strerror}; what was measured is kept")

    def _shown_phases(self) -> list[dict[str, Any]]:
        return [{**phase, "end": phase["end"] if phase["end"] < 1e9 else None} for phase in self._phases]

    def _verify(self) -> dict[str, Any]:
        """Return what became of every message, by partition and group."""
        groups = [(w.name, w.topic.name) for w in self.scenario.consumers]
        accounts, told = self.collector.accounts, self._told()
        unplaced = 0 if told else accounts.unplaced()
        if why := outcome.withheld(self._site.judges_integrity, groups, unplaced, self._abandoned):
            return {"withheld": why}
        facts = outcome.verdicts(accounts.verdicts(groups, self._call(self._site.ends), told), self._unheard)
        if facts["unread"]:
            self.notes.append(
                Warn.UNREAD.say(f"{format_count(facts['unread'])} messages were not read when draining ended")
            )
        return facts

    def _told(self) -> bool:
        """Return whether all that was sent is known to have been confirmed by the cluster."""
        safe = all(outcome.confirms(self._site.config(workload)) for workload in self.scenario.producers)
        return safe and not (self.collector.failed or self.collector.outstanding() or self._unheard)

    def _totals(self) -> dict[str, dict[str, int]]:
        """Return by class what was due, sent, confirmed, failed, unsent, unconfirmed, and aborted of the confirmed."""
        reported = self.collector.totals()
        found = {}
        for workload in self.scenario.producers:
            handed = reported.get(workload.name, {})
            counted = self.collector.counts.get(("producer", workload.name), {})
            sent, acked, errors = handed.get("handed", 0), counted.get("acked", 0), counted.get("errors", 0)
            due = max(handed.get("due", 0), sent)
            if workload.arrivals == "even" and self._measure_ns and self._end_ns not in (0, NEVER) and not self._quotas:
                whole = pacer(workload.rate, workload.shape, "even", 0, 1, self.scenario.seed)
                due = max(whole.due(self._end_ns - self._measure_ns - 1), sent)
            found[workload.name] = {
                "due": due, "sent": sent, "acked": acked, "errors": errors, "unsent": due - sent,
                "unacked": max(0, sent - acked - errors), "aborted": counted.get("aborted", 0),
            }  # fmt: skip
        return found

    def _classes(self) -> dict[str, Any]:
        users = {w.name: len(self._members(w.name)) or w.fixed_count for w in self.scenario.workloads}
        return outcome.classes(self.scenario, users, self._site.names.groups, self._site.config, self._site.lane)

    def _t(self, clock_ns: int) -> float:
        return round((clock_ns - self._zero_ns) / 1e9, 6)
