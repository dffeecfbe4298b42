"""Real clusters shared by the whole test run, each started when a test first asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, so that these tests can be left out with `-m 'not kafka'`."""
    config.addinivalue_line("markers", "kafka: needs a real Kafka, started by loadkit itself")


@pytest.fixture(scope="session")
def kafka1() -> Iterator[EmbeddedCluster]:
    """Return one node for the whole run; leave it as you found it, with topics of your own names."""
    with embedded.start(EmbeddedSpec.parse("embedded")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka3() -> Iterator[EmbeddedCluster]:
    """Return three nodes for the whole run; whoever stops or kills one starts it again."""
    with embedded.start(EmbeddedSpec.parse("embedded:3")) as cluster:
        yield cluster
