"""Progress with time left: a view that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

from time import monotonic
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from loadkit.live_view import bars_for, view
from loadkit.observed import Observed
from loadkit.secrets import MASK
from loadkit.units import format_duration

EVERY = 5.0
"""Seconds between two plain lines of one phase."""
AGAIN = 0.4
"""Seconds between two pictures of a view that moves."""


class Shown:
    """Shows the phase a run is in and, on a terminal, what is observed of it."""

    def __init__(self, stream: TextIO, seen: Observed | None = None) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._seen = seen
        self._live: Live | None = None
        self._phase, self._said, self._drawn = "", 0.0, 0.0

    def __call__(self, phase: str, text: str, passed: float, total: float | None) -> None:
        """Show a phase, how long it has lasted, and how long it will."""
        left = "" if total is None else f", {format_duration(max(0.0, total - passed))} left"
        line = f"{phase} {format_duration(passed) if passed >= 1 else ''}{left if passed else ''} {text}".rstrip()
        if self._console.is_terminal:
            self._draw(phase, line)
        elif phase != self._phase or passed - self._said >= EVERY:
            self._console.print(line)
            self._said = passed
        if phase != self._phase:
            self._phase, self._said = phase, 0.0

    def _draw(self, phase: str, line: str) -> None:
        """Draw the view anew, a few times a second at most."""
        now = monotonic()
        if phase == self._phase and now - self._drawn < AGAIN:
            return
        self._drawn = now
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        more = [view(self._seen, bars_for(self._console.encoding))] if self._seen else []
        self._live.update(Group(Text(line), *more), refresh=True)

    @property
    def moves(self) -> bool:
        """Whether it is a terminal, where a line can be written over."""
        return self._console.is_terminal

    def say(self, text: str) -> None:
        """Print a line of its own."""
        self._console.print(MASK.text(text), markup=False)

    def close(self) -> None:
        """Take the moving view away."""
        if self._live:
            self._live.stop()
            self._live = None


class Counted:
    """Shows which of many trials is under way; where lines do not move, only what is said of each at its end."""

    def __init__(self, shown: Shown) -> None:
        self._shown, self._place, self._whole = shown, "", ""

    def begin(self, place: str, whole: str) -> None:
        """Begin a trial: its place among all, and what is to be said of the whole."""
        self._place, self._whole = place, whole

    def __call__(self, phase: str, text: str, passed: float, total: float | None) -> None:
        """Show a phase of the trial under way."""
        if self._shown.moves:
            self._shown(f"{self._place} {phase}", f"{text}; {self._whole}", passed, total)
