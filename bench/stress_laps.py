"""The process that `bench.stress` watches: laps of everything the fast lane does, on plain threads, without Locust.

`python -m bench.stress_laps SETTINGS` with SETTINGS as JSON; prints one line of JSON a lap. A lap is a whole trial:
clients are made, primed, driven, drained, accounted for and closed, so what a lap leaves in memory is a leak.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import psutil

from bench.stress_page import FAULTS, HASTY
from loadkit import Topic, keys, payloads, sizes
from loadkit.boundaries import Options
from loadkit.clusters import KafkaCluster
from loadkit.errors import LoadkitError, TargetError
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Scenario
from loadkit.site import OpenTarget, open_target
from loadkit.target import load_target
from loadkit.trial import Trial
from loadkit.worker import Runtime, Worker

LARGE_SHARE = 1000
"""Small messages to one large one."""
REFUSED_ABOVE = 900_000
"""Bytes above which the client itself refuses a large message."""

_SMALL = Topic("small", partitions=6, config={"retention.bytes": 256 << 20, "segment.bytes": 64 << 20})
_LARGE = Topic("large", partitions=3, config={"retention.bytes": 512 << 20, "segment.bytes": 128 << 20})
_HASTY = Topic(HASTY, partitions=2)


def scenario(rate: float) -> Scenario:
    """Return the load: `rate` small messages a second, a thousandth of it large ones, some that give up soon."""
    flat = {"linger.ms": 5, "batch.size": 65536}
    small = {**flat, "queue.buffering.max.messages": 100_000}
    large = {**flat, "queue.buffering.max.kbytes": 65_536, "message.max.bytes": REFUSED_ABOVE}
    hasty = {
        "linger.ms": 0,
        "request.timeout.ms": 1000,
        "delivery.timeout.ms": 1500,
        "queue.buffering.max.messages": 100,
    }
    held = {
        "queued.max.messages.kbytes": 16_384,
        "session.timeout.ms": 10_000,  # a member that could not say that it left holds its group up for so long
    }
    return Scenario(
        name="stress",
        producers=(
            ProducerWorkload(
                name="Small", topic=_SMALL, fixed_count=2, rate=rate, lane="fast", config=small,
                payload=payloads.constant(size="100B"),
            ),
            ProducerWorkload(
                name="Large", topic=_LARGE, rate=rate / LARGE_SHARE, lane="fast", config=large, key=keys.zipf(10_000),
                payload=payloads.random(size=sizes.loguniform("24B", "1MiB")),
            ),
            ProducerWorkload(
                name="Hasty", topic=_HASTY, rate=rate / LARGE_SHARE, lane="fast", config=hasty,
                payload=payloads.json_like(size="256B"),
            ),
        ),
        consumers=(
            ConsumerWorkload(name="SmallReader", topic=_SMALL, fixed_count=2, lane="fast", config=held),
            ConsumerWorkload(name="LargeReader", topic=_LARGE, fixed_count=2, lane="fast", config=held),
            ConsumerWorkload(name="HastyReader", topic=_HASTY, lane="fast", commit="poll"),
        ),
    )  # fmt: skip


class Turns:
    """Lets one thread run at a time but where it waits, as gevent would: what a worker is written for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.failed: BaseException | None = None

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def call(self, job: Callable[[], Any]) -> Any:
        """Return what something that blocks returns; others run meanwhile."""
        self._lock.release()
        try:
            return job()
        finally:
            self._lock.acquire()

    def sleep(self, seconds: float) -> None:
        """Let others run."""
        self.call(lambda: time.sleep(seconds))

    def spawn(self, job: Callable[..., None], *arguments: Any) -> threading.Thread:
        """Run something in a thread that takes turns; what it raises is kept."""

        def run() -> None:
            with self:
                try:
                    job(*arguments)
                except BaseException as error:  # raised again by whoever waits for the lap
                    self.failed = self.failed or error

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def runtime(self) -> Runtime:
        """Return these turns as what a worker is handed."""

        def start_thread(job: Callable[[], None]) -> None:
            threading.Thread(target=job, daemon=True).start()

        return Runtime(self.sleep, time.sleep, self.call, start_thread, self.spawn)


@dataclass(frozen=True, slots=True)
class Turn:
    """Something under way in a thread that takes turns."""

    turns: Turns
    thread: threading.Thread

    def ready(self) -> bool:
        """Return whether it has ended."""
        return not self.thread.is_alive()

    def join(self) -> None:
        """Let others run until it has."""
        self.turns.call(self.thread.join)


class Lap:
    """One trial in this process; it is its own crew."""

    def __init__(self, load: Scenario, opened: OpenTarget, out: Path, settings: dict[str, Any]) -> None:
        self._load, self._churn = load, float(settings["churn"])
        self.turns, self.members = Turns(), 0
        self._site = opened.begin(load, keep_topics=False)
        made = KafkaCluster(opened.target, self._site.names)
        self._worker = Worker("stress", 1, load, made, self._site.names.run, self.turns.runtime())
        options = Options(out, None, float(settings["warmup"]), messages=settings["messages"], drain_timeout=180.0)
        self._open, self._threads = True, list[threading.Thread]()
        self.trial = Trial(load, self._site, self, options, self._wait, self.turns.call, self._spawned, lambda *_: None)

    def run(self) -> dict[str, Any]:
        """Return the facts of the trial when all is closed."""
        with self.turns:
            for name in (w.name for w in self._load.workloads for _ in range(w.fixed_count)):
                self.turns.spawn(self._join, name)
            self._threads = [self.turns.spawn(self._roll), self.turns.spawn(self._change_members)]
            self.trial.run()
        facts: dict[str, Any] = json.loads((self.trial.writer.out / "result.json").read_text("utf-8"))
        return facts

    def _spawned(self, job: Callable[..., None], *arguments: Any) -> Turn:
        return Turn(self.turns, self.turns.spawn(job, *arguments))

    def _wait(self, seconds: float) -> None:
        self.turns.sleep(seconds)
        if self.turns.failed:
            raise self.turns.failed

    def _join(self, name: str) -> None:
        self.trial.joined(self._worker.open(name), name, "stress")

    def _roll(self) -> None:
        while self._open:
            self.trial.take(self._worker.roll())
            if self._worker.ending:
                tell(measuring=False)
            self.turns.sleep(0.1 if self._worker.ending else 1.0)

    def _change_members(self) -> None:
        """Have a new member join a group and the oldest one leave it, again and again."""
        groups: dict[str, list[int]] = {"SmallReader": [], "LargeReader": []}
        for turn in count():
            waited = monotonic() + self._churn
            while self._open and monotonic() < waited:
                self.turns.sleep(0.1)
            if not self._open or self._worker.ending:
                return
            if not self.trial.connected:
                continue
            name = list(groups)[turn % len(groups)]
            with suppress(TargetError):  # the broker may be dead
                groups[name].append(self._worker.open(name))
                self.members += 1
            if len(groups[name]) > 1:
                self._worker.leave(groups[name].pop(0))

    # what a trial asks of its crew

    def expected(self) -> int:
        """Return how many users there are."""
        return sum(workload.fixed_count for workload in self._load.workloads)

    def order(self, order: dict[str, Any]) -> None:
        """Follow a schedule."""
        self._worker.schedule(order)
        tell(measuring=order["phase"] == "measure")

    def end(self, at_ns: int) -> None:
        """End it early."""
        self._worker.end(at_ns)

    def close(self) -> None:
        """Close all clients and report for the last time."""
        self._open = False
        self.turns.call(lambda: [thread.join() for thread in self._threads])
        self._worker.halt()
        self._worker.let_go()
        self.trial.take(self._worker.roll(last=True))


def tell(**facts: Any) -> None:
    """Print one line for whoever watches this process."""
    print(json.dumps(facts), flush=True)


def resident() -> int:
    """Return the bytes this process holds once all that is free has been given back."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


class _Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of glibc 2.33 and later."""

    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"
    )]  # fmt: skip


def held() -> int | None:
    """Return the bytes that were allocated and not freed, by all of the process; None where no library tells it.

    What is freed may stay resident for long, between what is not: only this tells a leak from that.
    """
    tell = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if tell is None:
        return None
    tell.restype = _Mallinfo
    found = tell()
    return int(found.uordblks + found.hblkhd)


def told(number: int, lap: Lap, facts: dict[str, Any], begun: float) -> dict[str, Any]:
    """Return what a lap leaves to be judged."""
    totals, counts = facts["totals"], lap.trial.collector.counts
    integrity = {name: n for name, n in facts["integrity"].items() if name not in ("partitions", "lost_ranges")}
    return {
        "lap": number, "seconds": round(monotonic() - begun, 1), "status": facts["status"], "members": lap.members,
        "totals": totals, "errors": facts["errors"], "integrity": integrity,
        "topics": _by_topic(facts["integrity"].get("partitions", [])),
        "queue_full": sum(row.get("queue_full", 0) for (kind, _), row in counts.items() if kind == "producer"),
        "rebalances": sum(row.get("rebalances", 0) for (kind, _), row in counts.items() if kind == "consumer"),
        "lanes": sorted({one["lane"] for one in facts["classes"].values()}), "rss": resident(), "held": held(),
    }  # fmt: skip


def _by_topic(rows: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Return what was found in the partitions of each topic."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        counts = found.setdefault(row["topic"], dict.fromkeys((*FAULTS, "unconfirmed"), 0))
        for name in counts:
            counts[name] += row[name] or 0
    return found


def main() -> int:
    """Return the exit code: 0 when every lap was driven to its end, whatever it found.

    Laps are made until `goal` small messages were confirmed, or until `seconds` would be over.
    """
    settings: dict[str, Any] = json.loads(sys.argv[1])
    load, until = scenario(settings["rate"]), monotonic() + settings["seconds"]
    opened = open_target(load_target(settings["target"]), load, lambda _: None)
    with tempfile.TemporaryDirectory(prefix="loadkit-stress-") as folder:
        left, took, number = settings["goal"], 0.0, 0
        while left > 0 and monotonic() + took < until:
            begun, number = monotonic(), number + 1
            try:
                lap = Lap(load, opened, Path(folder) / f"lap-{number}", settings)
                found = told(number, lap, lap.run(), begun)
            except LoadkitError as error:
                sys.stderr.write(f"lap {number}: {type(error).__name__}: {error}\n")
                return 1
            tell(**found)
            left, took = left - found["totals"]["Small"]["acked"], monotonic() - begun
    opened.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
