"""What holds for every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import ahead
import pytest
from hypothesis import settings

settings.register_profile("loadkit", deadline=None)  # machines are shared: no test may fail for being slow
settings.load_profile("loadkit")

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A shell ignores it for what it starts with `&`, and so would every process that a test starts and interrupts."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what needs a real Kafka last: the other tests tell more quickly what is wrong."""
    items.sort(key=lambda item: item.get_closest_marker("kafka") is not None)


@pytest.fixture(scope="module")
def begun(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Any]]]:
    """Return what a module's `@ahead` fixtures wait for, all of it under way."""
    with ahead.begin(request) as futures:
        yield futures
