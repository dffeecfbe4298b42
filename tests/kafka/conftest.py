"""Real clusters shared by the whole test run, each started when a test first asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from running import target_file

from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for all runs of a module."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def target(kafka1: EmbeddedCluster, folder: Path) -> Path:
    """Return the one-node cluster as an external target."""
    return target_file(folder, kafka1)
