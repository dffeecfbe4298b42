"""Real clusters shared by the whole test run, each started when a test first asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest
from running import QUICK, target_file

from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec

SPECS = {"kafka1": f"embedded?{QUICK}", "kafka3": f"embedded:3?{QUICK}"}


@pytest.fixture(scope="session")
def clusters(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[EmbeddedCluster]]]:
    """Return the clusters that the chosen tests ask for, all of them being started."""
    wanted = {name for item in request.session.items for name in item.fixturenames}  # type: ignore[attr-defined]
    with ThreadPoolExecutor() as pool, ExitStack() as stack:
        started = {name: pool.submit(_started, text) for name, text in SPECS.items() if name in wanted}
        for future in started.values():
            stack.callback(lambda future=future: future.result().close())
        wait(started.values())  # nodes that start take both cores from whatever runs on the others
        yield started


def _started(text: str) -> EmbeddedCluster:
    """Return a cluster that has made each node's metrics page once: the first takes a cold JVM long."""
    cluster = embedded.start(EmbeddedSpec.parse(text))
    for url in cluster.jmx_urls:
        with urlopen(url, timeout=60) as page:
            page.read()
    return cluster


@pytest.fixture(scope="session")
def kafka1(clusters: dict[str, Future[EmbeddedCluster]]) -> EmbeddedCluster:
    """Return one node for the whole run; leave it as you found it, with topics of your own names."""
    return clusters["kafka1"].result()


@pytest.fixture(scope="session")
def kafka3(clusters: dict[str, Future[EmbeddedCluster]]) -> EmbeddedCluster:
    """Return three nodes for the whole run; whoever stops or kills one starts it again."""
    return clusters["kafka3"].result()


@pytest.fixture(scope="session")
def target(kafka1: EmbeddedCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the one-node cluster as an external target."""
    return target_file(tmp_path_factory.mktemp("one"), kafka1)


@pytest.fixture(scope="session")
def three(kafka3: EmbeddedCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the three-node cluster as an external target."""
    return target_file(tmp_path_factory.mktemp("three"), kafka3)
