"""What holds for every test."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from ahead import AT_ONCE, Begun
from hypothesis import settings

settings.register_profile(
    "loadkit", deadline=None, max_examples=40
)  # machines are shared: none may fail for being slow
settings.register_profile("thorough", deadline=None, max_examples=400)
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


@pytest.fixture(scope="session", autouse=True)
def begun(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begun]:
    """Return what is under way of `@ahead`: from the beginning all that needs no other fixture."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = Begun(pool, tmp_path_factory)
        begun.begin(request.session.items)
        yield begun
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def begun_here(request: pytest.FixtureRequest, begun: Begun) -> Begun:
    """Return the same, with the rest of what this module's tests ask for."""
    begun.begin([item for item in request.session.items if item.module is request.module], request.getfixturevalue)  # type: ignore[attr-defined]
    return begun


@pytest.fixture
def alone(begun: Begun) -> None:
    """Return when nothing is under way but the test that asks."""
    wait(begun.futures.values())
