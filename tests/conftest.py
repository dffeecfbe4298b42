"""What holds for every test."""

from __future__ import annotations

import signal
import sys
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


@pytest.fixture(autouse=True)
def without_locust() -> Iterator[None]:
    """Fail a test that imports Locust into the test run: threads would be greenlets for all tests after it.

    What needs Locust is run as a command, as its users do.
    """
    yield
    if "locust" in sys.modules and not _said:
        _said.append("locust")
        pytest.fail(
            "this test, or an import before it, brought Locust into the test run: run it in a process of its own"
        )


_said: list[str] = []


@pytest.fixture(scope="module")
def begun(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Any]]]:
    """Return what a module's `@ahead` fixtures wait for, all of it under way."""
    with ahead.begin(request) as futures:
        yield futures
