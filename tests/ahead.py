"""Fixtures made ahead: commands that mostly wait are under way in the background while other tests go on.

`@ahead` makes a module's fixture of a function that runs something and returns what it left. Those that the chosen tests
ask for are begun in the tests' order, `AT_ONCE` at a time: what needs no other fixture when the session begins, the rest
when its module first asks. A parameter `folder` is a new folder of its own; any other is a fixture not made ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from inspect import Parameter, Signature, signature
from typing import Any

import pytest

AT_ONCE = 3
"""A run takes about half a core, so this many keep two busy and leave each its share."""

_makers: dict[tuple[str, str], Callable[..., Any]] = {}
"""By module and name."""


def ahead(make: Callable[..., Any]) -> Any:
    """Return a fixture whose value `make` returns."""
    key = make.__module__, make.__name__
    _makers[key] = make

    def value(begun_here: Begun, **_: Any) -> Any:
        return begun_here.futures[key].result()

    parts = [Parameter(name, Parameter.KEYWORD_ONLY) for name in ("begun_here", *_fixtures(make))]
    value.__signature__ = Signature(parts)  # type: ignore[attr-defined]  # so that pytest knows what is asked for
    return pytest.fixture(scope="module", name=make.__name__)(value)


def parts(of: str, *names: str) -> tuple[Any, ...]:
    """Return a fixture for each part of the tuple that the module's fixture `of` is, in their order."""

    def one(at: int, name: str) -> Any:
        def value(**made: Any) -> Any:
            return made[of][at]

        asks = Signature([Parameter(of, Parameter.KEYWORD_ONLY)])
        value.__signature__ = asks  # type: ignore[attr-defined]  # so that pytest knows what is asked for
        return pytest.fixture(scope="module", name=name)(value)

    return tuple(one(at, name) for at, name in enumerate(names))


def _fixtures(make: Callable[..., Any]) -> list[str]:
    return [name for name in signature(make).parameters if name != "folder"]


class Begun:
    """What is under way, or has been."""

    def __init__(self, pool: ThreadPoolExecutor, folders: pytest.TempPathFactory) -> None:
        self._pool, self._folders = pool, folders
        self.futures: dict[tuple[str, str], Future[Any]] = {}

    def begin(self, items: Iterable[Any], fixture: Callable[[str], Any] | None = None) -> None:
        """Begin what these tests ask for; without a function that returns a fixture by name only what needs none."""
        for item in items:
            for key in ((item.module.__name__, name) for name in item.fixturenames):
                if key in _makers and key not in self.futures and (fixture or not _fixtures(_makers[key])):
                    self.futures[key] = self._begin(_makers[key], fixture)

    def _begin(self, make: Callable[..., Any], fixture: Callable[[str], Any] | None) -> Future[Any]:
        values = {name: fixture(name) for name in _fixtures(make)} if fixture else {}
        if "folder" in signature(make).parameters:
            values["folder"] = self._folders.mktemp(make.__name__)
        return self._pool.submit(make, **values)
