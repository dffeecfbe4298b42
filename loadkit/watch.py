"""Looks once at a trial outside of factorial blocks, a third into its measured phase, and ends it if it is hopeless.

The look reads what the trial has written, as a report would: about 15 ms of one core, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from loadkit.boundaries import Progress
from loadkit.result import load
from loadkit.session import Session
from loadkit.site import Say
from loadkit.summary import summarise
from loadkit.sweep.budget import EARLIEST, hopeless
from loadkit.sweep.spec import Record


class Watch:
    """The progress of a sweep's trials on its way to the terminal."""

    def __init__(self, shown: Progress, say: Say, objective: str) -> None:
        self._shown, self._say, self._objective = shown, say, objective
        self._trial: tuple[Session, Path, Sequence[Record]] | None = None

    def over(self, session: Session | None, out: Path, done: Sequence[Record]) -> None:
        """Watch over the next trial, which may be given up by what others have measured; without a session, do not."""
        self._trial = (session, out, done) if session else None

    def __call__(self, phase: str, text: str, passed: float, total: float | None) -> None:
        """Pass on the progress, and end the trial where its time has come and it is hopeless."""
        self._shown(phase, text, passed, total)
        if self._trial is None or phase != "measure" or not total or passed < EARLIEST * total:
            return
        session, out, done = self._trial
        self._trial = None
        if why := hopeless(self._objective, summarise(load(out)).metrics, done):
            self._say(f"{out.name} is ended early: {why}")
            session.end()
