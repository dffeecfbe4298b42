"""Samples of the target beside the trial: a broker that answers late holds up nothing but its own row."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from loadkit.boundaries import Site
from loadkit.errors import RunError, TargetError

Rows = list[dict[str, Any]]


class Sampler:
    """Takes one sample at a time; one that is due while another is under way is left out."""

    def __init__(
        self, site: Site, spawn: Callable[..., Any], call: Callable[[Callable[[], Any]], Any],
        take: Callable[[Rows], None], fail: Callable[[RunError], None],
    ) -> None:  # fmt: skip
        self._site, self._spawn, self._call, self._take, self._fail = site, spawn, call, take, fail
        self._under_way: Any = None

    def begin(self, second: int, phase: str) -> None:
        """Begin a sample for this second of the run, unless one is under way."""
        if self._under_way is None or self._under_way.ready():
            self._under_way = self._spawn(self._sample, second, phase)

    def end(self) -> None:
        """Return when none is under way."""
        if self._under_way is not None:
            self._under_way.join()

    def _sample(self, second: int, phase: str) -> None:
        try:
            with suppress(OSError, TargetError):  # a sample that fails is missing; a RunError ends the run
                self._take(self._call(lambda: self._site.sample(second, phase)))
        except RunError as error:
            self._fail(error)
