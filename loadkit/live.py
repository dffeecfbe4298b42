"""Who watches the trials of a command: its terminal, and Prometheus where `--metrics` asks for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from loadkit.session import virtual  # isort: skip  # first: it brings Locust, which patches sockets
from loadkit.boundaries import NOBODY, Observer, Progress
from loadkit.errors import UsageError
from loadkit.observed import Observed
from loadkit.progress import Shown
from loadkit.telemetry.exporter import FLAG, serving


@dataclass(frozen=True, slots=True)
class Watched:
    """What a command needs to let its trials be watched."""

    shown: Shown
    seen: Observed
    served: bool

    @property
    def observer(self) -> Observer:
        """What trials tell their seconds to: nothing is gathered where nobody looks."""
        return self.seen if self.served or self.shown.moves else NOBODY

    def hear(self, progress: Progress) -> Progress:
        """Return a progress of trials whose phases are seen as well."""
        return self.seen.heard(progress)


@contextmanager
def watched(metrics: str | None, target: str, public: bool) -> Iterator[Watched]:
    """Show on the terminal, and serve at the address that `metrics` names, while the context lasts.

    `public`: other machines may reach it.

    Raises UsageError where the address cannot be served.
    """
    if metrics and virtual(target):
        raise UsageError(f"{FLAG}: {target} is over before it could be scraped (virtual time); use simulated?sink=1")
    seen = Observed()
    with closing(Shown(sys.stderr, seen)) as shown, serving(metrics, seen, public):
        yield Watched(shown, seen, bool(metrics))
