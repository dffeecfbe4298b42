"""Fixtures made ahead: commands that mostly wait are under way several at once while the first tests go on.

`@ahead` makes a module's fixture of a function that runs something and returns what it left. When a test first asks for
one, all those that the module's chosen tests ask for are begun, in that order and `AT_ONCE` at a time, each in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from inspect import Parameter, Signature, signature
from typing import Any

import pytest

AT_ONCE = 3
"""A run takes about half a core, so this many keep two busy and leave each its share."""

_made: dict[tuple[str, str], Callable[..., Any]] = {}


def ahead(make: Callable[..., Any]) -> Any:
    """Return a fixture whose value `make` returns; its parameters are fixtures that are not made ahead themselves."""
    _made[make.__module__, make.__name__] = make

    def value(begun: dict[str, Future[Any]], **_: Any) -> Any:
        return begun[make.__name__].result()

    parts = [Parameter(name, Parameter.KEYWORD_ONLY) for name in ("begun", *signature(make).parameters)]
    value.__signature__ = Signature(parts)  # type: ignore[attr-defined]  # so that pytest knows what is asked for
    return pytest.fixture(scope="module", name=make.__name__)(value)


@contextmanager
def begin(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Any]]]:
    """Yield by name what the chosen tests of a module will ask for, all of it begun; what is not is dropped in the end."""
    items = [item for item in request.session.items if item.module is request.module]  # type: ignore[attr-defined]
    names = dict.fromkeys(name for item in items for name in item.fixturenames)  # type: ignore[attr-defined]
    makers = {name: _made[request.module.__name__, name] for name in names if (request.module.__name__, name) in _made}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            yield {
                name: pool.submit(make, **{part: request.getfixturevalue(part) for part in signature(make).parameters})
                for name, make in makers.items()
            }  # fmt: skip
        finally:
            pool.shutdown(cancel_futures=True)
