"""pytest fixtures: a real Kafka for a session's tests (`kafka_cluster`), and load on it (`kafka_load`).

    def test_produce_latency(kafka_load):
        result = kafka_load.run("scenarios/orders.py", duration="20s")
        assert result.latency.p99 < 0.05

The plugin is loaded by every pytest of an environment, so it imports nothing heavy; and since Locust patches sockets,
load is always made by a command of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

TARGET = "loadkit_target"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and their ini settings."""
    group = parser.getgroup("loadkit")
    group.addoption(
        "--loadkit-target", metavar="TARGET",
        help="what kafka_cluster is: embedded (default), embedded:3, embedded@3.6.2, or a target file",
    )  # fmt: skip
    group.addoption("--loadkit-bootstrap", metavar="HOST:PORT", help="an existing cluster as kafka_cluster")
    group.addoption(
        "--loadkit-testcontainers", metavar="IMAGE", nargs="?", const="confluentinc/cp-kafka:7.6.0",
        help="kafka_cluster in a container, by testcontainers (pip install 'testcontainers[kafka]')",
    )  # fmt: skip
    parser.addini(TARGET, "the target of kafka_cluster and kafka_load where no option names one", default="embedded")


class Failed(AssertionError):
    """A load that could not be made; its message is what the command said."""


@dataclass
class Statistics:
    """The numbers of one series by attribute, in seconds: `p50`, `p99`, `p99_9`, `max`, `mean`."""

    prefix: str
    metrics: Mapping[str, float | None] = field(repr=False)
    withheld: Mapping[str, str] = field(repr=False)

    def __getattr__(self, name: str) -> float:
        path = f"{self.prefix}.{name.replace('_', '.')}"
        if path not in self.metrics:
            raise AttributeError(f"there is no {path}; there are {', '.join(_under(self.prefix, self.metrics))}")
        value = self.metrics[path]
        if value is None:
            raise Failed(f"{path} is not known: {self.withheld.get(path, 'nothing of the kind was recorded')}")
        return value


def _under(prefix: str, metrics: Mapping[str, float | None]) -> list[str]:
    return [name for name in metrics if name.startswith(f"{prefix}.")]


@dataclass
class LoadResult:
    """What one run measured: every metric by name, the series as attributes."""

    metrics: Mapping[str, float | None] = field(repr=False)
    withheld: Mapping[str, str] = field(repr=False)
    limit: str
    """What limited it: cluster, generator, none or unknown."""
    warnings: list[dict[str, str]]
    out: Path
    """The folder with report.html and all that was recorded."""

    def __getitem__(self, name: str) -> float:
        """Return a metric such as `result["Checkout.latency.p99"]`; fails the test where it is not known."""
        value = self.metrics.get(name)
        if value is None:
            raise Failed(f"{name} is not known: {self.withheld.get(name, 'there is no such metric')}")
        return value

    def _series(self, name: str) -> Statistics:
        return Statistics(name, self.metrics, self.withheld)

    @property
    def latency(self) -> Statistics:
        """From the instant a message was due to its acknowledgement."""
        return self._series("latency")

    @property
    def end_to_end(self) -> Statistics:
        """From the instant a message was due to its receipt."""
        return self._series("end_to_end")

    @property
    def service_time(self) -> Statistics:
        """From handing over to acknowledgement."""
        return self._series("service_time")

    @property
    def throughput(self) -> float:
        """Messages acknowledged a second."""
        return self["throughput"]


@dataclass
class KafkaLoad:
    """Makes load on a target."""

    target: Callable[[], str]
    folder: Path
    _numbers: Iterator[int] = field(default_factory=count)

    def run(
        self, scenario: str | Path, duration: str = "10s", *, target: str | None = None, warmup: str | None = None,
        settings: Mapping[str, Any] | None = None, timeout: float = 600.0,
    ) -> LoadResult:  # fmt: skip
        """Return the result of `loadkit run`; fails the test with its message where it could not run.

        `settings` are those of `--set`, like `{"Checkout.rate": "5k/s", "linger.ms": 20}`; `timeout` is in seconds.
        """
        out = self.folder / f"load-{next(self._numbers)}"
        words = [sys.executable, "-m", "loadkit", "run", str(scenario), "--target", target or self.target(),
                 "--duration", duration, "--out", str(out), "--json"]  # fmt: skip
        words += ["--warmup", warmup] if warmup else []
        words += [word for name, value in (settings or {}).items() for word in ("--set", f"{name}={value}")]
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            raise Failed(f"loadkit run ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        found = json.loads(done.stdout)
        return LoadResult(found["metrics"], found["withheld"], found["limit"], found["warnings"], out)


@dataclass
class KafkaCluster:
    """A Kafka for tests."""

    bootstrap_servers: str
    target: str
    """The same as `--target` of loadkit's commands takes it."""
    replicas: int | None = None
    """Of every topic that `topic` makes; None: the cluster's default."""
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    """How to reach it besides its address; holds secrets."""

    @cached_property
    def _connection(self) -> Any:
        from loadkit.targets import admin

        return admin.connect({**self.config, "bootstrap.servers": self.bootstrap_servers})

    def topic(self, name: str | None = None, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Return the name of a new topic, one that no other test has unless it is given."""
        from loadkit.targets import admin

        made = name or f"test-{uuid4().hex[:12]}"
        plan = admin.TopicPlan(made, partitions, self.replicas, config=dict(config or {}))
        admin.create_topics(self._connection, [plan])
        return made


@pytest.fixture(scope="session")
def kafka_cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """A real Kafka for all tests of the session: started for it, or the one that an option names."""
    config = request.config
    with ExitStack() as stack:
        if existing := config.getoption("--loadkit-bootstrap"):
            yield _existing(existing, tmp_path_factory.mktemp("loadkit"))
        elif image := config.getoption("--loadkit-testcontainers"):
            yield _existing(_container(image, stack), tmp_path_factory.mktemp("loadkit"))
        else:
            yield _named(config.getoption("--loadkit-target") or config.getini(TARGET), stack, tmp_path_factory)


def _named(name: str, stack: ExitStack, folders: pytest.TempPathFactory) -> KafkaCluster:
    """Return the cluster of a target's name or file; an embedded one is started and dies with this process."""
    from loadkit.errors import LoadkitError
    from loadkit.target import load_target
    from loadkit.targets import embedded

    try:
        found = load_target(name)
        if found.kind == "simulated":
            pytest.skip(f"kafka_cluster is a real Kafka, and --loadkit-target is {name}")
        if found.kind != "embedded":
            reached = found.client_config("admin")
            return KafkaCluster(str(reached["bootstrap.servers"]), str(Path(name).resolve()), None, reached)
        cluster = stack.enter_context(embedded.start(embedded.EmbeddedSpec.parse(found.text)))
    except LoadkitError as error:
        pytest.fail(f"no Kafka for kafka_cluster: {error}", pytrace=False)
    file = folders.mktemp("loadkit") / "cluster.toml"
    file.write_text(embedded.target_toml(cluster), encoding="utf-8")
    return KafkaCluster(cluster.bootstrap, str(file), cluster.spec.nodes, load_target(str(file)).client_config("admin"))


def _existing(bootstrap: str, folder: Path) -> KafkaCluster:
    """Return a cluster by its address; the limits that its target file must have are those of a small test."""
    file = folder / "cluster.toml"
    file.write_text(
        f'name = "existing"\n[client]\n"bootstrap.servers" = "{bootstrap}"\n[topics]\nreplication_factor = 1\n'
        'min_insync_replicas = 1\n[limits]\nmax_rate = "100MB/s"\nmax_bytes = "10GB"\nmax_partitions = 200\n',
        encoding="utf-8",
    )
    return KafkaCluster(bootstrap, str(file))


def _container(image: str, stack: ExitStack) -> str:
    """Return the address of a Kafka in a container, which goes with the session."""
    try:
        from testcontainers.kafka import KafkaContainer
    except ImportError:
        pytest.fail("--loadkit-testcontainers needs testcontainers: pip install 'testcontainers[kafka]'", pytrace=False)
    return str(stack.enter_context(KafkaContainer(image)).get_bootstrap_server())


@pytest.fixture
def kafka_load(request: pytest.FixtureRequest, tmp_path: Path) -> KafkaLoad:
    """Load on kafka_cluster, which is started when it is first needed; or on the simulated target, if that is named."""
    config = request.config
    name = config.getoption("--loadkit-target") or config.getini(TARGET)
    elsewhere = config.getoption("--loadkit-bootstrap") or config.getoption("--loadkit-testcontainers")

    def target() -> str:
        if name.startswith("simulated") and not elsewhere:
            return str(name)
        cluster: KafkaCluster = request.getfixturevalue("kafka_cluster")
        return cluster.target

    return KafkaLoad(target, tmp_path)
