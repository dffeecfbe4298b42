"""Where contestants meet: one embedded Kafka for all of them, its topics, and loadkit run as its users run it."""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import peers
from bench.figures import rotated
from bench.process import Ran, beside, run
from loadkit.result import Row, read_rows
from loadkit.target import load_target
from loadkit.targets import admin, embedded
from loadkit.targets.embedded_host import free_ports
from loadkit.targets.properties import Layer, Role
from trust.proxy.behaviour import Behaviour

SCENARIOS = Path(__file__).parent / "scenarios"
PARTITIONS = 6
_CONNECT = 2.0
"""Seconds of Locust's run time in which users connect."""
FLAT_OUT = {"linger.ms": "5", "batch.size": "65536"}
JAVA = {
    "acks": "all",
    "enable.idempotence": "true",
    "linger.ms": "5",
    "batch.size": "65536",
    "compression.type": "none",
}
_TARGET = """\
name = "bench"
[client]
"bootstrap.servers" = "{bootstrap}"
[topics]
replication_factor = {copies}
min_insync_replicas = {least}
retention_bytes = "1GiB"
[limits]
max_rate = "1TB/s"
max_bytes = "100TB"
max_partitions = 2000
[metrics]
jmx_exporter = [{urls}]
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """One `loadkit run` as it ended."""

    metrics: dict[str, float | None]
    facts: dict[str, Any]
    rows: list[Row]
    ran: Ran

    @property
    def measured(self) -> tuple[float, float]:
        """Return start and end of the measured phase, in seconds of the schedule."""
        phase = next(phase for phase in self.facts["phases"] if phase["name"] == "measure")
        return float(phase["start"]), float(phase["end"])

    def metric(self, name: str) -> float:
        """Return one metric; RuntimeError with the reason where it was withheld."""
        value = self.metrics[name]
        if value is None:
            raise RuntimeError(f"loadkit withheld {name}")
        return value

    def total(self, kind: str, name: str, start: float, end: float) -> float:
        """Return the sum of one number over the rows of whole seconds in [start, end), of every phase."""
        return float(sum(r.get(name) or 0 for r in self.rows if r["kind"] == kind and start <= r["t"] < end))


@dataclass(slots=True)
class Lab:
    """The cluster, and how long and loudly to work with it."""

    cluster: embedded.EmbeddedCluster
    folder: Path
    say: Say
    scale: float = 1.0
    """Factor on every length: below 1 to see that all runs."""
    java: list[str] = field(default_factory=embedded.java_command)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def copies(self) -> int:
        """Return how many copies of a partition there are: as many as nodes."""
        return self.cluster.spec.nodes

    @property
    def target(self) -> Path:
        """Return the target file of the cluster."""
        return self.target_at(self.cluster.bootstrap)

    def target_at(self, bootstrap: str) -> Path:
        """Return a target file of the cluster as reached at an address."""
        path = self.folder / f"target-{bootstrap.rpartition(':')[2]}.toml"
        urls = ", ".join(f'"{url}"' for url in self.cluster.jmx_urls)
        copies = self.copies
        text = _TARGET.format(bootstrap=bootstrap, urls=urls, copies=copies, least=max(1, copies - 1))
        path.write_text(text, "utf-8")
        return path

    def length(self, seconds: float) -> float:
        """Return a length as this bench runs it."""
        return max(2.0, round(seconds * self.scale, 1))

    def config(self, role: Role, **settings: str) -> dict[str, str]:
        """Return the settings loadkit's own client would have, for a peer to have the same."""
        return load_target(str(self.target)).client_config(role, Layer("bench", settings))

    @contextmanager
    def topic(self, partitions: int = PARTITIONS) -> Iterator[str]:
        """Make a topic for a block."""
        name = f"bench-{next(self._numbers)}"
        connection = admin.connect(self.config("admin"))
        config = {"retention.bytes": str(1 << 31), "min.insync.replicas": str(max(1, self.copies - 1))}
        admin.create_topics(connection, [admin.TopicPlan(name, partitions, self.copies, config)])
        try:
            yield name
        finally:
            admin.delete_topics(connection, [name])

    def loadkit(
        self, scenario: str, warmup: float, seconds: float, *flags: str, target: Path | None = None, watch: bool = False
    ) -> Trial:
        """Return what `loadkit run` left, run as a command of its own."""
        out = self.folder / f"run-{next(self._numbers)}"
        command = [sys.executable, "-m", "loadkit", "run", str(SCENARIOS / f"{scenario}.py"), "--json"]
        command += ["--target", str(target or self.target), "--warmup", f"{warmup:g}s", "--duration", f"{seconds:g}s"]
        return _left(out, run([*command, "--out", str(out), *flags], self.folder, watch))

    def locust(self, scenario: str, processes: int, warmup: float, seconds: float, target: str = "") -> Trial:
        """Return what plain Locust left that forks so many load processes."""
        out = self.folder / f"run-{next(self._numbers)}"
        command = ["env", f"LOADKIT_OUT={out}", sys.executable, "-m", "locust", "-f", str(SCENARIOS / f"{scenario}.py")]
        command += ["--headless", "--target", target or str(self.target), "--warmup", f"{warmup:g}s"]
        command += ["--run-time", f"{warmup + seconds + _CONNECT:g}s"]
        if processes > 1:
            port = str(free_ports(1)[0])
            command += ["--processes", str(processes), "--master-bind-port", port, "--master-port", port]
        return _left(out, run(command, self.folder))

    def plain(self, kind: str, **settings: Any) -> tuple[dict[str, Any], Ran]:
        """Return what one of the plain loops printed, and what it cost."""
        ran = run(peers.plain(kind, **settings), self.folder)
        return peers.read_plain(ran.output), ran

    @contextmanager
    def proxy(self, delay: float) -> Iterator[tuple[int, Path]]:
        """Run the delaying proxy beside a block; give its port and where its log will be."""
        log = self.folder / f"proxy-{next(self._numbers)}.log"
        broker = self.cluster.bootstrap.rpartition(":")[2]
        with beside([sys.executable, "-m", "trust.proxy", str(log), str(Behaviour(delay)), broker]) as process:
            assert process.stdout
            yield int(process.stdout.readline()), log

    def warm(self, seconds: float) -> None:
        """Load the broker until its JVM has compiled what matters; figures of a cold one mean nothing."""
        length = self.length(seconds)
        self.say(f"warming the broker for {length:.0f} s")
        with self.topic() as topic:
            self.plain("flat_out", config=self.config("producer", **FLAT_OUT), topic=topic, warmup=0, seconds=length)

    def interleaved(
        self, pairs: int, contestants: Mapping[str, Callable[[], dict[str, float]]]
    ) -> list[dict[str, Any]]:
        """Return each round's figures by contestant; each round begins with another one."""
        rounds = []
        for turn in range(pairs):
            figures: dict[str, Any] = {}
            for name in rotated(list(contestants), turn):
                figures[name] = contestants[name]()
                self.say(f"  pair {turn + 1}/{pairs} {name}: {_line(figures[name])}")
            rounds.append({name: figures[name] for name in contestants})
        return rounds


def _left(out: Path, ran: Ran) -> Trial:
    facts = json.loads((out / "result.json").read_text("utf-8"))
    return Trial(facts["metrics"], facts, read_rows(out)[0], ran)


@contextmanager
def open_lab(say: Say, scale: float, target: str = "embedded") -> Iterator[Lab]:
    """Run an embedded Kafka for a block; where cores are enough, broker and contestants have their own."""
    os.chdir(Path(__file__).parent.parent)  # contestants are started as `python -m bench...`
    with tempfile.TemporaryDirectory(prefix="loadkit-bench-") as folder:
        say(f"starting {target}")
        with embedded.start(embedded.EmbeddedSpec.parse(target), say) as cluster:
            if cluster.generator_cpus and hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, cluster.generator_cpus)
            yield Lab(cluster, Path(folder), say, scale)


def column(rounds: Sequence[Mapping[str, Any]], contestant: str, figure: str, factor: float = 1.0) -> tuple[float, ...]:
    """Return one figure of one contestant, pair by pair."""
    return tuple(one[contestant][figure] * factor for one in rounds)


def _line(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:,.4g}" for name, value in figures.items())
