"""Where cases are run: half of the cores for the brokers, half for the generator, and loadkit as its users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loadkit.capacity import Point, Setting, capacity
from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec
from trust.limits import harm
from trust.limits.cases import Case
from trust.limits.harm import Harm, Run

SCENARIOS = Path(__file__).parent / "scenarios"
WARMUP, SECONDS, DRAIN = 2, 7, 3
PATIENCE = 150.0
"""Seconds after which a run that should have ended is ended."""
WARM = {"rate": 150_000, "seconds": 8}
"""What a new cluster's JVMs are loaded with before the first case."""

Say = Callable[[str], None]


@dataclass(slots=True)
class Lab:
    """The folder of all runs, the machine's calibration, and the cluster that is up."""

    work: Path
    say: Say
    _stack: ExitStack = field(default_factory=ExitStack)
    _place: str = ""
    _cluster: EmbeddedCluster | None = None
    cpus: list[int] = field(default_factory=lambda: sorted(os.sched_getaffinity(0)))

    @property
    def brokers(self) -> list[int]:
        """The cores of the brokers."""
        return self.cpus[: len(self.cpus) // 2]

    @property
    def generator(self) -> list[int]:
        """The cores of the load process where there are brokers."""
        return self.cpus[len(self.cpus) // 2 :]

    def __enter__(self) -> Lab:
        """Return itself. Raises RuntimeError where there is only one core."""
        if len(self.cpus) < 2:
            raise RuntimeError("it takes two cores: one for the brokers, one for the generator")
        self.work.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        """End the cluster that is up."""
        self._stack.close()

    def points(self) -> list[Point]:
        """Return the calibration of this machine, made by `loadkit calibrate --quick` where there is none yet."""
        there = list((self.state / "calibration").glob("*.json"))
        if not there:
            self.say("calibrating")
            self._run([sys.executable, "-m", "loadkit", "calibrate", "--quick"], set(self.cpus)).wait()
            there = list((self.state / "calibration").glob("*.json"))
        return [Point.of(one) for one in json.loads(there[0].read_text("utf-8"))["points"]]

    @property
    def state(self) -> Path:
        """The state of loadkit in these runs: nobody else's calibration is seen, and nobody else sees this one."""
        return (self.work / "state").resolve()

    def at(self, place: str) -> EmbeddedCluster:
        """Return the cluster of a place, started and warm; the one before has ended."""
        if self._place != place or self._cluster is None:
            self._stack.close()
            self._place = place
            name = "embedded" if place == "one" else "embedded:3"
            self.say(f"starting {name} on core {self.brokers}")
            with _pinned(self.brokers):  # what it starts inherits that
                self._cluster = self._stack.enter_context(embedded.start(EmbeddedSpec.parse(name)))
            warm = Case(0, "warm", "none", place, WARM["rate"])  # type: ignore[arg-type]
            self.trial(warm, self.work / f"warm-{place}-{os.getpid()}", seconds=WARM["seconds"])
        return self._cluster

    def trial(self, case: Case, out: Path, seconds: int = SECONDS) -> int:
        """Run one case and return the exit code of `loadkit run`; its result stands in `out`."""
        with ExitStack() as stack:
            cpus = set(self.cpus if case.place == "sink" else self.generator)
            target, harms = "simulated?sink=1", _harms(case, self)
            if case.place != "sink":
                cluster = self.at(case.place)
                target = str(_target(self.work, cluster, _planted(case, cluster, stack)))
            for name, where in (("hogs", self.cpus), ("hogs_generator", self.generator), ("hogs_broker", self.brokers)):
                if case.done == name:
                    stack.enter_context(harm.hogs(where, case.how["each"]))
            if case.done == "one_core":
                cpus = {self.generator[0]}
                stack.enter_context(harm.hogs(self.generator[:1], case.how.get("hogs", 0)))
            words = [sys.executable, "-m", "loadkit", "run", str(SCENARIOS / f"{case.scenario}.py"), "--json"]
            words += ["--target", target, "--out", str(out), "--warmup", f"{WARMUP}s", "--duration", f"{seconds}s"]
            words += ["--drain-timeout", f"{DRAIN}s", *self._sets(case)]
            run = Run(out, self._run(words, cpus, case.env))
            threads = [threading.Thread(target=one, args=(run,)) for one in harms]
            for thread in threads:
                thread.start()
            try:
                return run.process.wait(PATIENCE)
            finally:
                run.process.kill()
                run.process.wait()
                for thread in threads:
                    thread.join()

    def _sets(self, case: Case) -> Iterator[str]:
        rate = case.rate if case.rate > 2 else round(case.rate * self._makes(case))
        sets = {"rate": f"{rate}/s", **({"fixed_count": case.users} if case.users > 1 else {}), **case.sets}
        for name, value in sets.items():
            yield from ("--set", f"{name if name.startswith('flow.') else f'Flow.{name}'}={value}")

    def _makes(self, case: Case) -> float:
        """Return what a process makes of a case's messages on the sink."""
        typical = "payload" in case.sets
        setting = Setting("sink", "json_like" if typical else "constant", keyed=typical)
        found = capacity(self.points(), setting, 1024 if typical else 100)
        if found is None:
            raise RuntimeError("the calibration has no point of the sink: remove the work folder and start again")
        return found.rate

    def _run(self, words: list[str], cpus: set[int], env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        log = (self.work / "runs.log").open("a", encoding="utf-8")
        with log, _pinned(cpus):
            return subprocess.Popen(
                words, stdout=log, stderr=log, text=True, start_new_session=True,
                env={**os.environ, "LOADKIT_STATE": str(self.state), **(env or {})},
            )  # fmt: skip


def _harms(case: Case, lab: Lab) -> list[Harm]:
    if case.done == "stop_generator":
        return [harm.bursts(lambda run: [run.process.pid], **case.how)]
    if case.done == "stop_broker":
        cluster = lab.at(case.place)
        return [harm.bursts(lambda _: [cluster.node_pid(at) for at in range(cluster.spec.nodes)], **case.how)]
    return []


def _planted(case: Case, cluster: EmbeddedCluster, stack: ExitStack) -> str:
    """Do to a cluster what a case says; return the address at which it is reached."""
    if case.done == "proxy":
        return stack.enter_context(harm.through_proxy(cluster, **case.how))
    if case.done == "quota":
        stack.enter_context(harm.quota(cluster, case.how["bytes"]))
    return cluster.bootstrap


def _target(folder: Path, cluster: EmbeddedCluster, bootstrap: str) -> Path:
    path = folder / "target.toml"
    path.write_text(embedded.target_toml(cluster).replace(cluster.bootstrap, bootstrap), "utf-8")
    return path


@contextmanager
def _pinned(cpus: Collection[int]) -> Iterator[None]:
    """Keep this thread on some cores for a block: what it starts stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
